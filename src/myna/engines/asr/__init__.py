"""ASR engines, one file each."""
