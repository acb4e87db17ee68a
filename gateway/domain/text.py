"""Text as it is compared: one folding for user names, group names, addresses and role names."""

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")

_DISGUISED = frozenset("\u212a\u037e\u1fef")
"""What is no ASCII character, and composed becomes one."""


def is_one_line(text: str) -> bool:
    """Whether a stranger's text is one line without control characters; it may be empty."""
    return not _CONTROL.search(text)


def fold(text: str) -> str:
    """Return `text` as case-insensitive comparison sees it (NFC, casefold, NFC).

    Computed in Python for both databases: SQLite's lower() knows ASCII only.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def differ_by_case_alone(one: str, other: str) -> bool:
    """Whether two texts are letter for letter the same, upper or lower case.

    `fold` is wider: it makes `ss` of `ß` and `k` of the sign for kelvin, which an identity provider
    takes for names of different people.
    """
    if one == other:
        return True
    if _DISGUISED & {*one, *other}:
        return False
    pairs = unicodedata.normalize("NFC", one), unicodedata.normalize("NFC", other)
    return len(pairs[0]) == len(pairs[1]) and all(map(_same_letter, *pairs))


def _same_letter(one: str, other: str) -> bool:
    return one.isascii() == other.isascii() and one.casefold() == other.casefold()
