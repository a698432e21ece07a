"""The real LLaMA-Factory on the CPU, with the starter LLM; `make test-llamafactory` brings both."""

import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.engines.llm.llamafactory.machine import Machine
from tests.engines.llm.llamafactory.record import record

from myna.engines.base import LLM, LLMMessage, LLMRequest, Sampling, TextDelta
from myna.engines.llm.llamafactory.check import check
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.plugin import open_llamafactory
from myna.testing.conformance.llm import LLMConformance

pytestmark = [pytest.mark.anyio, pytest.mark.llamafactory]

PLACE = Path(os.environ.get("MYNA_TEST_LLAMAFACTORY", ".venv-llamafactory")).absolute()
RECORDED = Path(__file__).parent / "recordings" / "chat_0_9_5.json"
PATIENCE_S = 600.0


def real(machine: Machine, **more: Any) -> LlamaFactoryOptions:
    """What reaches the real one; skips where there is none."""
    if not (PLACE / "model").exists():
        pytest.skip(f"There is no LLaMA-Factory in {PLACE}: scripts/llamafactory")
    python = machine.home / "bin" / "python-of-llamafactory"
    python.write_text(f'#!/bin/sh\nCUDA_VISIBLE_DEVICES= exec {PLACE}/bin/python "$@"\n')
    python.chmod(0o755)
    given = {"max_new_tokens": 24, "temperature": 0.01} | more
    cli = f"{PLACE}/bin/llamafactory-cli"
    return machine.options(python=f"{python}", cli_path=cli, base_model_path=f"{PLACE}/model", **given)


@pytest.fixture
def options(machine: Machine) -> LlamaFactoryOptions:
    return real(machine)


async def text(llm: LLM, *messages: LLMMessage) -> str:
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(llm.generate(LLMRequest(messages, Sampling(max_tokens=40)))) as deltas:
            return "".join([delta.text async for delta in deltas if isinstance(delta, TextDelta)])


@pytest.mark.parametrize("mode", ["cli", "api"])
async def test_a_conversation_goes_on_and_another_begins(options: LlamaFactoryOptions, mode: str):
    options = options.model_copy(update={"mode": mode})
    async with open_llamafactory(options) as llm:
        hello = LLMMessage("user", "My name is Ada.\nSay hello.")
        said = await text(llm, hello)
        assert said
        asked = LLMMessage("user", "What is my name? Answer in one word.")
        assert "Ada" in await text(llm, hello, LLMMessage("assistant", said), asked)
        assert "Ada" not in await text(llm, asked)
        assert await text(llm, LLMMessage("user", "exit"))


async def test_an_interrupt_leaves_the_model_loaded(options: LlamaFactoryOptions):
    async with open_llamafactory(options) as llm:
        async with aclosing(llm.generate(LLMRequest((LLMMessage("user", "Count to one hundred."),)))) as deltas:
            async for delta in deltas:
                if isinstance(delta, TextDelta):
                    break
        assert await text(llm, LLMMessage("user", "Say hello."))


async def test_check_walks_to_the_first_answer(options: LlamaFactoryOptions):
    async with aclosing(check(options)) as walked:
        steps = [step async for step in walked]
    assert [step for step in steps if not step.ok] == []


class TestConformance(LLMConformance):
    @pytest.fixture(scope="class")
    @classmethod
    async def llm(cls, shared_machine: Machine) -> AsyncGenerator[LLM]:
        async with open_llamafactory(real(shared_machine, max_new_tokens=200)) as llm:
            yield llm


def shape(happened: list[dict[str, Any]]) -> list[str]:
    """What is typed, and what comes before and after each reply; not the replies, and no log lines."""
    out = [(entry.get("in", ""), entry.get("out", "")) for entry in happened]
    lines = "".join(f"\n<{typed}>\n" if typed else written for typed, written in out).splitlines()
    kept = [line for line in lines if not line.startswith("[")]
    return ["Assistant: …" if line.startswith("Assistant: ") else line for line in kept]


def test_the_recordings_are_still_what_it_writes():
    if not (PLACE / "model").exists():
        pytest.skip(f"There is no LLaMA-Factory in {PLACE}: scripts/llamafactory")
    now = record(f"{PLACE}/bin/llamafactory-cli", f"{PLACE}/model")
    assert shape(now) == shape(json.loads(RECORDED.read_text()))
