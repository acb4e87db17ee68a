"""The rules of the product, as tables and properties: no database."""
