"""What every page that people see has in common: cookies, headers, frames of pages, CSRF.

Invariant: no rule and no row; nothing here is read from a request's Host header.
"""
