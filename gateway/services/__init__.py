"""The verbs of the product: the only code that changes rows.

Invariant: no HTTP, no network, no commit. A verb takes a UnitOfWork first.
"""
