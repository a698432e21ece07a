"""Lorebooks: what a persona is told when certain words fall."""
