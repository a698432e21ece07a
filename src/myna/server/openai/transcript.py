"""A transcript in the formats that OpenAI has: a JSON object, more of one, plain text, subtitles."""

import zlib
from collections.abc import Sequence
from typing import Any

from myna.engines.base import Transcript, TranscriptSegment, Word
from myna.server.openai.languages import language_name


def brief(transcript: Transcript, duration_s: float) -> dict[str, Any]:
    """``json``."""
    return {"text": transcript.text, "usage": _usage(duration_s)}


def verbose(transcript: Transcript, duration_s: float, *, words: bool, segments: bool) -> dict[str, Any]:
    """``verbose_json``, with its words, its segments or both."""
    told: dict[str, Any] = {
        "task": "transcribe",
        "language": language_name(transcript.language),
        "duration": round(duration_s, 3),
        "text": transcript.text,
    }
    if words:
        told["words"] = [_word(word) for segment in transcript.segments for word in segment.words]
    if segments:
        told["segments"] = [_segment(place, segment) for place, segment in enumerate(transcript.segments)]
    return told | {"usage": _usage(duration_s)}


def srt(segments: Sequence[TranscriptSegment]) -> str:
    """SubRip subtitles."""
    blocks = (f"{place}\n{_line(segment, ',')}\n" for place, segment in enumerate(segments, 1))
    return "\n".join(blocks)


def vtt(segments: Sequence[TranscriptSegment]) -> str:
    """WebVTT subtitles."""
    return "\n".join(("WEBVTT\n", *(f"{_line(segment, '.')}\n" for segment in segments)))


def _line(segment: TranscriptSegment, point: str) -> str:
    text = segment.text.strip().replace("-->", "->")  # which would be another cue
    return f"{_time(segment.start_s, point)} --> {_time(segment.end_s, point)}\n{text}"


def _time(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"


def _usage(duration_s: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": round(duration_s, 3)}


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.text.strip(), "start": round(word.start_s, 3), "end": round(word.end_s, 3)}


def _segment(place: int, segment: TranscriptSegment) -> dict[str, Any]:
    """A segment. What an ASR engine does not tell is there too, empty or 0: typed clients require it."""
    text = segment.text.encode(errors="replace")
    return {
        "id": place,
        "seek": round(segment.start_s * 100),
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 3),
        "no_speech_prob": 0.0,
    }
