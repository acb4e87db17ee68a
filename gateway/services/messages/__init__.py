"""Mails as text and HTML: the catalogue of every message, and how one is written.

Invariant: nobody else's words are markup or a link here. Facts are plain text, and the only address
that a mail leads to is the one that its sender gives for the button.
"""

from gateway.services.messages.writing import TYPES, Letter, write

__all__ = ["TYPES", "Letter", "write"]
