import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.fixed_engines import (
    FixedASR,
    FixedASROptions,
    FixedLLM,
    FixedLLMOptions,
    FixedTTS,
    FixedTTSOptions,
    chosen,
    install,
)

from myna.engines.base import ASROptions, LLMMessage, LLMRequest, TextDelta, VoiceStyle

ROOT = Path(__file__).parents[2]


def test_a_process_that_is_told_where_the_package_lies_finds_its_engines(tmp_path: Path):
    install(tmp_path)
    shown = subprocess.run(
        [Path(sys.executable).with_name("myna"), "config", "show"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "MYNA_HOME": str(tmp_path), **chosen("llm", "asr", delay_s=0.25)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert shown.returncode == 0, shown.stderr
    assert "fixed_llm" in shown.stdout
    assert "fixed_asr.delay_s" in shown.stdout


@pytest.mark.anyio
async def test_they_do_what_their_options_say():
    heard = await FixedASR(FixedASROptions(text="hello")).transcribe(np.zeros(1600, np.float32), ASROptions())
    assert heard.text == "hello"
    speech = [one async for one in FixedTTS(FixedTTSOptions(length_s=0.5)).synthesize("x", VoiceStyle("any"))]
    assert [len(one.samples) for one in speech] == [12_000]


@pytest.mark.anyio
@pytest.mark.parametrize(("repeats", "answer"), [(False, "Yes."), (True, "Tell me.")])
async def test_the_llm_answers_as_told_or_repeats(*, repeats: bool, answer: str):
    request = LLMRequest((LLMMessage("system", "Be kind."), LLMMessage("user", "Tell me.")))
    deltas = [delta async for delta in FixedLLM(FixedLLMOptions(text="Yes.", repeats=repeats)).generate(request)]
    assert deltas[0] == TextDelta(answer)
