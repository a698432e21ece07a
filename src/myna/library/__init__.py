"""The Python face: `LLM`, `Agent`, `Session`, `serve`. `myna` re-exports it lazily; import it from there."""
