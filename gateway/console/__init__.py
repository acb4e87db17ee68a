"""Pages for people: signing in, proving an account, signing out.

Invariant: no rule lives here. A page reads its form, calls verbs, and shows what came of it;
passwords are compared with no transaction open.
"""

from gateway.console.blueprint import blueprint

__all__ = ["blueprint"]
