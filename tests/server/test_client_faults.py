"""Clients of ``/v1/realtime`` that do what they should not, or are cut off: one answer, and life goes on."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.serving import Clients, until
from tests.server.sockets import PATIENCE_S, Talker, speech, talker, talking
from tests.server.test_live import END_OF_HANDSHAKE, HANDSHAKE, port, server_tasks, until_live
from tests.server.test_realtime import PATH, RESPOND, append, ask, created, user_says
from websockets.exceptions import ConnectionClosed

from myna.config.settings import SessionSettings, Settings, ToolsSettings
from myna.engines.base import ToolCallDelta
from myna.engines.task_group import open_task_group
from myna.server.sizes import Limits
from myna.testing.asr import ScriptedASR
from myna.testing.llm import HANG, Pause, ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.toolbox import Tools
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

LONG = "[平静] " + "很长的一句话，" * 200 + "完了。"
AT_ONCE = SessionSettings(playback_lead_ms=600_000)
"""Audio is sent as fast as it is made."""

# ---------------------------------------------------------------------------------------------------- while Myna speaks


def text_frame(message: dict[str, Any]) -> bytes:
    """A message as a client's frame (RFC 6455, section 5.2), masked with zeros."""
    payload = json.dumps(message).encode()
    length = bytes([0x80 + len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + payload


@asynccontextmanager
async def deaf_client(clients: Clients) -> AsyncGenerator[socket.socket]:
    """One who has asked for something, and reads nothing by itself; its system takes a few KiB."""
    loop = asyncio.get_running_loop()
    with socket.socket() as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.setblocking(False)
        await loop.sock_connect(end, ("127.0.0.1", port(clients)))
        await loop.sock_sendall(end, HANDSHAKE.replace(b"/ws ", b"/v1/realtime ") + END_OF_HANDSHAKE)
        assert (await loop.sock_recv(end, 100)).startswith(b"HTTP/1.1 101")
        for message in (user_says("说个长的。"), RESPOND):
            await loop.sock_sendall(end, text_frame(message))
        yield end


@pytest.mark.parametrize("rate", [0, 1000], ids=["never", "1 kB/s"])
async def test_a_client_that_reads_too_slowly_while_myna_speaks_is_left(
    weights: Weights, caplog: pytest.LogCaptureFixture, rate: int
) -> None:
    caplog.set_level(logging.INFO, "myna.server.live")
    wanted, limits = Settings(session=AT_ONCE), Limits(unread_s=0.3)
    llm = ScriptedLLM(LONG, "[平静] 好。")
    async with talking(weights, settings=wanted, limits=limits, llm=llm) as clients, deaf_client(clients) as end:

        async def read() -> None:
            with suppress(ConnectionError):
                while rate and await asyncio.get_running_loop().sock_recv(end, rate // 20):
                    await anyio.sleep(1 / 20)

        async with open_task_group() as group:
            group.start_soon(read)
            await until_live(clients, 1)
            await until(lambda: bool(llm.calls))
            async with talker(clients, PATH) as other:
                await created(other)
                assert await ask(other, "在吗？") == "好。"
            await until_live(clients, 0)
            await until(lambda: not server_tasks())
            group.cancel_scope.cancel()
    assert "A session was not opened, or has ended: unread" in caplog.messages


# ------------------------------------------------------------------------------------------------- too much, and amiss


async def test_100_mb_in_one_message_are_told_by_1009_and_take_no_place(weights: Weights) -> None:
    async with talking(weights) as clients:
        async with talker(clients, PATH) as client:
            await created(client)
            with suppress(ConnectionClosed), anyio.fail_after(PATIENCE_S):
                await client.line.send('{"type": "input_audio_buffer.append", "audio": "' + "A" * 100_000_000 + '"}')
            code, reason = await client.closed()
            assert code == 1009
            assert "16000000" in str(reason)
        await until_live(clients, 0)
        async with talker(clients, PATH) as client:
            await created(client)
            assert await ask(client, "在吗？") == "你好。"


OUTPUT = {"type": "function_call_output", "call_id": "call_none", "output": "1"}
AMISS: Sequence[dict[str, Any]] = (
    {"type": "input_audio_buffer.commit"},
    {"type": "response.cancel"},
    {"type": "response.cancel", "response_id": "resp_none"},
    {"type": "conversation.item.create", "item": OUTPUT},
    {"type": "conversation.item.create", "previous_item_id": "item_none", "item": user_says("?")["item"]},
    {"type": "conversation.item.retrieve", "item_id": "item_none"},
    {"type": "conversation.item.delete", "item_id": "item_none"},
    {"type": "conversation.item.truncate", "item_id": "item_none", "content_index": 0, "audio_end_ms": 100},
    {"type": "myna.playback.played", "response_id": "resp_none", "audio_end_ms": 100},
    {"type": "myna.tool.allow", "call_id": "call_none", "allowed": True},
)
"""What makes no sense before something else has come."""


@given(order=st.lists(st.sampled_from(range(len(AMISS))), min_size=1, max_size=15), during=st.booleans())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_events_out_of_order_are_each_one_error_at_most_and_the_next_turn_is_answered(
    weights: Weights, order: list[int], during: bool
) -> None:
    llm = ScriptedLLM([HANG], "[平静] 好。") if during else ScriptedLLM("[平静] 好。")
    async with talking(weights, llm=llm) as clients, talker(clients, PATH) as client:
        await created(client)
        if during:  # a response is under way, that some of these may end
            await client.send(user_says("说个长的。"))
            await client.send(RESPOND)
            await client.until("response.created")
        for number, which in enumerate(order):
            await client.send({**AMISS[which], "event_id": f"evt_{number}"})
        last = {"type": "conversation.item.delete", "item_id": "item_none", "event_id": "evt_last"}
        await client.send(last)
        blamed: list[str] = []
        ended = not during
        while "evt_last" not in blamed:
            message = await client.next()
            ended = ended or message["type"] == "response.done"
            if message["type"] == "error":
                blamed.append(message["error"]["event_id"])
        assert len(blamed) == len(set(blamed))
        if during and {"type": "response.cancel"} not in [AMISS[which] for which in order]:
            await client.send({"type": "response.cancel"})
        if not ended:
            await client.until("response.done")
        assert await ask(client, "在吗？") == "好。"


# ------------------------------------------------------------------------------------------------- a line that is cut

CLOCK = ToolCallDelta(0, "call_1", "clock", "{}")
NAME = "我叫小明。"


async def begun(client: Talker) -> None:
    """A session that is told everything, and is asked for something."""
    await created(client)
    told = {"events": ["playback", "tools", "transcript", "outcome", "timing", "emotion"]}
    await client.send({"type": "session.update", "session": {"type": "realtime", "myna": told}})
    await client.send(user_says(NAME))
    await client.send(RESPOND)


async def cut_after(client: Talker, number: int, *, speaks: bool) -> list[str]:
    """What was told until the line was to be cut, or nothing more came; ``speaks``: over the reply, for a moment."""
    told: list[str] = []
    while len(told) < number:
        try:
            with anyio.fail_after(0.2 if told else PATIENCE_S):
                message = json.loads(await client.line.recv())
        except TimeoutError:
            break
        if message["type"] == "response.output_audio.delta" and speaks:
            speaks = False
            await client.send(append(speech(0.4, 24_000)))
        told.append(message["type"])
    return told


def llm_of(story: str) -> ScriptedLLM:
    reply = "[平静] " + "一句话，" * 12 + "完了。"
    if story == "tool":
        return ScriptedLLM(["[平静] 我看看。", CLOCK], reply)
    return ScriptedLLM(["[平静] 好，", Pause(0.02), reply])


@given(
    story=st.sampled_from(["reply", "tool", "pause"]),
    number=st.integers(1, 60),
    politely=st.booleans(),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_wherever_the_line_is_cut_nothing_is_left_and_the_conversation_goes_on(
    weights: Weights, story: str, number: int, politely: bool
) -> None:
    llm, clock = llm_of(story), ScriptedTool("clock", [Pause(0.05), "18:05"])
    asr = ScriptedASR([HANG])  # so the pause goes on
    wanted = Settings(tools=ToolsSettings(for_all=("*",)), session=SessionSettings(playback_lead_ms=2000))
    async with talking(weights, settings=wanted, llm=llm, asr=asr, tools=[Tools([clock])]) as clients:
        async with talker(clients, f"{PATH}&conversation=robot") as client:
            await begun(client)
            told = await cut_after(client, number, speaks=story == "pause")
            if not politely:
                client.line.transport.abort()
        await until_live(clients, 0)
        await until(lambda: not server_tasks())
        assert all(run.ended is not None for run in clock.calls)
        assert all(call.ended is not None for call in llm.calls)
        await other_door_is_open(clients)
        async with talker(clients, f"{PATH}&conversation=robot") as client:
            await created(client)
            in_text = {"type": "realtime", "output_modalities": ["text"]}
            await client.send({"type": "session.update", "session": in_text})
            asked = len(llm.calls)
            await client.send(user_says("我叫什么？"))
            await client.send(RESPOND)
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
    if "conversation.item.done" in told:  # it was kept, and said so
        assert any(NAME in message.content for message in llm.calls[asked].request.messages)


async def other_door_is_open(clients: Clients) -> None:
    """The place and the lock of the conversation are free: it can be talked in over HTTP."""
    body = {"session_id": "robot", "messages": [{"role": "user", "content": "在吗？"}]}
    assert (await clients.http.post("/llm", json=body)).status_code == 200
