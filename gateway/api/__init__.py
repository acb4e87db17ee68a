"""The management API: programs that manage an organisation, one declaration per endpoint.

Invariant: no rule lives here. An endpoint reads its request, calls one verb, and writes the answer.
"""
