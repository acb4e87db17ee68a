"""What a client must refuse, each made from what it would take; and twins that it must take.

`ATTACKS` and `TWINS` list them by name. Each says where the provider deviates and how.

**Invariant:** what an attack may be answered with is not said here: that is the victim's business.
"""

from idp_fixtures.openid_provider.hostile import (
    answers,
    claims,
    documents,
    logouts,
    signatures,
    twins,
    ways_back,
)
from idp_fixtures.openid_provider.hostile.scenes import ATTACKS, EVIL, TWINS, Attack, Scene

__all__ = [
    "ATTACKS",
    "EVIL",
    "TWINS",
    "Attack",
    "Scene",
    "answers",
    "claims",
    "documents",
    "logouts",
    "signatures",
    "twins",
    "ways_back",
]
