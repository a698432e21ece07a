"""Character cards: read from JSON, PNG and CHARX and written again, and made into personas. They are untrusted."""
