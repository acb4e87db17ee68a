"""Everything that is measured, by name."""

from tests.bench.operations import PROVISIONING, Operation
from tests.bench.people import PEOPLE

OPERATIONS: tuple[Operation, ...] = (*PROVISIONING, *PEOPLE)


def named(text: str) -> list[Operation]:
    """Return the operations whose name holds the text, whatever the case."""
    return [each for each in OPERATIONS if text.casefold() in each.name.casefold()]
