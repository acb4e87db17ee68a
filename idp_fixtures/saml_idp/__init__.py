"""A SAML identity provider of our own: as a library, and as a small server.

It signs, encrypts, logs out, rolls its keys over and sends groups as Okta, Entra and Google do;
asked to, it misbehaves in every way that a service provider must withstand.

**Invariant:** nothing here imports the gateway, and nothing judges a message as the gateway does.
"""
