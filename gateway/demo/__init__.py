"""The demo: a whole installation on one machine, provisioned before your eyes.

It runs the product's own server and worker as processes and talks to them over HTTP, as an
identity provider and an administrator would.

Invariant: nothing here is a way around the product. What no API can do yet (founding an
organisation, proving a domain) is done by the verbs that the command line calls.
"""
