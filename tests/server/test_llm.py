import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx
import pytest
from pydantic import BaseModel

from myna.config.settings import Settings
from myna.core.errors import BadConfig, EngineRefused
from myna.engines.base import Resources
from myna.engines.opening import Choice, open_engines
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.server.app import create_app
from myna.server.run import bind, serve
from myna.server.service import Service
from myna.store.in_memory import InMemoryStore
from myna.testing.llm import HANG, ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


class NoOptions(BaseModel):
    pass


@dataclass(frozen=True)
class ScriptedPlugin:
    llm: ScriptedLLM
    options_model: type[NoOptions] = NoOptions

    def weights(self, options: NoOptions) -> Sequence[str]:
        return ()

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[ScriptedLLM]:
        yield self.llm


@asynccontextmanager
async def serving(llm: ScriptedLLM, weights: Weights) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a real server, on a real socket, whose LLM is scripted."""

    @asynccontextmanager
    async def service() -> AsyncGenerator[Service]:
        async with open_scheduler({"cpu": 1}) as scheduler:
            choice = Choice("scripted", ScriptedPlugin(llm), NoOptions())
            async with open_engines({"llm": choice}, Resources(weights, scheduler)) as engines:
                await engines.settled()
                yield Service(Settings(), engines, InMemoryStore(), Personas(None))

    listener = bind("127.0.0.1", 0)
    up = anyio.Event()

    async def announce() -> None:
        up.set()

    async with anyio.create_task_group() as group:
        group.start_soon(serve, create_app(service), listener, announce)
        await up.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10) as client:
            yield client
        group.cancel_scope.cancel()


def body(*texts: str, **more: object) -> dict[str, object]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)], **more}


def said(llm: ScriptedLLM, call: int) -> list[tuple[str, str]]:
    """What the conversation was, as the model was shown it: the prompt's examples left out."""
    messages = [(message.role, message.content) for message in llm.calls[call].request.messages]
    return messages[len(llm.calls[0].request.messages) - 1 :]


async def until_closed(llm: ScriptedLLM) -> None:
    with anyio.fail_after(10):
        while not (llm.calls and llm.calls[0].ended):
            await anyio.sleep(0.01)


async def test_a_client_that_goes_away_stops_the_generation(weights: Weights) -> None:
    llm = ScriptedLLM(["[Calm] Once", HANG])
    async with serving(llm, weights) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/llm", json=body("Tell me a story."), timeout=0.5)
        await until_closed(llm)
        assert llm.calls[0].ended == "closed"


async def test_with_a_session_id_the_new_message_is_enough(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first", session_id="a"))
        await client.post("/llm", json=body("second", session_id="a"))
    assert said(llm, 1) == [("user", "first"), ("assistant", "[Happy] One."), ("user", "second")]


async def test_with_a_session_id_the_whole_history_may_be_sent_and_is_not_doubled(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first", session_id="a"))
        await client.post("/llm", json=body("first", "One.", "second", session_id="a"))
    assert said(llm, 1) == [("user", "first"), ("assistant", "[Happy] One."), ("user", "second")]


async def test_without_a_session_id_nothing_is_kept(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first"))
        await client.post("/llm", json=body("second"))
    assert said(llm, 1) == [("user", "second")]


async def test_two_requests_of_one_session_do_not_mix(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client, anyio.create_task_group() as group:
        for text in ("first", "second"):
            group.start_soon(lambda text=text: client.post("/llm", json=body(text, session_id="a")))
    roles = [role for role, _ in said(llm, 1)]
    assert roles == ["user", "assistant", "user"]


async def test_a_system_message_takes_the_personas_place(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] Arr.")
    messages = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "hello"}]
    async with serving(llm, weights) as client:
        assert (await client.post("/llm", json={"messages": messages})).json()["text"] == "Arr."
    system, user = llm.calls[0].request.messages
    assert system.content.startswith("You are a pirate.")
    assert "[Calm]" in system.content
    assert (user.role, user.content) == ("user", "hello")


async def test_sampling_is_the_requests_where_it_says(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] Yes.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("hello", temperature=0.1, max_tokens=7))
    sampling = llm.calls[0].request.sampling
    assert (sampling.temperature, sampling.max_tokens, sampling.top_p) == (0.1, 7, 0.95)


async def test_an_engine_that_fails_is_told_with_its_code(weights: Weights) -> None:
    llm = ScriptedLLM(["[Calm] One", EngineRefused("The LLM said no.", hint="Ask it something else.")])
    async with serving(llm, weights) as client:
        answer = await client.post("/llm", json=body("hello"))
    assert answer.status_code == 502
    assert answer.json() == {
        "error": {"code": "engine_refused", "message": "The LLM said no.", "hint": "Ask it something else."}
    }


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(BadConfig, match="is no address"):
        bind("no such host", 8765)


def test_a_port_in_use_is_told_with_a_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadConfig, match="is in use by another program"):
            bind("127.0.0.1", taken.getsockname()[1])
