"""OpenID Connect: the relying party of each connection (OpenID Connect Core, Discovery, logout).

authlib could carry the flow; what decides is verified here, token by token, with joserfc's
signatures and nothing else of its judgement.

**Invariant:** nothing is fetched while a transaction is open, and no provider's word is believed
before its signature, issuer and audience are.
"""
