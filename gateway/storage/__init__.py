"""Tables, engine, unit of work and migrations. Knows SQL, knows no rule.

Invariant: no Flask import; a transaction is committed in exactly one place (unit_of_work).
"""
