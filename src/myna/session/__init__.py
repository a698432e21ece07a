"""One conversation, live: it hears, thinks, speaks, and is owned by one task."""
