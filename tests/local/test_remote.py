"""A talk with a server elsewhere: a real one on loopback, with scripted engines."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio
import numpy as np
import pytest
from tests.local.air import TimedAir, audible
from tests.server.serving import Clients
from tests.server.sockets import talking
from websockets.asyncio.server import ServerConnection, serve

from myna.config.settings import ServerSettings, Settings, ToolsSettings
from myna.core.audio import HEARING_RATE
from myna.core.commands import AllowTool, CommitAudio, Interrupt, SendText
from myna.core.errors import BadConfig, BadInput, Closed, EngineUnavailable
from myna.core.events import (
    EmotionChanged,
    Event,
    Interrupted,
    PlaybackPaused,
    ReplyEnded,
    ReplyText,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnded,
)
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import Samples, ToolCallDelta
from myna.local import remote
from myna.local.remote import RemoteSession, address, events_of, messages_of, open_remote
from myna.local.talk import talk
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.tls import tls_of
from myna.testing.asr import ScriptedASR
from myna.testing.llm import Pause, ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.toolbox import Tools
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

LONG = "[平静] " + "从前有一座山，山上有一座庙，庙里有一个老和尚在讲故事。" * 3


def voice(seconds: float) -> Samples:
    """What a `ScriptedVAD` takes for speech."""
    return 0.2 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * HEARING_RATE)) / HEARING_RATE).astype(np.float32)


class Talk:
    """A talk, and what happened in it."""

    def __init__(self, session: RemoteSession) -> None:
        self.session = session
        self.air = TimedAir()
        self.events: list[Event] = []
        self._changed = anyio.Event()

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()
        self._changed = anyio.Event()

    async def run(self) -> None:
        with closing(self.air):
            await talk(self.session, self.air, self.tell, print, remove_echo=False)

    async def until(self, kind: type[Event], times: int = 1) -> Event:
        """The event of this kind that comes so many times."""
        with anyio.fail_after(30):
            while sum(isinstance(event, kind) for event in self.events) < times:
                await self._changed.wait()
        return [event for event in self.events if isinstance(event, kind)][times - 1]


def url_of(clients: Clients) -> str:
    return str(clients.http.base_url)


async def test_a_greeting_a_spoken_question_and_a_typed_one_are_answered_through_the_air(weights: Weights):
    llm = ScriptedLLM("[开心] 我很好。", "[平静] 再见。")
    async with (
        talking(weights, llm=llm, asr=ScriptedASR("你好吗")) as clients,
        open_remote(url_of(clients), persona="wukong") as session,
        anyio.create_task_group() as tasks,
    ):
        assert session.answers == "myna/wukong"
        here = Talk(session)
        tasks.start_soon(here.run)
        await here.until(TurnEnded)
        assert audible(here.air.sound)
        here.air.say(voice(1.0), HEARING_RATE)
        heard = await here.until(TranscriptFinal)
        assert isinstance(heard, TranscriptFinal)
        assert heard.text == "你好吗"
        ended = await here.until(TurnEnded, 2)
        assert isinstance(ended, TurnEnded)
        assert ended.outcome == "completed"
        await session.send(SendText("再见"))
        await here.until(TurnEnded, 3)
        said = "".join(event.text for event in here.events if isinstance(event, ReplyText))
        assert said.endswith("我很好。再见。")
        assert [event.emotion for event in here.events if isinstance(event, EmotionChanged)][-2:] == ["开心", "平静"]
        assert any(isinstance(event, TranscriptPartial) for event in here.events)
        tasks.cancel_scope.cancel()


async def test_who_speaks_over_a_reply_stops_it(weights: Weights):
    async with (
        talking(weights, llm=ScriptedLLM(LONG), asr=ScriptedASR("等一下我还有一个问题")) as clients,
        open_remote(url_of(clients)) as session,
        anyio.create_task_group() as tasks,
    ):
        here = Talk(session)
        tasks.start_soon(here.run)
        await here.until(TurnEnded)
        await session.send(SendText("讲个故事"))
        await here.until(ReplyText)
        await anyio.sleep(1.0)
        here.air.say(voice(2.0), HEARING_RATE)
        await here.until(PlaybackPaused)
        interrupted = await here.until(Interrupted)
        assert isinstance(interrupted, Interrupted)
        assert LONG.removeprefix("[平静] ").startswith(interrupted.heard)
        tasks.cancel_scope.cancel()


async def test_a_key_opens_a_guarded_server_and_nothing_else_does(weights: Weights, tmp_path: Path):
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create("talk")
    async with talking(weights, rules=Rules(keys)) as clients:
        with pytest.raises(BadInput, match="wants a key") as error:
            async with open_remote(url_of(clients), key="wrong"):
                pass
        assert "--key" in error.value.hint
        async with open_remote(url_of(clients), key=secret) as session:
            assert session.answers == "myna/assistant"


async def test_a_server_that_made_its_certificate_is_talked_with_by_who_has_its_authority(
    weights: Weights, tmp_path: Path
):
    tls = tls_of(ServerSettings(https=True), tmp_path)
    assert tls is not None
    async with talking(weights, tls=tls) as clients:
        assert url_of(clients).startswith("https:")
        with pytest.raises(BadInput, match="is not trusted: unable to get local issuer") as error:
            async with open_remote(url_of(clients)):
                pass
        assert "--ca myna-ca.crt" in error.value.hint
        async with open_remote(url_of(clients), authority=tls.authority) as session:
            assert session.answers == "myna/assistant"
        with pytest.raises(BadConfig, match="cannot be read"):
            async with open_remote(url_of(clients), authority=tmp_path / "none.crt"):
                pass


async def test_a_server_that_is_not_there_or_refuses_is_told(weights: Weights):
    with pytest.raises(EngineUnavailable, match="There is no Myna"):
        async with open_remote("ws://127.0.0.1:1"):
            pass
    async with talking(weights) as clients:
        with pytest.raises(Closed, match="nobody"):
            async with open_remote(url_of(clients), persona="nobody"):
                pass
        with pytest.raises(EngineUnavailable, match="answered 403"):
            async with open_remote(url_of(clients) + "/elsewhere"):
                pass


async def test_a_server_that_goes_away_ends_the_talk():
    async def go_away(line: ServerConnection) -> None:
        await line.send(json.dumps({"type": "session.created", "session": {"model": "myna/assistant"}}))
        await line.recv()
        await line.close(1001, "The server stops.")

    async with serve(go_away, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with open_remote(f"ws://127.0.0.1:{port}") as session:
            with pytest.raises(Closed, match="has ended the session: The server stops"):
                await Talk(session).run()


GREETING = json.dumps({"type": "session.created", "session": {"model": "myna/assistant"}})


@pytest.mark.parametrize(
    "says",
    [
        ("nonsense",),
        ("[]",),
        ('{"hello": 1}',),
        ('{"type": "session.created"}',),
        (b"\xff",),
        ("[" * 100_000,),
        (GREETING, "nonsense"),
        (GREETING, json.dumps({"type": "response.output_audio.delta", "response_id": "r", "delta": "AAA"})),
        (GREETING, json.dumps({"type": "response.output_audio.delta", "response_id": "r", "delta": "AA=="})),
    ],
)
async def test_what_is_no_myna_is_told(says: Sequence[str | bytes]):
    async def speak(line: ServerConnection) -> None:
        for message in says:
            await line.send(message)
        await line.wait_closed()

    async with serve(speak, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(EngineUnavailable, match=f"no Myna at ws://127.0.0.1:{port}.*another protocol") as error:
            async with open_remote(f"ws://127.0.0.1:{port}") as session:
                await anext(session)
        assert "check the address" in error.value.hint


async def test_what_never_greets_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    async with serve(ServerConnection.wait_closed, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        monkeypatch.setattr(remote, "OPEN_S", 0.5)
        with anyio.fail_after(20):
            with pytest.raises(EngineUnavailable, match="no Myna at"):
                async with open_remote(f"ws://127.0.0.1:{port}"):
                    pass


async def test_a_typed_line_stops_a_reply_that_was_sent_and_still_sounds(weights: Weights):
    async with (
        talking(weights, llm=ScriptedLLM(LONG, "[平静] 再见。")) as clients,
        open_remote(url_of(clients)) as session,
        anyio.create_task_group() as tasks,
    ):
        here = Talk(session)
        tasks.start_soon(here.run)
        await here.until(TurnEnded)
        await session.send(SendText("讲个故事"))
        await here.until(ReplyEnded, 2)
        await session.send(SendText("再见"))
        await here.until(TurnEnded, 3)
        assert [event.outcome for event in here.events if isinstance(event, TurnEnded)][1] == "interrupted"
        tasks.cancel_scope.cancel()


async def test_tools_of_the_server_s_are_told_here(weights: Weights):
    llm = ScriptedLLM([ToolCallDelta(0, "call_1", "clock", '{"city": "东京"}')], "[平静] 六点。")
    settings, clock = Settings(tools=ToolsSettings(for_all=("*",))), ScriptedTool("clock", "18:05")
    async with (
        talking(weights, llm=llm, settings=settings, tools=[Tools([clock])]) as clients,
        open_remote(url_of(clients)) as session,
        anyio.create_task_group() as tasks,
    ):
        here = Talk(session)
        tasks.start_soon(here.run)
        await here.until(TurnEnded)
        await session.send(SendText("几点了"))
        started, ended = await here.until(ToolStarted), await here.until(ToolEnded)
        assert isinstance(started, ToolStarted)
        assert isinstance(ended, ToolEnded)
        assert (started.call, started.asks) == (ToolCall("call_1", "clock", '{"city": "东京"}'), False)
        assert (ended.call_id, ended.name, ended.result) == ("call_1", "clock", ToolResult("18:05"))
        tasks.cancel_scope.cancel()


async def test_a_tool_that_outlives_its_reply_is_told_to_go_on(weights: Weights):
    llm = ScriptedLLM([ToolCallDelta(0, "call_1", "clock", "{}")], "[平静] 六点。")
    settings = Settings(tools=ToolsSettings(for_all=("*",)))
    clock = ScriptedTool("clock", [Pause(2), "18:05"], cancellable=False)
    async with (
        talking(weights, llm=llm, settings=settings, tools=[Tools([clock])]) as clients,
        open_remote(url_of(clients)) as session,
        anyio.create_task_group() as tasks,
    ):
        here = Talk(session)
        tasks.start_soon(here.run)
        await here.until(TurnEnded)
        await session.send(SendText("几点了"))
        await here.until(ToolStarted)
        await session.send(Interrupt())
        ended = await here.until(ToolEnded)
        assert isinstance(ended, ToolEnded)
        assert (ended.call_id, ended.result.status) == ("call_1", "goes_on")
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("written", "persona", "meant"),
    [
        ("ws://host:8765", None, "ws://host:8765/v1/realtime"),
        ("host:8765", "wukong", "ws://host:8765/v1/realtime?model=myna/wukong"),
        ("https://myna.example/", "孙悟空", "wss://myna.example/v1/realtime?model=myna/%E5%AD%99%E6%82%9F%E7%A9%BA"),
        ("wss://myna.example/proxy/v1/realtime?a=b", "x", "wss://myna.example/proxy/v1/realtime?a=b&model=myna/x"),
    ],
)
def test_a_server_may_be_named_as_in_a_browser(written: str, persona: str | None, meant: str):
    assert address(written, persona) == meant


def test_a_private_conversation_is_asked_for_in_the_address():
    assert address("robot:8765", "wukong", private=True) == "ws://robot:8765/v1/realtime?model=myna/wukong&private=true"
    assert address("ws://robot:8765/?conversation=a", private=True).endswith("?conversation=a&private=true")


@pytest.mark.parametrize("url", ["ftp://host", "ws://", "ws://host:notaport", "ws://host:99999", "ws://[::1"])
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(BadInput, match="no address"):
        address(url)


def test_commands_that_need_a_session_here_are_refused():
    assert [message["type"] for message in messages_of(Interrupt())] == ["output_audio_buffer.clear", "response.cancel"]
    assert list(messages_of(AllowTool("call_1", allowed=False))) == [
        {"type": "myna.tool.allow", "event_id": "report", "call_id": "call_1", "allowed": False}
    ]
    with pytest.raises(BadInput, match="CommitAudio"):
        list(messages_of(CommitAudio()))


def test_messages_that_mean_nothing_here_are_passed_over():
    assert list(events_of({"type": "rate_limits.updated"})) == []
    assert list(events_of({"type": "response.done"})) == []
