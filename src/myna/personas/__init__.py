"""Who speaks: the persona, how one is read from a file, and the built-in ones as data."""
