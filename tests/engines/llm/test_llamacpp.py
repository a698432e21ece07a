import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.streams.text import TextReceiveStream
from pydantic import ValidationError
from tests.engines.llm.children import alive, children, cpu_s, listens_at, needs_proc, shown

from myna.core.errors import BadConfig, EngineTimeout, EngineUnavailable, MynaError, UnknownName, WeightsDamaged
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Resources, Sampling, TextDelta
from myna.engines.llm.llamacpp import LlamaCppLLM, LlamaCppOptions, plugin
from myna.engines.scheduler import Scheduler
from myna.testing.conformance.llm import LLMConformance, read
from myna.weights.locate import Weights

MODEL = "qwen2.5-coder-0.5b-instruct"
NUMBERS = LLMMessage("user", "Write the numbers from 1 to 3000, one per line, without stopping.")
"""What takes minutes to answer."""
HELLO = LLMRequest((LLMMessage("user", "Hello!"),), Sampling(temperature=0, max_tokens=8))


@asynccontextmanager
async def opened(weights: Weights, **options: object) -> AsyncGenerator[LlamaCppLLM]:
    resources = Resources(weights, Scheduler({}), "cpu")
    given = LlamaCppOptions.model_validate({"context_tokens": 4096} | options)
    with anyio.fail_after(120) as loading:
        async with plugin.open(given, resources) as llm:
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
async def test_a_child_that_is_killed_fails_its_request_and_is_started_again(weights: Weights):
    async with opened(weights) as llm:
        (first,) = children()
        async with aclosing(llm.generate(LLMRequest((NUMBERS,)))) as deltas:
            assert isinstance(await anext(deltas), TextDelta)
            os.kill(first, signal.SIGKILL)
            with pytest.raises(EngineUnavailable, match="ended while it answered"), anyio.fail_after(10):
                async for _ in deltas:
                    pass
        await until(lambda: first not in children())
        with pytest.raises(EngineUnavailable, match="being started again"), anyio.fail_after(1):
            await read(llm, HELLO)
        assert await llm.count_tokens(HELLO.messages) > 0
        assert llm.info.model == MODEL

        answered = False
        with anyio.fail_after(60):
            while not answered:
                try:
                    await read(llm, HELLO)
                    answered = True
                except EngineUnavailable:
                    await anyio.sleep(0.1)
        assert children() != [first]
    assert not children()


OPEN_AND_STAY = """
import sys
from pathlib import Path
import anyio
from myna.engines.base import Resources
from myna.engines.llm.llamacpp import plugin
from myna.engines.scheduler import Scheduler

class Anywhere:
    def locate(self, name):
        return Path(name)

async def main():
    options = plugin.options_model(model=sys.argv[1], context_tokens=4096)
    async with plugin.open(options, Resources(Anywhere(), Scheduler({}), "cpu")):
        print("open", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@needs_proc
@pytest.mark.models
@pytest.mark.anyio
@pytest.mark.parametrize("moment", ["while it loads", "once it serves"])
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
        parent.kill()
        await until(lambda: not alive(pid), 10)


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


@pytest.mark.models
@pytest.mark.anyio
async def test_tokens_are_counted_as_the_model_does(weights: Weights):
    async with opened(weights) as llm:
        _, finished = await read(llm, HELLO)
        assert isinstance(finished, Finished)
        assert finished.usage is not None
        assert await llm.count_tokens(HELLO.messages) == finished.usage.prompt_tokens
        assert llm.info.context_tokens == 4096
