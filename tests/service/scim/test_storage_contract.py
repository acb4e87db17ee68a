"""scim2-server's storage contract, every test of it, on both databases."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import pytest
from scim2_models import ScimProvider
from scim2_server.storage import SearchPage
from scim2_server.testing import ScimStorageContract

from gateway.scim.models import provider
from gateway.scim.storage import DirectoryStorage
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import House, house

T = TypeVar("T")


class UnitPerCall(DirectoryStorage):
    """Runs each call in a unit of its own, as each request does."""

    def __init__(self, work: Work, house: House) -> None:
        self.work = work
        self.house = house

    def get(self, *args: Any, **kwargs: Any) -> Any:
        with self.work.read(self.house.organisation_id) as uow:
            return DirectoryStorage(uow, self.house.connection).get(*args, **kwargs)

    def search(self, *args: Any, **kwargs: Any) -> SearchPage:
        with self.work.read(self.house.organisation_id) as uow:
            return DirectoryStorage(uow, self.house.connection).search(*args, **kwargs)

    def create(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(lambda storage: storage.create(*args, **kwargs))

    def update(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(lambda storage: storage.update(*args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> None:
        self._run(lambda storage: storage.delete(*args, **kwargs))

    def operation(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _run(self, call: Callable[[DirectoryStorage], T]) -> T:
        def verb(uow: UnitOfWork) -> T:
            return call(DirectoryStorage(uow, self.house.connection))

        return self.work.run(self.house.organisation_id, self.house.idp, verb)


class TestTheDirectoryIsASCIMStorage(ScimStorageContract):
    """Nothing of the contract is left out: search at the root, sorting and cursors are served."""

    @pytest.fixture
    def provider(self) -> ScimProvider:
        return provider()

    @pytest.fixture
    def storage(self, work: Work) -> UnitPerCall:
        return UnitPerCall(work, house(work))
