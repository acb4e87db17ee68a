"""Identity providers as they really behave: a directory, Okta, Entra ID, and recorded sequences.

The demo, the tests and the benchmark all provision through this package, over HTTP.

**Invariant:** nothing here imports the gateway. What it knows of the product is what an identity
provider knows: a base URL, a token and the SCIM RFCs.
"""
