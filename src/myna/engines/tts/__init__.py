"""TTS engines, one file each."""
