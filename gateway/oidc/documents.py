"""JSON that strangers send: UTF-8, each name once, finite numbers, bounded depth."""

import json
from typing import Any, NoReturn

from gateway.domain.judging import Unacceptable

DEPTH = 12


def parsed(text: bytes | str, what: str) -> dict[str, Any]:
    """Return a JSON object.

    :raises Unacceptable: anything else, a name twice, a number that is none, or too deep.
    """
    try:
        said = text.decode() if isinstance(text, bytes) else text
        value = json.loads(said, object_pairs_hook=_once, parse_constant=_no_number)
        # Half a character has no form that could be stored or sent.
        json.dumps(value, ensure_ascii=False).encode()
        shallow = _depth(value) <= DEPTH
    except (ValueError, RecursionError):
        raise Unacceptable("malformed", f"{what} is no JSON object") from None
    if not isinstance(value, dict) or not shallow:
        raise Unacceptable("malformed", f"{what} is no JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((_depth(each) for each in inner), default=0)
