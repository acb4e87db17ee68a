"""How a test writes a document into a form."""

import base64


def in_base64(document: bytes) -> str:
    """Return a document as a form carries it."""
    return base64.b64encode(document).decode()
