"""What leaves the house, and what happens without a request: mail, sealing, ends by time.

Invariant: nothing is sent while a transaction is open, and nothing is sent that is not a row of
the outbox.
"""
