"""VAD engines, one file each."""
