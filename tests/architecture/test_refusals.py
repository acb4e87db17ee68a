from gateway.api.problems import STATUSES
from gateway.scim.errors import SCIM_ERRORS
from tests.architecture.reference import refusals


def test_every_refusal_has_a_form_in_the_api() -> None:
    assert set(STATUSES) == set(refusals())


def test_every_refusal_has_a_form_in_scim() -> None:
    assert set(SCIM_ERRORS) == set(refusals())


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in refusals()]
    assert len(codes) == len(set(codes))
