"""What other agents may do through Myna, asked for by the SDK's own client."""

import base64
import io
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import pytest
import soundfile
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer
from mcp.types import AudioContent, CallToolResult, TextContent
from tests.server.serving import choice

from myna.config.settings import Settings
from myna.core.errors import EngineRefused, WeightsMissing
from myna.engines.base import Resources
from myna.engines.opening import open_engines
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.server.door import Door, Rules
from myna.server.keys import Keys
from myna.server.mcp import create_mcp
from myna.server.run import bind, serve
from myna.server.service import Service
from myna.server.sizes import Limits
from myna.store.in_memory import InMemoryStore
from myna.testing.asr import ScriptedASR
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.tools.toolbox import open_toolbox
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving(
    weights: Weights, llm: ScriptedLLM | None = None, tts: ScriptedTTS | None = None, *, files: bool = True
) -> AsyncGenerator[MCPServer[None]]:
    async with open_scheduler({"cpu": 2}) as scheduler:
        engines = {
            "llm": choice(llm or ScriptedLLM("[Happy] Hello!")),
            "asr": choice(ScriptedASR("well heard", language="en")),
            "tts": choice(tts or ScriptedTTS()),
        }
        async with open_engines(engines, Resources(weights, scheduler)) as opened, open_toolbox() as toolbox:  # pyright: ignore[reportArgumentType] - kinds are strings here
            service = Service(Settings(), opened, InMemoryStore(), Personas(None), scheduler, toolbox)

            async def give() -> Service:
                return service

            @asynccontextmanager
            async def around() -> AsyncGenerator[None]:
                yield

            yield create_mcp(give, files=files, around=around)


@asynccontextmanager
async def client(
    weights: Weights,
    llm: ScriptedLLM | None = None,
    tts: ScriptedTTS | None = None,
    *,
    files: bool = True,
    mode: Literal["auto", "legacy"] = "auto",
) -> AsyncGenerator[Client]:
    async with serving(weights, llm, tts, files=files) as server, Client(server, mode=mode) as connected:
        yield connected


@asynccontextmanager
async def at_a_url(weights: Weights, keys: Keys) -> AsyncGenerator[str]:
    """The URL of a server behind the door."""
    listener, up = bind("127.0.0.1", 0), anyio.Event()

    async def announce() -> None:
        up.set()

    async with serving(weights, files=False) as server, anyio.create_task_group() as group:
        routes = server.streamable_http_app()
        app = FastAPI(lifespan=lambda _: server.session_manager.run())
        app.state.limits = Limits()
        app.add_middleware(Door, rules=Rules(keys))
        app.mount("/", routes)
        group.start_soon(serve, app, listener, announce)
        await up.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        group.cancel_scope.cancel()


@asynccontextmanager
async def client_with(key: str, url: str, mode: Literal["auto", "legacy"]) -> AsyncGenerator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as connected,
    ):
        yield connected


async def call(connected: Client, name: str, /, **arguments: Any) -> CallToolResult:
    with anyio.fail_after(20):
        return await connected.call_tool(name, arguments)


def told(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result
    content: dict[str, Any] = result.structured_content
    return content


def problem(result: CallToolResult) -> str:
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_tools_are_listed_with_what_they_take(weights: Weights, mode: Literal["auto", "legacy"]):
    async with client(weights, mode=mode) as connected:
        tools = {tool.name: tool for tool in (await connected.list_tools()).tools}
    assert set(tools) == {"ask", "personas", "speak", "hear"}
    assert set(tools["ask"].input_schema["properties"]) == {"text", "persona", "conversation", "private"}
    assert tools["ask"].input_schema["required"] == ["text"]
    assert tools["speak"].annotations
    assert tools["speak"].annotations.destructive_hint
    assert all(tool.description and "  " not in tool.description for tool in tools.values())


async def test_files_are_for_clients_on_this_machine_only(weights: Weights):
    async with client(weights, files=False) as connected:
        tools = {tool.name: tool for tool in (await connected.list_tools()).tools}
        assert "file" not in tools["speak"].input_schema["properties"]
        assert set(tools["hear"].input_schema["properties"]) == {"audio", "language"}
        assert tools["speak"].annotations
        assert tools["speak"].annotations.read_only_hint


async def test_a_persona_answers_without_its_tags(weights: Weights):
    async with client(weights) as connected:
        answer = told(await call(connected, "ask", text="Hi", persona="Myna"))
    assert answer["reply"] == "Hello!"
    assert answer["emotion"] == "Happy"
    assert answer["persona"] == "assistant"


async def test_a_conversation_goes_on(weights: Weights):
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with client(weights, llm) as connected:
        first = told(await call(connected, "ask", text="Begin"))
        second = told(await call(connected, "ask", text="Go on", conversation=first["conversation"]))
    assert second["conversation"] == first["conversation"]
    said = [message.content for message in llm.calls[1].request.messages]
    assert any("One." in text for text in said)


async def test_a_conversation_that_is_not_known_is_told(weights: Weights):
    async with client(weights) as connected:
        assert "no conversation 'nope'" in problem(await call(connected, "ask", text="Hi", conversation="nope"))
        first = told(await call(connected, "ask", text="Hi", persona="assistant"))
        other = await call(connected, "ask", text="Hi", persona="wukong", conversation=first["conversation"])
        assert "is with assistant" in problem(other)
        assert "no persona 'nobody'" in problem(await call(connected, "ask", text="Hi", persona="nobody"))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_conversations_of_different_keys_never_meet(
    weights: Weights, tmp_path: Path, mode: Literal["auto", "legacy"]
):
    keys = Keys(tmp_path / "keys.json")
    secrets = [keys.create(name)[1] for name in ("first", "second", "third")]
    async with at_a_url(weights, keys) as url:
        async with client_with(secrets[1], url, mode) as second:
            theirs = told(await call(second, "ask", text="Our secret"))["conversation"]
            assert told(await call(second, "ask", text="Go on", conversation=theirs))["conversation"] == theirs
        for key in (secrets[0], secrets[2]):
            async with client_with(key, url, mode) as other:
                assert "no conversation" in problem(await call(other, "ask", text="Who?", conversation=theirs))
                assert told(await call(other, "ask", text="Hi"))["reply"]


async def test_a_private_conversation_goes_on_and_is_not_kept(weights: Weights):
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with client(weights, llm) as connected:
        first = told(await call(connected, "ask", text="Begin", private=True))
        told(await call(connected, "ask", text="Go on", conversation=first["conversation"], private=True))
        kept = told(await call(connected, "ask", text="Hi"))["conversation"]
        assert "not private" in problem(await call(connected, "ask", text="Hi", conversation=kept, private=True))
    assert any("One." in message.content for message in llm.calls[1].request.messages)


async def test_an_llm_that_fails_is_told_and_the_next_answer_comes(weights: Weights):
    async with client(weights, ScriptedLLM([EngineRefused("The LLM says no.")], "[Calm] Yes.")) as connected:
        assert "The LLM says no." in problem(await call(connected, "ask", text="Hi"))
        assert told(await call(connected, "ask", text="Hi"))["reply"] == "Yes."


async def test_a_client_that_does_not_wait_stops_the_llm(weights: Weights):
    llm = ScriptedLLM(["[Calm] Once", HANG])
    async with client(weights, llm) as connected:
        with anyio.move_on_after(0.5):
            await connected.call_tool("ask", {"text": "Hi"})
        with anyio.fail_after(20):
            while not llm.calls or not llm.calls[0].ended:
                await anyio.sleep(0.01)


async def test_speech_is_audio_that_can_be_heard(weights: Weights):
    async with client(weights) as connected:
        audio, words = (await call(connected, "speak", text="Good morning")).content
        assert isinstance(audio, AudioContent)
        assert audio.mime_type == "audio/wav"
        assert soundfile.info(io.BytesIO(base64.b64decode(audio.data))).duration == pytest.approx(0.66, abs=0.05)
        assert isinstance(words, TextContent)
        assert words.text == "0.7 s of speech"
        heard = told(await call(connected, "hear", audio=audio.data))
        assert heard["text"] == "well heard"
        assert heard["language"] == "en"
        assert heard["seconds"] == pytest.approx(0.66, abs=0.05)


async def test_speech_is_written_to_a_file_and_read_from_it(weights: Weights, tmp_path: Path):
    path = tmp_path / "hello.wav"
    async with client(weights) as connected:
        (words,) = (await call(connected, "speak", text="Good morning", file=str(path))).content
        assert isinstance(words, TextContent)
        assert words.text == f"0.7 s of speech in {path}"
        assert told(await call(connected, "hear", file=str(path)))["text"] == "well heard"


async def test_what_cannot_be_spoken_or_heard_is_told(weights: Weights, tmp_path: Path):
    precious = tmp_path / "notes.txt"
    precious.write_text("mine")
    async with client(weights) as connected:
        assert "does not end in .wav" in problem(await call(connected, "speak", text="Hi", file=str(precious)))
        assert "no folder" in problem(await call(connected, "speak", text="Hi", file=str(tmp_path / "no" / "a.wav")))
        assert "nothing in the text" in problem(await call(connected, "speak", text="🙂"))
        assert "too long to send" in problem(await call(connected, "speak", text="abcdefghi " * 400))
        assert "not audio" in problem(await call(connected, "hear", file=str(precious)))
        assert "cannot be read" in problem(await call(connected, "hear", file=str(tmp_path / "nothing.wav")))
        assert "cannot be read" in problem(await call(connected, "hear", file="~nobody-at-all/a.wav"))
        assert "cannot be read" in problem(await call(connected, "hear", file="a\0.wav"))
        os.mkfifo(tmp_path / "pipe.wav")
        assert "is no file" in problem(await call(connected, "hear", file=str(tmp_path / "pipe.wav")))
        assert "no base64" in problem(await call(connected, "hear", audio="###"))
        assert "either a file or audio" in problem(await call(connected, "hear"))
    assert precious.read_text() == "mine"


async def test_no_more_is_spoken_than_can_be_sent(weights: Weights):
    tts = ScriptedTTS()
    async with client(weights, tts=tts) as connected:
        assert "too long to send" in problem(await call(connected, "speak", text="A few words more. " * 1000))
    assert sum(len(spoken.text) for spoken in tts.calls) < 5000


async def test_a_service_that_does_not_open_is_told():
    async def opened() -> Service:
        raise WeightsMissing("There are no weights.", hint="Fetch them.")

    @asynccontextmanager
    async def around() -> AsyncGenerator[None]:
        yield

    async with Client(create_mcp(opened, files=True, around=around)) as connected:
        assert "There are no weights. Fetch them." in problem(await call(connected, "ask", text="Hi"))
