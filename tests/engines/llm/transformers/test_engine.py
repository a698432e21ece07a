import logging
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from tests.engines.llm.transformers.scripted_model import ScriptedModel, loaded

from myna.core.context import working_on
from myna.core.errors import EngineUnavailable, PromptTooLong, RequestRefused
from myna.core.tools import ToolSpec
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, ReadsAhead, Sampling, TextDelta, Usage
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.llm.transformers.engine import DEVICE, TransformersLLM
from myna.engines.llm.transformers.model import Drawing
from myna.engines.scheduler import open_scheduler
from myna.testing.conformance.llm import LLMConformance, read

pytestmark = pytest.mark.anyio

SYSTEM = LLMMessage("system", "You are a bird that answers in numbers.")
PROMPT = len(f"<system>{SYSTEM.content}<user>Hi<assistant>")
"""The tokens of the shortest prompt here."""


@asynccontextmanager
async def opened(
    model: ScriptedModel, *, context_tokens: int = 1000, slots: int = 4
) -> AsyncGenerator[TransformersLLM]:
    with anyio.fail_after(60):
        async with open_scheduler({DEVICE: 1}) as scheduler:
            yield TransformersLLM(loaded(model, context_tokens), scheduler, slots)


def asked(*texts: str, key: str | None = None, **sampling: Any) -> LLMRequest:
    """A conversation: what the user and the assistant said by turns, after the system prompt."""
    said = (LLMMessage("assistant" if number % 2 else "user", text) for number, text in enumerate(texts))
    drawing = replace(Sampling(max_tokens=64), **sampling)
    return LLMRequest((SYSTEM, *said), drawing, cache_key=key)


class TestTransformersLLM(LLMConformance):
    @pytest.fixture(scope="class")
    async def llm(self, anyio_backend: str) -> AsyncGenerator[LLM]:
        async with opened(ScriptedModel("one, two, three, four, five, 六七八九十。")) as llm:
            yield llm


def computed(model: ScriptedModel) -> int:
    return sum(map(len, model.reads))


async def test_the_answer_comes_with_its_usage():
    async with opened(ScriptedModel("二。")) as llm:
        text, finished = await read(llm, asked("Hi"))
    assert (text, finished) == ("二。", Finished("stop", Usage(PROMPT, 6, 0)))


async def test_it_says_what_it_can():
    async with opened(ScriptedModel()) as llm:
        assert llm.info.native_tools
        assert not llm.info.output_schema
        assert (llm.info.context_tokens, llm.info.parameters) == (1000, 7)
        assert isinstance(llm, ReadsAhead)


async def test_a_stop_text_may_come_in_several_tokens():
    async with opened(ScriptedModel("one, two, three")) as llm:
        assert await read(llm, asked("Hi", stop=(", t",))) == ("one", Finished("stop", Usage(PROMPT, 6, 0)))


async def test_a_prompt_is_read_in_chunks():
    model = ScriptedModel(chunk_tokens=16)
    async with opened(model) as llm:
        await read(llm, asked("Hi"))
    assert [len(each) for each in model.reads[:4]] == [16, 16, 16, 16]


async def test_the_next_turn_reads_only_what_is_new():
    model = ScriptedModel("二。")
    async with opened(model) as llm:
        await read(llm, asked("Hi", key="a"))
        before = computed(model)
        _, finished = await read(llm, asked("Hi", "二。", "Why?", key="a"))
    new = len("<user>Why?<assistant>")
    assert computed(model) - before == new + len("二。".encode())
    assert finished.usage is not None
    assert finished.usage.prompt_tokens - (finished.usage.cached_tokens or 0) == new


async def test_what_was_read_of_an_interrupted_reply_is_used():
    model = ScriptedModel("one, two, three", chunk_tokens=1000)
    async with opened(model) as llm:
        async with aclosing(llm.generate(asked("Hi", key="a"))) as deltas:
            await anext(deltas)
        _, finished = await read(llm, asked("Hi", key="a"))
    assert finished.usage is not None
    assert finished.usage.cached_tokens == finished.usage.prompt_tokens - 1


async def test_a_seed_gives_the_same_text_with_an_empty_cache():
    model = ScriptedModel()
    async with opened(model) as llm:
        await read(llm, asked("Hi", key="a"))
        _, finished = await read(llm, asked("Hi", key="a", seed=7))
    assert finished.usage is not None
    assert finished.usage.cached_tokens == 0
    assert model.drawings[-1].seed == 7


async def test_a_request_decides_how_tokens_are_drawn_and_else_the_model():
    model = ScriptedModel(drawing=Drawing(0.6, 0.8, 20, repeat_penalty=1.05))
    async with opened(model) as llm:
        await read(llm, asked("Hi"))
        await read(llm, asked("Hi", temperature=0.0, top_p=0.5, top_k=0, presence_penalty=1.0, frequency_penalty=0.5))
    assert model.drawings == [Drawing(0.6, 0.8, 20, 1.05), Drawing(0.0, 0.5, 0, 1.05, 1.0, 0.5)]


async def test_tools_and_thinking_reach_the_template():
    model = ScriptedModel(chunk_tokens=1000)
    tool = ToolSpec("weather", "Tells the weather.", {"type": "object"})
    async with opened(model) as llm:
        await read(llm, replace(asked("Hi"), tools=(tool,), reasoning=False))
    assert bytes(model.reads[0]).startswith(b"[weather][quick]<system>")


# ------------------------------------------------------------------------------------------------- stopping, queueing


@pytest.mark.parametrize("how", ["closed", "cancelled"])
async def test_who_leaves_stops_the_model_within_one_token(how: str):
    going_on = threading.Event()
    reached = threading.Event()

    def pause(number: int) -> None:
        if number == 10:
            reached.set()
            assert going_on.wait(30)

    model = ScriptedModel("x" * 500, before_read=pause)
    async with opened(model) as llm:
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                async with aclosing(llm.generate(asked("Hi", max_tokens=400))) as deltas:
                    async for _ in deltas:
                        pass

            tasks.start_soon(listen)
            await anyio.to_thread.run_sync(reached.wait, 30)
            tasks.cancel_scope.cancel()  # at once, though a token is being computed
        going_on.set()
        assert await llm.is_alive(30)  # the worker is free
        assert len(model.reads) == 11
        assert (await read(llm, asked("Hi", max_tokens=3)))[0] == "xxx"


async def test_two_conversations_are_answered_by_turns():
    order = list[str]()
    holding = threading.Event()

    def hold(number: int) -> None:
        assert holding.wait(30)

    model = ScriptedModel("x" * 40, chunk_tokens=4, before_read=hold)
    with anyio.fail_after(60):
        async with open_scheduler({DEVICE: 1}) as scheduler, anyio.create_task_group() as tasks:
            llm = TransformersLLM(loaded(model), scheduler, slots=2)

            async def listen(name: str) -> None:
                working_on(conversation_id=name)
                await read(llm, asked(name))
                order.append(name)

            for waiting, name in enumerate(("a" * 200, "b")):
                tasks.start_soon(listen, name)
                while (load := scheduler.load()[DEVICE]).busy < 1 or load.waiting < waiting:
                    await anyio.sleep(0.005)
            holding.set()
    assert order == ["b", "a" * 200], "the shorter prompt is read and answered while the longer is still read"


async def test_a_third_waits_where_there_are_two_places():
    model = ScriptedModel("x" * 40)
    async with opened(model, slots=2) as llm:
        async with aclosing(llm.generate(asked("a"))) as a, aclosing(llm.generate(asked("b"))) as b:
            await anext(a)
            await anext(b)
            with anyio.move_on_after(0.05) as waiting:
                await read(llm, asked("c"))
            assert waiting.cancelled_caught
        assert (await read(llm, asked("c")))[0] == "x" * 40


async def test_a_prompt_that_leaves_no_room_is_refused():
    async with opened(ScriptedModel(), context_tokens=100) as llm:
        with pytest.raises(PromptTooLong, match="context of scripted 100"):
            await read(llm, asked("x" * 100))


async def test_an_answer_ends_where_the_context_does():
    async with opened(ScriptedModel("x" * 200), context_tokens=100) as llm:
        text, finished = await read(llm, asked("Hi", max_tokens=None))
    assert finished == Finished("length", Usage(PROMPT, 100 - PROMPT, 0))
    assert text == "x" * (100 - PROMPT)


async def test_a_conversation_that_the_template_does_not_take_is_refused():
    async with opened(ScriptedModel()) as llm:
        with pytest.raises(RequestRefused, match="chat template"):
            await read(llm, asked("Hi", "Hello"))
        assert (await read(llm, asked("Hi")))[0]


async def test_a_device_that_fails_is_told_and_the_next_request_is_answered():
    def fail(number: int) -> None:
        if number == 3:
            raise RuntimeError("CUDA error: an illegal memory access")

    async with opened(ScriptedModel(before_read=fail)) as llm:
        with pytest.raises(EngineUnavailable, match="scripted failed: CUDA error"):
            await read(llm, asked("Hi"))
        assert (await read(llm, asked("Hi")))[0]


async def test_a_cache_amid_which_the_device_failed_is_never_used_again():
    model = ScriptedModel(breaks={5}, chunk_tokens=1000)
    async with opened(model) as llm:
        with pytest.raises(EngineUnavailable, match="device-side assert"):
            await read(llm, asked("Hi", key="a"))
        text, finished = await read(llm, asked("Hi", key="a"))
    assert text == model.answer
    assert finished.usage is not None
    assert finished.usage.cached_tokens == 0


async def test_what_the_template_does_not_take_is_estimated():
    answered = [SYSTEM, LLMMessage("user", "Hi"), LLMMessage("assistant", "Hello")]
    async with opened(ScriptedModel()) as llm:
        assert await llm.count_tokens(answered[:2]) == PROMPT
        assert await llm.count_tokens(answered) == estimate_tokens(answered) != 0


# ----------------------------------------------------------------------------------------------------- out of memory

ANSWER = "one, two, three, four, five, 六七八。"


async def test_without_memory_for_the_prompt_caches_are_freed_and_it_is_read_again(caplog: pytest.LogCaptureFixture):
    model = ScriptedModel(ANSWER)
    async with opened(model) as llm:
        await read(llm, asked("Hi", key="a"))
        model.fails = {len(model.reads)}
        with caplog.at_level(logging.WARNING):
            text, finished = await read(llm, asked("Why?", key="b", max_tokens=200))
        _, after = await read(llm, asked("Hi", key="a"))
    assert text == ANSWER
    assert finished.reason == "stop"
    assert model.freed == 1
    assert "out of memory after 0 tokens" in caplog.text
    assert after.usage is not None
    assert after.usage.cached_tokens == PROMPT - len("Hi<assistant>"), "only what b has read since then"


@pytest.mark.parametrize("at", range(1, 35))
async def test_a_reply_that_ran_out_of_memory_goes_on_where_it_was(at: int):
    model = ScriptedModel(ANSWER, fails={at}, chunk_tokens=1000)
    async with opened(model) as llm:
        text, finished = await read(llm, asked("Hi", max_tokens=200))
    assert text == ANSWER
    assert finished.usage is not None
    assert finished.usage.completion_tokens == len(ANSWER.encode())
    assert model.freed == 1
    again = model.reads[at + 1]
    assert len(again) == min(PROMPT + at, 250), "the prompt and what was written are read once more"


async def test_it_goes_on_with_fewer_tokens():
    model = ScriptedModel("x" * 500, fails={20}, chunk_tokens=1000)
    async with opened(model) as llm:
        text, finished = await read(llm, asked("Hi", max_tokens=100))
    assert (text, finished.reason) == ("x" * 60, "length")


async def test_without_memory_a_second_time_the_reply_fails_and_what_was_said_stays_said():
    model = ScriptedModel(ANSWER, fails={5, 9}, chunk_tokens=1000)
    said = list[str]()

    async def listen(llm: LLM) -> None:
        async for delta in llm.generate(asked("Hi")):
            assert isinstance(delta, TextDelta)
            said.append(delta.text)

    async with opened(model) as llm:
        with pytest.raises(EngineUnavailable, match="too little memory for this reply"):
            await listen(llm)
        assert ANSWER.startswith("".join(said))
        assert model.freed == 2
        assert (await read(llm, asked("Hi")))[0] == ANSWER


async def test_a_cache_that_may_be_broken_is_never_used_again():
    model = ScriptedModel(ANSWER, fails={5}, chunk_tokens=1000)
    async with opened(model) as llm:
        await read(llm, asked("Hi", key="a"))
        _, finished = await read(llm, asked("Hi", ANSWER, "Why?", key="a"))
    whole = len(f"<system>{SYSTEM.content}<user>Hi<assistant>{ANSWER}".encode())
    assert finished.usage is not None
    assert (finished.usage.cached_tokens or 0) <= whole


# -------------------------------------------------------------------------------------------------------- reading ahead


async def test_what_was_read_ahead_need_not_be_read_again():
    model = ScriptedModel(chunk_tokens=16)
    async with opened(model) as llm:
        await llm.read_ahead([SYSTEM, LLMMessage("user", "")])
        assert len(model.drawings) == 0
        before = computed(model)
        _, finished = await read(llm, asked("Hi", key="a"))
    assert finished.usage is not None
    assert finished.usage.cached_tokens == len(f"<system>{SYSTEM.content}<user>")
    assert computed(model) - before < 16 + len(ANSWER.encode())


async def test_what_was_read_for_everybody_serves_several():
    model = ScriptedModel()
    async with opened(model) as llm:
        await llm.read_ahead([SYSTEM, LLMMessage("user", "")], everywhere=True)
        for key in ("a", "b"):
            _, finished = await read(llm, asked(f"I am {key}", key=key))
            assert finished.usage is not None
            assert (finished.usage.cached_tokens or 0) >= len(f"<system>{SYSTEM.content}<user>")


async def test_a_prompt_that_is_too_long_is_not_read_ahead():
    model = ScriptedModel()
    async with opened(model, context_tokens=100) as llm:
        await llm.read_ahead([SYSTEM, LLMMessage("user", "x" * 100)])
    assert not model.reads


async def test_the_memory_of_the_gpu_is_told_after_each_reply(caplog: pytest.LogCaptureFixture):
    async with opened(ScriptedModel()) as llm:
        assert [each.peak for each in await llm.memory()] == [11]
        with caplog.at_level(logging.DEBUG):
            await read(llm, asked("Hi"))
            await llm.is_alive(30)
    assert "After a reply: cuda:0" in caplog.text


async def test_a_worker_that_hangs_is_not_alive():
    going_on = threading.Event()
    reached = threading.Event()

    def hang(number: int) -> None:
        reached.set()
        going_on.wait(30)

    async with opened(ScriptedModel(before_read=hang)) as llm, anyio.create_task_group() as tasks:
        tasks.start_soon(read, llm, asked("Hi"))
        await anyio.to_thread.run_sync(reached.wait, 30)
        assert not await llm.is_alive(0.05)
        going_on.set()
        assert await llm.is_alive(30)
