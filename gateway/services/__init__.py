"""Verbs: the only code that changes rows.

Invariant: a verb takes the unit of work first, never commits, and sees neither HTTP nor network.
"""
