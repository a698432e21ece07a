"""Conformance suites: derive a test class from the suite of an engine's kind, or of stores, and give it the engine.

They need pytest.
"""

import pytest

KINDS = ("asr", "embed", "llm", "store", "store_turns", "tts", "turn", "vad")

pytest.register_assert_rewrite(*(f"{__name__}.{kind}" for kind in KINDS))
