"""How a session is spoken over a line: a codec each, decoding to commands and encoding events. No I/O, no clock."""
