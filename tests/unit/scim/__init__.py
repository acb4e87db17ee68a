"""SCIM without a database."""
