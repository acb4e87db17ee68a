"""Identity providers that others wrote, run from their packages on loopback."""
