"""Whether a request that changes something comes from a page of ours.

Three walls: the browser says where the request comes from (Origin, Sec-Fetch-Site), the cookie does
not travel with another site's forms, and the page repeats a secret that only it can read.
"""

import hashlib
import hmac
import secrets

from flask import Request

HEADER = "X-CSRF-Token"
FIELD = "form_token"


def form_token(secret: str) -> str:
    """Return what our pages repeat: a digest of a secret in a cookie that no script can read."""
    return hmac.new(secret.encode(), b"form token", hashlib.sha256).hexdigest()


def is_ours(request: Request, origin: str) -> bool:
    """Whether the browser says that the request was made by a page of this origin.

    A browser that says nothing is believed only where it is no browser's form: it sends no Origin
    and no Sec-Fetch-Site; the form token then decides alone.
    """
    said = request.headers.get("Origin")
    if said is not None and said != origin:
        return False
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


def repeats(request: Request, secret: str) -> bool:
    """Whether the request repeats the form token that belongs to the secret."""
    given = request.headers.get(HEADER) or request.form.get(FIELD) or ""
    return secrets.compare_digest(given.encode(), form_token(secret).encode())
