"""What a user said is told to the model for him again, by every door; for nobody else, and never in private."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from tests.server.serving import Clients, choice, serving_engines
from tests.server.sockets import talker

from myna.memory.journal import SQLJournal
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.memory.remembering import Remembering, open_remembering
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.store.database import open_database
from myna.store.sql import SQLStore
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

SAID, ASKED = "I am allergic to peanuts.", "Am I allergic to peanuts or to walnuts?"
KNOWN = "user is allergic to peanuts"
DOORS = ["llm", "chat", "realtime"]
SAID_BY = DOORS


@dataclass(frozen=True)
class Served:
    clients: Clients
    remembering: Remembering
    llm: ScriptedLLM
    secrets: list[str]

    async def say(self, who: int, door: str, text: str, *, private: bool = False) -> str:
        """What the model was shown when this user said ``text``, all in one."""
        headers = {"Authorization": f"Bearer {self.secrets[who]}"}
        messages = [{"role": "user", "content": text}]
        before = len(self.llm.calls)
        match door:
            case "llm":
                body = {"messages": messages, "session_id": f"{before}", "private": private}
                assert (await self.clients.http.post("/llm", json=body, headers=headers)).status_code == 200
            case "chat":
                body = {"model": "myna/assistant", "messages": messages, "myna": {"private": private}}
                answer = await self.clients.http.post("/v1/chat/completions", json=body, headers=headers)
                assert answer.status_code == 200
            case _:
                await self._talk(headers, text, private=private)
        with anyio.fail_after(20):
            await self.remembering.idle()
        return "\n".join(message.content for message in self.llm.calls[before].request.messages)

    async def _talk(self, headers: dict[str, str], text: str, *, private: bool) -> None:
        path = f"/v1/realtime?private={'true' if private else 'false'}"
        async with talker(self.clients, path, headers=headers) as client:
            await client.next()
            content = [{"type": "input_text", "text": text}]
            item = {"type": "message", "role": "user", "content": content}
            await client.send({"type": "conversation.item.create", "item": item})
            await client.send({"type": "response.create"})
            await client.until("response.done")
            await anyio.sleep(0.05)


@asynccontextmanager
async def served(weights: Weights, folder: Path) -> AsyncGenerator[Served]:
    keys, llm = Keys(folder / "keys.json"), ScriptedLLM("[Happy] Yes.")
    secrets = [keys.create(name)[1] for name in ("owner's", "anne", "bob")]
    async with (
        open_database(folder / "myna.db") as database,
        open_memories(database, MemoryOptions(vectors="none"), folder, lambda: None) as memories,
        open_remembering(memories, lambda: None, SQLJournal(database), store=SQLStore(database)) as remembering,
        serving_engines(
            weights,
            {"llm": choice(llm)},
            rules=Rules(keys),
            store=SQLStore(database),
            memories=memories,
            remembering=remembering,
        ) as clients,
    ):
        yield Served(clients, remembering, llm, secrets)


@pytest.mark.parametrize("said_by", SAID_BY)
async def test_what_was_said_is_known_to_him_alone(weights: Weights, tmp_path: Path, said_by: str) -> None:
    async with served(weights, tmp_path) as server:
        await server.say(1, said_by, SAID)
        for asked_by in DOORS:
            assert KNOWN in (await server.say(1, asked_by, ASKED)), asked_by
            for other in (0, 2):
                assert KNOWN not in (await server.say(other, asked_by, ASKED)), asked_by
            assert KNOWN not in (await server.say(1, asked_by, ASKED, private=True)), asked_by


async def test_what_was_just_said_in_a_chat_completion_is_forgotten_by_word(weights: Weights, tmp_path: Path) -> None:
    async with served(weights, tmp_path) as server:
        headers = {"Authorization": f"Bearer {server.secrets[1]}"}

        async def memories() -> list[str]:
            with anyio.fail_after(20):
                await server.remembering.idle()
            told = (await server.clients.http.get("/api/memories", headers=headers)).json()["memories"]
            return [each["text"] for each in told]

        talk = [{"role": "user", "content": SAID}]
        body = {"model": "myna/assistant", "messages": talk}
        assert (await server.clients.http.post("/v1/chat/completions", json=body, headers=headers)).is_success
        assert KNOWN in "".join(await memories())
        talk += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Forget what I just said."}]
        assert (await server.clients.http.post("/v1/chat/completions", json=body, headers=headers)).is_success
        assert await memories() == []


async def test_the_llm_does_not_remember_while_it_answers_as_it_is(weights: Weights, tmp_path: Path) -> None:
    async with served(weights, tmp_path) as server:
        headers = {"Authorization": f"Bearer {server.secrets[1]}"}
        body = {"model": "myna", "messages": [{"role": "user", "content": SAID}]}
        async with server.remembering.way.work(60) as work:
            assert (await server.clients.http.post("/v1/chat/completions", json=body, headers=headers)).is_success
        assert work.cancelled_caught


@pytest.mark.parametrize("said_by", DOORS)
async def test_of_what_was_said_in_private_nothing_is_remembered(
    weights: Weights, tmp_path: Path, said_by: str
) -> None:
    async with served(weights, tmp_path) as server:
        await server.say(1, said_by, SAID, private=True)
        headers = {"Authorization": f"Bearer {server.secrets[1]}"}
        assert (await server.clients.http.get("/api/memories", headers=headers)).json()["memories"] == []
