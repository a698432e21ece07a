"""Conformance suites: derive a test class from the suite of an engine's kind, and give it the engine. Needs pytest."""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{kind}" for kind in ("asr", "embed", "llm", "tts", "turn", "vad")))
