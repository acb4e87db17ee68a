"""Random histories, and what holds after every one of their steps."""
