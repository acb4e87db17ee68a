"""Text as it is compared: one folding for user names, group names, addresses and role names."""

import unicodedata


def fold(text: str) -> str:
    """Return `text` as case-insensitive comparison sees it (NFC, casefold, NFC).

    Computed in Python for both databases: SQLite's lower() knows ASCII only.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
