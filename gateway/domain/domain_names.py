"""Names of the DNS, as they are kept and compared: lower-cased A-labels."""

import re

LONGEST = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")

_AMBIGUOUS = frozenset("ßẞς\u200c\u200d")
"""Characters that IDNA 2003 and 2008 turn into two different names: neither is taken."""

_SECOND_LEVELS = frozenset(
    {"ac", "co", "com", "edu", "gob", "gouv", "gov", "mil", "net", "nom", "org", "sch"}
)
"""Labels under which a country's registry lets others register, as in `co.uk`."""

_SHARED = frozenset(
    {
        "amazonaws.com",
        "appspot.com",
        "azurewebsites.net",
        "blogspot.com",
        "cloudfront.net",
        "firebaseapp.com",
        "github.io",
        "gitlab.io",
        "herokuapp.com",
        "myshopify.com",
        "netlify.app",
        "onmicrosoft.com",
        "pages.dev",
        "vercel.app",
        "web.app",
        "workers.dev",
    }
)
"""Well-known domains below which everybody gets a name. Others are kept out by their DNS alone."""


def a_labels(text: str) -> str | None:
    """Return a name of at least two labels in its one form; None where a text is none.

    A final dot goes. An IP address is no name, nor is what two versions of IDNA read differently.
    """
    if len(text) > LONGEST or _AMBIGUOUS & set(text):
        return None
    try:
        name = text.removesuffix(".").encode("idna").decode("ascii").lower()
        name.encode("ascii").decode("idna")
    except UnicodeError:
        return None
    labels = name.split(".")
    proper = len(labels) >= 2 and len(name) <= LONGEST and all(map(_LABEL.fullmatch, labels))
    return name if proper and not labels[-1].isdigit() else None


def is_shared(name: str) -> bool:
    """Whether a domain is nobody's alone: others register below it."""
    first, _, rest = name.partition(".")
    return name in _SHARED or (len(rest) == 2 and first in _SECOND_LEVELS)
