"""LLM engines, one file each."""
