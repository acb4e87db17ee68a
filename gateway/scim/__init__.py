"""SCIM 2.0 (RFC 7643, 7644, 9865) towards identity providers, at /scim/v2/{connection}.

Reads the wire, calls one verb, writes the wire.

**Invariant:** no rule lives here. What a request means for members, seats and access is the
verbs' business; this room knows attribute names, dialects, filters and status codes.
"""
