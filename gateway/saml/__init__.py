"""SAML 2.0 (core, bindings, profiles, metadata) towards identity providers, at /saml/{slug}.

Reads a message, judges it, calls one verb, answers. What a message is judged by is the
connection's settings and an attempt that we began; time comes in.

**Invariant:** no library sees bytes that the gate has not let in; only `verify` imports the SAML
library; nothing that a message or a request's Host header says decides an address of ours.
"""
