"""An OpenID provider of our own: as a library, and as a small server.

It signs people in with code and PKCE, logs out both ways, rolls its keys over and sends groups as
Okta, Entra and Google do; asked to, it misbehaves in every way that a client must withstand.

**Invariant:** nothing here imports the gateway, and tokens are written without the library that
clients read them with.
"""
