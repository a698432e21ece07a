"""Of a private conversation nothing is kept, whatever door it came in by."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.server.serving import Clients, choice, serving_engines
from tests.server.sockets import Talker, talker

from myna.config.settings import Settings
from myna.core.ids import OWNER
from myna.engines.base import Resources
from myna.engines.opening import open_engines
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.server.mcp_tools import AgentTools
from myna.server.service import Service
from myna.store.database import open_database
from myna.store.sql import SQLStore
from myna.testing.llm import ScriptedLLM
from myna.tools.toolbox import open_toolbox
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

SECRET = "Wolfenbuettel"


@dataclass(frozen=True)
class Served:
    clients: Clients

    async def kept(self) -> list[str]:
        """The ids of the conversations that are kept."""
        listed = await self.clients.http.get("/api/conversations")
        return [each["id"] for each in listed.json()["conversations"]]

    async def say(self, text: str = SECRET, **more: Any) -> Any:
        return await self.clients.http.post("/llm", json={"messages": [{"role": "user", "content": text}], **more})


@asynccontextmanager
async def served(weights: Weights, folder: Path, llm: ScriptedLLM) -> AsyncGenerator[Served]:
    async with (
        open_database(folder / "myna.db") as database,
        serving_engines(weights, {"llm": choice(llm)}, store=SQLStore(database)) as clients,
    ):
        yield Served(clients)


def on_disk(folder: Path) -> bool:
    """Whether the secret is in any file."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return any(SECRET.encode() in file.read_bytes() for file in files)


def said(llm: ScriptedLLM, call: int) -> list[str]:
    """What the model was shown of the conversation."""
    return [message.content for message in llm.calls[call].request.messages]


async def talk(client: Talker, text: str) -> dict[str, Any]:
    """Say something over the socket; the session that was told."""
    session: dict[str, Any] = (await client.next())["session"]
    content = [{"type": "input_text", "text": text}]
    await client.send(
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}
    )
    await client.send({"type": "response.create"})
    await client.until("response.done")
    return session


async def test_by_llm_it_goes_on_as_long_as_the_server_lives_and_is_on_no_disk(
    weights: Weights, tmp_path: Path
) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.", "[Calm] Three.")
    async with served(weights, tmp_path, llm) as server:
        await server.say("Kept", session_id="other")
        assert (await server.say(session_id="a", private=True)).json()["text"] == "Two."
        assert (await server.say("and now?", session_id="a")).json()["text"] == "Three."  # still private, though unsaid
        assert SECRET in said(llm, 2)
        assert await server.kept() == ["other"]
        assert not on_disk(tmp_path)


async def test_by_llm_what_is_kept_does_not_become_private(weights: Weights, tmp_path: Path) -> None:
    async with served(weights, tmp_path, ScriptedLLM("[Happy] One.")) as server:
        await server.say("Kept", session_id="a")
        answer = await server.say(session_id="a", private=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")
        assert not on_disk(tmp_path)


async def test_without_private_it_is_on_disk(weights: Weights, tmp_path: Path) -> None:
    async with served(weights, tmp_path, ScriptedLLM("[Happy] One.")) as server:
        await server.say(session_id="a")
        assert on_disk(tmp_path)


async def test_by_socket_it_is_told_and_a_client_that_comes_back_goes_on_with_it(
    weights: Weights, tmp_path: Path
) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with served(weights, tmp_path, llm) as server:
        async with talker(server.clients, "/v1/realtime?private=true") as client:
            told = (await talk(client, SECRET))["myna"]
            assert told["private"]
        async with talker(server.clients, f"/v1/realtime?conversation={told['conversation']}") as client:
            assert (await talk(client, "and now?"))["myna"]["private"]
        assert SECRET in said(llm, 1)
        assert await server.kept() == []
        assert not on_disk(tmp_path)


async def test_by_socket_what_is_misspelt_or_too_late_is_refused_before_anything_is_said(
    weights: Weights, tmp_path: Path
) -> None:
    async with served(weights, tmp_path, ScriptedLLM("[Happy] One.")) as server:
        await server.say("Kept", session_id="a")
        for asked in ("private=yes", "conversation=a&private=true"):
            async with talker(server.clients, f"/v1/realtime?{asked}") as client:
                assert (await client.next())["type"] == "error"
                assert (await client.closed())[0] == 1008


async def test_by_mcp_too(weights: Weights, tmp_path: Path) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with (
        open_database(tmp_path / "myna.db") as database,
        open_scheduler({"cpu": 1}) as scheduler,
        open_engines({"llm": choice(llm)}, Resources(weights, scheduler)) as engines,
        open_toolbox([]) as toolbox,
    ):
        store = SQLStore(database)
        service = Service(Settings(), engines, store, Personas(None), scheduler, toolbox)

        async def opened() -> Service:
            return service

        tools = AgentTools(opened)
        first = await tools.ask(SECRET, private=True)
        await tools.ask("and now?", conversation=first.conversation)
        assert SECRET in said(llm, 1)
        assert await store.list(OWNER) == ()
        assert not on_disk(tmp_path)


async def test_a_chat_completion_takes_it_and_refuses_what_it_does_not_know(weights: Weights, tmp_path: Path) -> None:
    async with served(weights, tmp_path, ScriptedLLM("[Happy] One.")) as server:
        body = {"model": "myna/wukong", "messages": [{"role": "user", "content": SECRET}]}
        statuses = [
            (await server.clients.http.post("/v1/chat/completions", json={**body, "myna": terms})).status_code
            for terms in ({"private": True}, {"privat": True}, {"private": "yes"})
        ]
        assert statuses == [200, 400, 400]
        assert not on_disk(tmp_path)
