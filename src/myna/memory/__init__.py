"""What is remembered of the user: kept, found again by meaning, and forgotten when told so."""
