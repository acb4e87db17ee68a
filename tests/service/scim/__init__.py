"""SCIM against real databases."""
