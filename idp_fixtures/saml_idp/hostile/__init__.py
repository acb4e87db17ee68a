"""Messages that a service provider must refuse, each made from one that it would take.

`ATTACKS` lists them by name. Each takes a scene and returns a document.

**Invariant:** what an attack may be answered with is not said here: that is the victim's business.
"""

from idp_fixtures.saml_idp.hostile import ciphers, documents, signatures, wrapping
from idp_fixtures.saml_idp.hostile.scenes import ATTACKS, EVIL, Scene

__all__ = ["ATTACKS", "EVIL", "Scene", "ciphers", "documents", "signatures", "wrapping"]
