import asyncio
import gc
import importlib
import os
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio

import myna
from myna.core.errors import BadConfig, BadInput, EngineUnavailable, UnknownName
from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, ReasoningDelta, Sampling, Usage
from myna.testing.llm import HANG, Pause, ScriptedLLM


def test_asking_gives_the_whole_reply() -> None:
    llm = myna.LLM(ScriptedLLM(["Good ", "morning."]))
    assert llm("Hello") == "Good morning."


def test_a_stream_gives_the_pieces_as_they_come_and_the_reply_at_the_end() -> None:
    llm = myna.LLM(ScriptedLLM(["Good ", Pause(0.01), "morning."]))
    stream = llm.stream("Hello")
    with pytest.raises(BadInput, match="not ended"):
        _ = stream.reply
    assert list(stream) == ["Good ", "morning."]
    assert (stream.reply.text, str(stream.reply)) == ("Good morning.", "Good morning.")
    assert stream.reply.finish == "stop"
    assert stream.reply.tool_calls == ()
    assert stream.reply.usage == Usage(prompt_tokens=6, completion_tokens=2)
    timings = stream.reply.timings
    assert timings.ready_ms is not None
    assert timings.first_piece_ms is not None
    assert 0 < timings.ready_ms <= timings.first_piece_ms <= timings.total_ms
    assert list(stream) == []


def test_history_goes_before_the_prompt() -> None:
    engine = ScriptedLLM("Fine.")
    myna.LLM(engine)("And now?", history=[("Hello", "Hi!"), ("How are you?", "Well.")])
    assert [(message.role, message.content) for message in engine.calls[0].request.messages] == [
        ("user", "Hello"),
        ("assistant", "Hi!"),
        ("user", "How are you?"),
        ("assistant", "Well."),
        ("user", "And now?"),
    ]


def test_messages_may_be_given_as_the_openai_api_has_them() -> None:
    engine = ScriptedLLM("22 degrees.")
    called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    myna.LLM(engine)(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "c1", "content": "22"},
        ]
    )
    system, user, assistant, tool = engine.calls[0].request.messages
    assert (system.role, system.content) == ("system", "Be brief.")
    assert user.content == "Weather?"
    assert assistant.tool_calls[0].name == "weather"
    assert (tool.content, tool.tool_call_id) == ("22", "c1")


def test_a_system_prompt_stands_first() -> None:
    engine = ScriptedLLM("ok")
    myna.LLM(engine)("Hello", system="Be brief.")
    assert engine.calls[0].request.messages[0] == LLMMessage("system", "Be brief.")


def test_what_a_call_says_of_sampling_wins_over_the_models_and_that_over_the_configured() -> None:
    engine = ScriptedLLM("ok")
    llm = myna.LLM(engine, sampling=Sampling(temperature=0, seed=7), settings={"llm": {"top_k": 9}})
    llm("Hello", sampling=Sampling(seed=8))
    sampling = engine.calls[0].request.sampling
    assert (sampling.temperature, sampling.seed, sampling.top_k) == (0, 8, 9)


def test_thinking_is_no_part_of_the_text() -> None:
    llm = myna.LLM(ScriptedLLM(["<thi", "nk>hm", "m</think>", "Yes.", ReasoningDelta("more")]))
    assert llm("Is it?") == "Yes."


NO_PROMPTS: list[tuple[Any, str]] = [
    ("  ", "empty"),
    ([], "user's"),
    ([{"role": "assistant", "content": "Hi"}], "user's"),
    ([{"role": "robot", "content": "Hi"}], "robot"),
    ([{"role": "user", "content": 3}], "no text"),
    ([3], "no message"),
    ([{"role": "assistant", "tool_calls": [{}]}, {"role": "user", "content": "x"}], "tool call"),
]


@pytest.mark.parametrize(("asked", "wrong"), NO_PROMPTS)
def test_a_prompt_that_is_none_is_refused_at_once(asked: Any, wrong: str) -> None:
    engine = ScriptedLLM("never")
    with pytest.raises(BadInput, match=wrong):
        myna.LLM(engine).stream(asked)
    assert engine.calls == []


def test_history_that_is_no_pairs_is_refused() -> None:
    history: Any = ["Hello"]
    with pytest.raises(BadInput, match="pair"):
        myna.LLM(ScriptedLLM()).stream("Hello", history=history)


def test_a_failure_comes_where_the_stream_is_read_and_what_was_read_is_kept() -> None:
    llm = myna.LLM(ScriptedLLM(["Good ", EngineUnavailable("It broke.")], "Fine."))
    stream = llm.stream("Hello")
    assert next(stream) == "Good "
    with pytest.raises(EngineUnavailable, match="broke"):
        next(stream)
    assert stream.reply.text == "Good "
    assert llm("Again") == "Fine."


def test_closing_a_stream_stops_the_model_before_it_returns() -> None:
    engine = ScriptedLLM(["One, ", HANG])
    with myna.LLM(engine).stream("Count") as stream:
        assert next(stream) == "One, "
    assert engine.calls[0].ended == "closed"
    assert stream.reply.finish == "closed"
    assert stream.reply.text == "One, "
    assert list(stream) == []


def test_breaking_out_of_a_loop_stops_the_model() -> None:
    ended = threading.Event()

    class Telling(ScriptedLLM):
        async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
            try:
                async for delta in super().generate(request):
                    yield delta
            finally:
                ended.set()

    for _ in myna.LLM(Telling(["One, ", HANG])).stream("Count"):
        break
    gc.collect()
    assert ended.wait(5)


def test_a_keyboard_interrupt_stops_the_model() -> None:
    engine = ScriptedLLM(["One, ", HANG])
    stream = myna.LLM(engine).stream("Count")
    assert next(stream) == "One, "
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert engine.calls[0].ended == "closed"


@pytest.mark.anyio
async def test_it_works_where_an_event_loop_runs() -> None:
    llm = myna.LLM(ScriptedLLM(["Good ", "morning."]))
    assert llm("Hello") == "Good morning."


def test_async_asking_works_in_asyncio_and_in_trio() -> None:
    llm = myna.LLM(ScriptedLLM(["Good ", "morning."]))

    async def main() -> tuple[list[str], str]:
        stream = llm.astream("Hello")
        pieces = [piece async for piece in stream]
        return pieces, (await llm.arun("Hello")).text

    expected = (["Good ", "morning."], "Good morning.")
    assert asyncio.run(main()) == expected
    assert trio.run(main) == expected


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelling_who_reads_stops_the_model(backend: str) -> None:
    engine = ScriptedLLM(["One, ", HANG])

    async def main() -> None:
        stream = myna.LLM(engine).astream("Count")
        assert await anext(stream) == "One, "
        with anyio.move_on_after(0.1) as scope:
            await anext(stream)
        assert scope.cancelled_caught
        await stream.aclose()

    anyio.run(main, backend=backend)
    assert engine.calls[0].ended == "closed"


def test_a_slow_reader_gets_all_of_a_long_reply() -> None:
    words = [f"{n} " for n in range(5000)]
    llm = myna.LLM(ScriptedLLM(words), sampling=Sampling(max_tokens=10_000))
    assert list(llm.stream("Count")) == words


PLUGIN = """
from contextlib import asynccontextmanager

from pydantic import BaseModel

from myna.testing.llm import ScriptedLLM

told = []


class Options(BaseModel):
    model: str = "one"
    words: list[str] = ["ok"]


class Plugin:
    options_model = Options

    def weights(self, options):
        return ()

    @asynccontextmanager
    async def open(self, options, resources):
        told.append(f"open {options.model}")
        try:
            yield ScriptedLLM(*options.words)
        finally:
            told.append(f"close {options.model}")


plugin = Plugin()
"""


def test_equal_models_share_one_engine_and_closing_it_has_it_loaded_anew(install: Callable[..., Path]) -> None:
    install("parrot", PLUGIN, {"myna.llm": "parrot = parrot:plugin"})
    one, same = (myna.LLM(settings={"llm": {"engine": "parrot"}}) for _ in range(2))
    other = myna.LLM("two", settings={"llm": {"engine": "parrot"}})
    with ThreadPoolExecutor(12) as threads:
        asking = [threads.submit(llm, "Hello") for llm in (one, same, other) * 4]
        assert {asked.result() for asked in asking} == {"ok"}
    told = importlib.import_module("parrot").told
    assert sorted(told) == ["open one", "open two"]
    one.close()
    assert same("Hello") == "ok"
    assert told[2:] == ["close one", "open one"]
    same.close()
    other.close()


def test_an_engine_that_fails_to_load_says_why_and_is_tried_again() -> None:
    llm = myna.LLM(settings={"llamacpp": {"model": str(Path(__file__))}, "llm": {"engine": "llamacpp"}})
    for _ in range(2):
        with pytest.raises(myna.MynaError, match="not a GGUF file"):
            llm("Hello")


def test_a_server_that_is_not_there_is_told_when_it_is_asked() -> None:
    llm = myna.LLM("http://127.0.0.1:9", api_key="secret", model="large")
    assert "secret" not in repr(llm)
    with pytest.raises(EngineUnavailable):
        llm("Hello")


@pytest.mark.parametrize(
    ("source", "options", "error", "wrong"),
    [
        ("no-such-model", {}, UnknownName, "no-such-model"),
        ("folder/no.gguf", {}, UnknownName, "No file"),
        (Path("no.gguf"), {}, UnknownName, "no.gguf"),
        ("http://", {}, BadInput, "base_url"),
        ("qwen2.5-3b-instruct", {"model": "other"}, BadInput, "Two models"),
        (3, {}, BadInput, "no model"),
        (None, {"settings": {"llm": {"no_such": 1}}}, BadConfig, "in the settings given"),
        (None, {"settings": {"llm": {"engine": "llamacpp"}}, "api_key": "x"}, BadInput, "api_key"),
    ],
)
def test_a_model_that_is_none_is_refused_when_it_is_made(
    source: Any, options: dict[str, Any], error: type[myna.MynaError], wrong: str
) -> None:
    with pytest.raises(error, match=wrong):
        myna.LLM(source, **options)


def test_an_engine_with_a_short_context_gets_the_newest_rounds() -> None:
    class Short(ScriptedLLM):
        @property
        def info(self) -> LLMInfo:
            return LLMInfo("short", 1000, native_tools=True, output_schema=False)

        async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
            return sum(len(message.content) for message in messages)

    engine = Short("ok")
    history = [(f"question {n} " + "x" * 90, "answer") for n in range(20)]
    myna.LLM(engine)("And now?", history=history)
    sent = engine.calls[0].request.messages
    assert sent[-1].content == "And now?"
    assert 1 < len(sent) < 20
    assert sent[-3].content.startswith("question 19 ")
