"""Faults of engines as a Realtime client sees them: one clear event, and the same socket answers the next turn."""

from collections.abc import Callable, Mapping

import anyio
import numpy as np
import pytest
from tests.server.serving import choice, serving_engines
from tests.session.faulty import ANSWER, BadASR, BadLLM, BadTTS, BadVAD, EndlessLLM, Fault, Trouble, die, hang

from myna.config.settings import Settings
from myna.engines.opening import Choice, Kind
from myna.testing.asr import ScriptedASR
from myna.testing.lines import open_realtime_line
from myna.testing.llm import ScriptedLLM
from myna.testing.microphone import Expect, Say, Silence, converse
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

LOUD = np.full(8_000, 0.5, np.float32)
LIMITS = {f"{name}_timeout_s": 1.0 for name in ("generation", "first_token", "idle", "hear", "speak")}

DEAF_S = 5.0
"""A VAD that failed is not asked again for so long."""


def trouble(fault: Fault) -> Trouble:
    """Over before the second turn."""
    return Trouble(fault, anyio.current_time() + 3.0)


WRONG: Mapping[str, Callable[[], dict[Kind, Choice]]] = {
    "a VAD that dies": lambda: {"vad": choice(BadVAD(trouble(die)))},
    "an ASR that hangs": lambda: {"asr": choice(BadASR(trouble(hang), partial=False))},
    "an LLM that does not begin": lambda: {"llm": choice(BadLLM(trouble(hang), 0))},
    "an LLM that dies in its midst": lambda: {"llm": choice(BadLLM(trouble(die), 1))},
    "an LLM without end": lambda: {"llm": choice(EndlessLLM("一句话。"))},
    "a TTS that hangs in its midst": lambda: {"tts": choice(BadTTS(trouble(hang), 1))},
}


@pytest.mark.parametrize("fault", WRONG)
async def test_a_fault_is_told_once_and_the_same_socket_answers_the_next_turn(fault: str, weights: Weights) -> None:
    engines: dict[Kind, Choice] = {
        "vad": choice(ScriptedVAD()),
        "asr": choice(ScriptedASR("你好")),
        "llm": choice(ScriptedLLM(ANSWER)),
        "tts": choice(ScriptedTTS()),
    }
    settings = Settings.model_validate({"session": LIMITS})
    async with serving_engines(weights, engines | WRONG[fault](), settings) as clients:
        url = str(clients.http.base_url).replace("http", "ws")
        async with open_realtime_line(f"{url.rstrip('/')}/v1/realtime") as line:
            script = [
                Say(LOUD),
                Expect("failed", within_s=20),
                Silence(DEAF_S if "VAD" in fault else 2.0),
                Say(LOUD),
                Expect("said", ANSWER),
            ]
            notes = await converse(line, script)
    [told] = [note.text for note in notes if note.kind == "failed"]
    code, message = told.split(": ", 1)
    assert code in {"engine_timeout", "engine_unavailable"}
    assert message
