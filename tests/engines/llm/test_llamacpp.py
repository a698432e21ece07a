import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.streams.text import TextReceiveStream
from pydantic import ValidationError
from tests.engines.llm.children import alive, children, cpu_s, listens_at, needs_proc, paused, shown

from myna.core.errors import BadConfig, EngineTimeout, EngineUnavailable, MynaError, UnknownName, WeightsDamaged
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Resources, Sampling, TextDelta, ToolSpec
from myna.engines.llm import llamacpp
from myna.engines.llm.llamacpp import LlamaCppLLM, LlamaCppOptions, plugin
from myna.engines.scheduler import Urgency, open_scheduler
from myna.testing.conformance.llm import LLMConformance, read
from myna.weights.locate import Weights

MODEL = "qwen2.5-coder-0.5b-instruct"
NUMBERS = LLMMessage("user", "Write the numbers from 1 to 3000, one per line, without stopping.")
"""What takes minutes to answer."""
HELLO = LLMRequest((LLMMessage("user", "Hello!"),), Sampling(temperature=0, max_tokens=8))


@asynccontextmanager
async def opened(weights: Weights, **options: object) -> AsyncGenerator[LlamaCppLLM]:
    given = LlamaCppOptions.model_validate({"context_tokens": 4096} | options)
    with anyio.fail_after(120) as loading:
        async with (
            open_scheduler({"cpu": 1}) as scheduler,
            plugin.open(given, Resources(weights, scheduler, "cpu")) as llm,
        ):
            loading.deadline = float("inf")
            yield llm


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    with anyio.fail_after(seconds):
        while not true():
            await anyio.sleep(0.02)


async def failed_opening(weights: Weights, **options: object) -> MynaError:
    with pytest.raises(MynaError) as raised:
        async with opened(weights, **options):
            pass
    assert not children()
    return raised.value


@pytest.mark.models
class TestLlamaCppLLM(LLMConformance):
    @pytest.fixture(scope="class")
    async def llm(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[LLM]:
        async with opened(weights) as llm:
            yield llm


# ---------------------------------------------------------------------------------------------------------- opening


class _NoWeights:
    def locate(self, name: str) -> Path:
        path = Path(name)
        if not path.exists():
            raise UnknownName(name)
        return path


@needs_proc
@pytest.mark.anyio
async def test_a_file_that_is_no_gguf_is_refused_by_name(tmp_path: Path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"PK\x03\x04 not a model")
    problem = await failed_opening(_NoWeights(), model=str(file))
    assert isinstance(problem, WeightsDamaged)
    assert str(file) in problem.message


@needs_proc
@pytest.mark.anyio
async def test_a_folder_is_refused_by_name(tmp_path: Path):
    problem = await failed_opening(_NoWeights(), model=str(tmp_path))
    assert isinstance(problem, BadConfig)
    assert str(tmp_path) in problem.message


@needs_proc
@pytest.mark.anyio
async def test_a_damaged_model_is_told_with_the_words_of_llama_cpp(tmp_path: Path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(100))
    problem = await failed_opening(_NoWeights(), model=str(file))
    assert isinstance(problem, EngineUnavailable)
    assert f"could not load {file} (status 1)" in problem.message
    assert "it said nothing" not in problem.message
    assert "GGUF" in problem.hint


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_a_context_that_no_memory_holds_is_told(weights: Weights):
    problem = await failed_opening(weights, model=MODEL, context_tokens=1 << 20, slots=32)
    assert isinstance(problem, EngineUnavailable)
    assert "too little memory" in problem.message
    assert "context_tokens" in problem.hint


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_loading_may_take_only_so_long(weights: Weights):
    problem = await failed_opening(weights, model=MODEL, load_timeout_s=0.01)
    assert isinstance(problem, EngineTimeout)
    assert "load_timeout_s" in problem.hint


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_cancelling_the_opening_ends_the_child_at_once(weights: Weights):
    async with anyio.create_task_group() as tasks:

        async def open_and_stay() -> None:
            async with opened(weights):
                pytest.fail("it was not cancelled while loading")

        tasks.start_soon(open_and_stay)
        await until(lambda: len(children()) == 1)
        tasks.cancel_scope.cancel()
    assert not children()


@pytest.mark.parametrize(
    "options",
    [{"context_tokens": 1}, {"slots": 0}, {"gpu_layers": -1}, {"gpu_layers": "all"}, {"threads": 0}, {"unknown": 1}],
)
def test_options_out_of_range_are_refused(options: dict[str, object]):
    with pytest.raises(ValidationError):
        LlamaCppOptions.model_validate(options)


def test_layers_on_the_gpu_may_come_from_the_environment():
    assert LlamaCppOptions.model_validate({"gpu_layers": "20"}).gpu_layers == 20


# --------------------------------------------------------------------------------------------------------- the child


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_the_child_is_for_nobody_else(weights: Weights):
    async with opened(weights):
        (pid,) = children()
        ((host, port),) = listens_at(pid)
        assert host == "127.0.0.1"
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(
            base_url=url, trust_env=False, headers={"Origin": "http://evil.example"}
        ) as client:
            chat = await client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}]})
            slots = await client.get("/slots")
            page = await client.get("/")
            asked_first = await client.options("/v1/chat/completions")
        assert [chat.status_code, slots.status_code] == [401, 401]
        assert page.status_code in {401, 404}
        for response in (chat, slots, page, asked_first):
            assert not response.headers.get("access-control-allow-origin")
        assert b"api_key" not in shown(pid)
    assert not alive(pid)


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_a_child_that_is_killed_fails_its_request_and_is_started_again(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(llamacpp, "RESTART_WAIT_S", 60.0)  # loading is slow beside other tests
    async with opened(weights) as llm:
        (first,) = children()
        async with aclosing(llm.generate(LLMRequest((NUMBERS,)))) as deltas:
            assert isinstance(await anext(deltas), TextDelta)
            os.kill(first, signal.SIGKILL)
            with pytest.raises(EngineUnavailable, match="ended while it answered"), anyio.fail_after(10):
                async for _ in deltas:
                    pass
        await until(lambda: first not in children())
        assert await llm.count_tokens(HELLO.messages) > 0
        assert llm.info.model == MODEL
        with anyio.fail_after(60):
            text, _ = await read(llm, HELLO)
        assert text
        assert children() != [first]
        assert await llm.count_tokens(HELLO.messages) > 0


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_a_request_that_meets_a_child_as_it_dies_is_answered_by_the_next(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(llamacpp, "RESTART_WAIT_S", 60.0)  # loading is slow beside other tests
    async with opened(weights) as llm:
        (first,) = children()
        os.kill(first, signal.SIGKILL)
        with anyio.fail_after(60):
            text, _ = await read(llm, HELLO)
        assert text


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_what_does_not_come_back_is_told_after_a_while(weights: Weights, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(llamacpp, "RESTART_WAIT_S", 0.1)
    monkeypatch.setattr(llamacpp, "RESTART_FIRST_S", 60.0)
    async with opened(weights) as llm:
        (first,) = children()
        os.kill(first, signal.SIGKILL)
        await until(lambda: first not in children())
        with pytest.raises(EngineUnavailable, match="being started again"), anyio.fail_after(10):
            await read(llm, HELLO)


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_a_child_that_hangs_is_ended_and_started_again(weights: Weights, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(llamacpp, "RESTART_WAIT_S", 60.0)  # loading is slow beside other tests
    monkeypatch.setattr(llamacpp, "WATCH_EVERY_S", 0.1)
    monkeypatch.setattr(llamacpp, "WATCH_S", 1.0)
    async with opened(weights) as llm:
        (first,) = children()
        async with aclosing(llm.generate(LLMRequest((NUMBERS,)))) as deltas:
            await anext(deltas)
            os.kill(first, signal.SIGSTOP)
            with pytest.raises(EngineUnavailable, match="ended while it answered"), anyio.fail_after(30):
                async for _ in deltas:
                    pass
        with anyio.fail_after(60):
            text, _ = await read(llm, HELLO)
        assert text
        assert not alive(first)


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_a_child_that_is_paused_for_a_moment_is_left_alone(weights: Weights, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(llamacpp, "WATCH_EVERY_S", 0.1)
    monkeypatch.setattr(llamacpp, "WATCH_S", 30.0)
    async with opened(weights) as llm:
        (first,) = children()
        for _ in range(3):
            os.kill(first, signal.SIGSTOP)
            await anyio.sleep(0.5)
            os.kill(first, signal.SIGCONT)
        await read(llm, HELLO)
        assert children() == [first]


OPEN_AND_STAY = """
import sys
from pathlib import Path
import anyio
from myna.engines.base import Resources
from myna.engines.llm.llamacpp import plugin
from myna.engines.scheduler import open_scheduler

class Anywhere:
    def locate(self, name):
        return Path(name)

async def main():
    options = plugin.options_model(model=sys.argv[1], context_tokens=4096)
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(options, Resources(Anywhere(), scheduler, "cpu")),
    ):
        print("open", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
@pytest.mark.parametrize("moment", ["while it loads", "once it serves", "while it is paused"])
async def test_no_child_outlives_a_parent_that_is_killed(weights: Weights, moment: str):
    command = [sys.executable, "-c", OPEN_AND_STAY, str(weights.locate(MODEL))]
    async with await anyio.open_process(command, stdin=subprocess.DEVNULL, stderr=None) as parent:
        await until(lambda: len(children(parent.pid)) == 1)
        (pid,) = children(parent.pid)
        if moment == "while it loads":
            await until(lambda: cpu_s(pid) > 0.2)  # imports done, settings read
        else:
            assert parent.stdout is not None
            with anyio.fail_after(120):
                assert "open" in await TextReceiveStream(parent.stdout).receive()
        if moment == "while it is paused":
            os.kill(pid, signal.SIGSTOP)
        parent.kill()
        await until(lambda: not alive(pid), 10)


# ---------------------------------------------------------------------------------------------- sharing the machine


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_it_rests_while_first_words_are_synthesized_and_then_goes_on(weights: Weights):
    options = LlamaCppOptions(context_tokens=4096)
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(options, Resources(weights, scheduler, "cpu")) as llm,
        aclosing(llm.generate(LLMRequest((NUMBERS,), Sampling(max_tokens=200)))) as deltas,
    ):
        await anext(deltas)
        (pid,) = children()
        synthesized = threading.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(scheduler.run, synthesized.wait, urgency=Urgency.FIRST_WORDS))
            await until(lambda: paused(pid))
            synthesized.set()
        assert not paused(pid)
        *_, last = [delta async for delta in deltas]
        assert isinstance(last, Finished)


# ---------------------------------------------------------------------------------------------- stopping and caching


async def idle(pid: int) -> None:
    """Wait until it computes no more."""
    before = -1.0
    with anyio.fail_after(120):
        while (now := cpu_s(pid)) > before:
            before = now
            await anyio.sleep(0.5)


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_closing_a_stream_stops_the_model_in_its_answer_and_in_its_prompt(weights: Weights):
    words = [f"word{number}" for number in range(700)]  # four tokens each
    async with opened(weights) as llm:
        (pid,) = children()

        async def cost_of(prompt: str, *, closed_after_s: float | None) -> float:
            request = LLMRequest((LLMMessage("user", prompt),), Sampling(max_tokens=1))
            before = cpu_s(pid)
            with anyio.move_on_after(closed_after_s):
                await read(llm, request)
            await idle(pid)
            return cpu_s(pid) - before

        whole = await cost_of(" ".join(words[:80]), closed_after_s=None)
        stopped = await cost_of(" ".join(reversed(words)), closed_after_s=0.2)
        assert stopped < 4 * whole, "the long prompt was read to its end, though nobody waited for it"

        before = cpu_s(pid)
        async with aclosing(llm.generate(LLMRequest((NUMBERS,)))) as deltas:
            await anext(deltas)
        await idle(pid)
        assert cpu_s(pid) - before < 4 * whole, "the answer was written to its end, though nobody waited for it"


@pytest.mark.models
@pytest.mark.anyio
async def test_the_second_turn_finds_its_prefix_in_the_cache_with_more_conversations_than_slots(weights: Weights):
    async with opened(weights, slots=2) as llm:
        conversations = [
            (LLMMessage("system", f"You are robot {name}. " * 10), LLMMessage("user", f"Hello from {name}"))
            for name in ("R2", "C3", "K9")
        ]
        replies = [await read(llm, LLMRequest(messages, HELLO.sampling)) for messages in conversations]
        for messages, (reply, first) in zip(conversations, replies, strict=True):
            more = (*messages, LLMMessage("assistant", reply), LLMMessage("user", "And now?"))
            _, second = await read(llm, LLMRequest(more, HELLO.sampling))
            assert first.usage is not None
            assert second.usage is not None
            assert second.usage.cached_tokens is not None
            assert second.usage.cached_tokens >= first.usage.prompt_tokens - 5


PERSONA = (
    LLMMessage("system", "你是一只叫莫莫的八哥，住在图书馆的阁楼上，爱说俏皮话，记得每个来过的人。" * 6),
    LLMMessage("user", "你是谁？"),
    LLMMessage("assistant", "[开心] 我是莫莫！"),
)


async def cached(llm: LLM, *messages: LLMMessage, max_tokens: int = 2) -> int:
    _, finished = await read(llm, LLMRequest(messages, Sampling(temperature=0, max_tokens=max_tokens)))
    assert finished.usage is not None
    assert finished.usage.cached_tokens is not None
    return finished.usage.cached_tokens


@pytest.mark.models
@pytest.mark.anyio
async def test_a_new_conversation_finds_the_prompt_of_a_persona_that_was_used(weights: Weights):
    other = (LLMMessage("system", "You are a lighthouse keeper who has seen every storm since 1907. " * 12),)
    async with opened(weights, slots=2) as llm:
        beginning = await llm.count_tokens(PERSONA) - 10
        assert await cached(llm, *PERSONA, LLMMessage("user", "早")) < 10
        assert await cached(llm, *PERSONA, LLMMessage("user", "晚上好")) >= beginning
        await cached(llm, *other, LLMMessage("user", "Hello"))
        assert await cached(llm, *PERSONA, LLMMessage("user", "再见")) >= beginning


@pytest.mark.models
@pytest.mark.anyio
async def test_what_was_read_ahead_is_there_for_as_many_conversations_as_there_are_slots(weights: Weights):
    async with opened(weights, slots=2) as llm:
        beginning = await llm.count_tokens(PERSONA) - 10
        await llm.read_ahead((*PERSONA, LLMMessage("user", "")), everywhere=True)
        found: list[int] = []

        async def converse(text: str) -> None:
            found.append(await cached(llm, *PERSONA, LLMMessage("user", text), max_tokens=24))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(converse, "从一数到十")
            tasks.start_soon(converse, "讲一个故事")
        assert min(found) >= beginning


@pytest.mark.models
@pytest.mark.anyio
async def test_reading_ahead_ends_when_somebody_asks_and_helps_who_asks_the_same(weights: Weights):
    async with opened(weights, slots=1) as llm:
        beginning = await llm.count_tokens(PERSONA) - 10
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(llm.read_ahead, (*PERSONA, LLMMessage("user", "")))
            await anyio.sleep(0.01)
            assert await cached(llm, *PERSONA, LLMMessage("user", "早")) >= beginning


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_reading_ahead_stops_for_another_prompt(weights: Weights):
    words = " ".join(f"word{number}" for number in range(700))  # four tokens each
    async with opened(weights, slots=2) as llm:
        ended: list[bool] = []

        async def read_long() -> None:
            await llm.read_ahead((LLMMessage("system", words), LLMMessage("user", "")), everywhere=True)
            ended.append(True)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read_long)
            await anyio.sleep(0.1)
            await read(llm, HELLO)
            assert ended, "a long prompt was read on beside a request that it does not help"


@pytest.mark.models
@pytest.mark.anyio
async def test_a_turn_finds_read_what_was_read_while_its_user_still_spoke_and_nobody_loses_anything(weights: Weights):
    keeper = LLMMessage("system", "You are a lighthouse keeper who has seen every storm since 1907. " * 4)
    async with opened(weights, slots=2) as llm:
        others = [(LLMMessage("system", f"{name} " * 60), LLMMessage("user", "Hello")) for name in ("R2", "C3")]
        for messages in others:
            await cached(llm, *messages)
        turns = (keeper, LLMMessage("user", "Hello"), LLMMessage("assistant", "[Calm] Good evening, friend."))
        for so_far in ("", "Tell me about"):
            await llm.read_ahead((*turns, LLMMessage("user", so_far)))
        turn = (*turns, LLMMessage("user", "Tell me about the worst storm."))
        _, finished = await read(llm, LLMRequest(turn, Sampling(temperature=0, max_tokens=2)))
        usage = finished.usage
        assert usage is not None
        assert usage.cached_tokens is not None
        assert usage.prompt_tokens - usage.cached_tokens <= 12, "the words after those, and what opens the answer"
        for messages in others:
            assert await cached(llm, *messages) >= await llm.count_tokens(messages) - 10


@pytest.mark.models
@pytest.mark.anyio
async def test_tools_belong_to_what_is_read_ahead(weights: Weights):
    tools = (ToolSpec("get_weather", "Get the weather of a city. " * 8, {"type": "object", "properties": {}}),)
    async with opened(weights, slots=1) as llm:
        await llm.read_ahead((*PERSONA, LLMMessage("user", "")), tools=tools)
        request = LLMRequest((*PERSONA, LLMMessage("user", "早")), Sampling(temperature=0, max_tokens=2), tools)
        _, finished = await read(llm, request)
        assert finished.usage is not None
        assert finished.usage.cached_tokens is not None
        assert finished.usage.prompt_tokens - finished.usage.cached_tokens <= 12


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_reading_ahead_what_is_read_already_costs_little(weights: Weights):
    async with opened(weights, slots=2) as llm:
        (pid,) = children()
        costs: list[float] = []
        for _ in range(3):
            before = cpu_s(pid)
            await llm.read_ahead((*PERSONA, LLMMessage("user", "")))
            await idle(pid)
            costs.append(cpu_s(pid) - before)
        assert max(costs[1:]) < costs[0] / 3


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
async def test_reading_ahead_never_fails(weights: Weights):
    async with opened(weights) as llm:
        (first,) = children()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(llm.read_ahead, (*PERSONA, LLMMessage("user", "")))
            await anyio.sleep(0.05)
            os.kill(first, signal.SIGKILL)
        await until(lambda: first not in children())
        await llm.read_ahead((*PERSONA, LLMMessage("user", "")))
        await read(llm, HELLO)  # it is there again
        (second,) = children()
        async with aclosing(llm.generate(LLMRequest((NUMBERS,)))) as deltas, anyio.create_task_group() as tasks:
            await anext(deltas)
            tasks.start_soon(llm.read_ahead, (*PERSONA, LLMMessage("user", "")))  # waits for the answer's end
            os.kill(second, signal.SIGKILL)
            with pytest.raises(EngineUnavailable):
                async for _ in deltas:
                    pass


TEXTS = ("你好！", "Tell me a story.", "\n\n  indented", "3.14159 + 2", "👍🏽 ok 谢谢", "    ", "<|im_end|>", "x" * 400)


@pytest.mark.models
@pytest.mark.anyio
async def test_tokens_are_counted_as_the_model_does(weights: Weights):
    async with opened(weights) as llm:
        prompt = [LLMMessage("user", "Hello!")]
        for place, text in enumerate(("Hello!", *TEXTS)):
            _, finished = await read(llm, LLMRequest(tuple(prompt), Sampling(temperature=0, max_tokens=1)))
            assert finished.usage is not None
            counted = await llm.count_tokens(prompt)
            assert 0 <= counted - finished.usage.prompt_tokens <= place  # a text may merge into what is before it
            if text.isascii() and place < 2:
                assert counted == finished.usage.prompt_tokens
            prompt += [LLMMessage("assistant", text), LLMMessage("user", text)]
        with_system = (LLMMessage("system", "Be brief."), *HELLO.messages)
        _, finished = await read(llm, LLMRequest(with_system, Sampling(max_tokens=1)))
        assert finished.usage is not None
        assert await llm.count_tokens(with_system) == finished.usage.prompt_tokens
        assert llm.info.context_tokens == 4096
