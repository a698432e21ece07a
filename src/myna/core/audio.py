"""PCM arithmetic: 16-bit little-endian mono, as it crosses every border of Myna."""

HEARING_RATE = 16_000
"""Sample rate in Hz of everything that is heard: what VAD, turn detectors and ASR were trained on."""

BYTES_PER_SAMPLE = 2


def duration_ms(pcm: bytes | bytearray, sample_rate: int) -> float:
    """How long ``pcm`` (16-bit mono at ``sample_rate`` Hz) lasts, in milliseconds."""
    return len(pcm) / BYTES_PER_SAMPLE / sample_rate * 1000
