import pytest

from tests.architecture.reference import FOLDER, PAGES, rendered


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_says_what_the_code_does(page: str) -> None:
    """Run `make docs` where this fails."""
    assert (FOLDER / page).read_text() == rendered()[page]
