"""What the gateway asks of the internet: guarded HTTP and DNS.

An address that an organisation's admin typed in is an attacker's: it may name this host, its
neighbours, the cloud's metadata service, or a name that changes its mind between two look-ups.

**Invariant:** nothing else in the product opens a connection to where a tenant points.
"""
