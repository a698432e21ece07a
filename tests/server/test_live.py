"""What holds for every socket, tried on the smallest of them."""

import asyncio
import base64
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest
from tests.server.serving import Clients, until
from tests.server.sockets import PATIENCE_S, Engines, silence, speech, talker, talking
from websockets.exceptions import ConnectionClosed, InvalidStatus

from myna.config.settings import Settings, TurnTakingSettings
from myna.core.errors import EngineUnavailable
from myna.engines.task_group import open_task_group
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.sizes import Limits
from myna.testing.asr import ScriptedASR
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


HANDSHAKE = b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
END_OF_HANDSHAKE = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"


def port(clients: Clients) -> int:
    assert clients.http.base_url.port
    return clients.http.base_url.port


async def live(clients: Clients) -> int:
    """How many sessions the server says are live."""
    told: int = (await clients.http.get("/health")).json()["sessions"]["live"]
    return told


async def until_live(clients: Clients, number: int) -> None:
    with anyio.fail_after(PATIENCE_S):
        while await live(clients) != number:
            await anyio.sleep(0.01)


def server_tasks() -> set[str]:
    """What the sessions of a server in this process still do."""
    return {
        name
        for task in asyncio.all_tasks()
        if "myna/session" in (name := str(task.get_coro())) or "myna/server/live" in name or "run_asgi" in name
    }


# ----------------------------------------------------------------------------------------------------------- the door


async def test_a_key_opens_the_socket_as_a_header_and_as_a_subprotocol(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create()
    async with talking(weights, rules=Rules(keys)) as clients:
        async with talker(clients, "/ws", headers={"Authorization": f"Bearer {secret}"}) as client:
            assert client.line.subprotocol is None
        offered = ["realtime", f"openai-insecure-api-key.{secret}", "openai-beta.realtime-v1"]
        async with talker(clients, "/ws", subprotocols=offered) as client:
            assert client.line.subprotocol == "realtime"
        for wrong in ((), ("realtime", "openai-insecure-api-key.wrong")):
            with pytest.raises(InvalidStatus) as refused:
                async with talker(clients, "/ws", subprotocols=wrong):
                    pass
            assert refused.value.response.status_code == 401
            assert "invalid_api_key" in (refused.value.response.body or b"").decode()


async def test_a_page_of_another_origin_opens_no_socket(weights: Weights) -> None:
    async with talking(weights) as clients:
        with pytest.raises(InvalidStatus) as refused:
            async with talker(clients, "/ws", headers={"Origin": "https://evil.example"}):
                pass
    assert refused.value.response.status_code == 403


# ------------------------------------------------------------------------------------------------------------- frames


async def test_a_message_that_is_too_long_is_told_by_1009_even_if_much_more_follows(weights: Weights) -> None:
    async with talking(weights, limits=Limits(message=100_000)) as clients, talker(clients, "/ws") as client:
        await client.send(bytes(100_000))
        with suppress(ConnectionClosed):
            await client.send(bytes(100_000_000))
        code, reason = await client.closed()
        assert code == 1009
        assert "100000" in str(reason)
        await until_live(clients, 0)


async def test_a_message_in_fragments_is_one(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, "/ws") as client:

        async def fragments() -> None:
            audio = speech() + silence()
            await client.line.send(audio[at : at + 777] for at in range(0, len(audio), 777))

        await fragments()
        assert (await client.until("final"))["text"] == "你好"


async def test_fragments_without_end_are_too_long_as_well(weights: Weights) -> None:
    async with talking(weights, limits=Limits(message=100_000)) as clients, talker(clients, "/ws") as client:
        with pytest.raises(ConnectionClosed):
            await client.line.send(bytes(1000) for _ in range(10_000))
        assert (await client.closed())[0] == 1009


async def test_half_a_handshake_and_half_a_frame_take_no_place(weights: Weights) -> None:
    async with talking(weights) as clients:
        async with await anyio.connect_tcp("127.0.0.1", port(clients)) as stream:
            await stream.send(HANDSHAKE)
            assert await live(clients) == 0
            await stream.send(END_OF_HANDSHAKE)
            await until_live(clients, 1)
            await stream.send(b"\x82\xfe\xff")  # a binary frame, whose length never comes
        await until_live(clients, 0)


@pytest.mark.parametrize("frame", [b"\x83\x80\x00\x00\x00\x00", b"\x82\x05hello", b"\x81\x81\x00\x00\x00\x00\xff"])
async def test_what_is_no_frame_ends_this_connection_alone(weights: Weights, frame: bytes) -> None:
    async with talking(weights) as clients, talker(clients, "/ws") as other, talker(clients, "/ws") as client:
        transport = client.line.transport
        transport.write(frame)
        assert (await client.closed())[0] in {1002, 1007}
        await other.send(speech() + silence())
        assert (await other.until("final"))["text"] == "你好"


# ----------------------------------------------------------------------------------------- clients that come and go


HANGING: Mapping[str, Engines] = {
    "none": {},
    "vad": {"vad": ScriptedVAD(HANG)},
    "asr": {"asr": ScriptedASR([HANG])},
    "llm": {"llm": ScriptedLLM([HANG])},
    "tts": {"tts": ScriptedTTS([HANG])},
}


@pytest.mark.parametrize("hanging", HANGING)
@pytest.mark.parametrize("politely", [True, False], ids=["with a close frame", "without a word"])
async def test_a_client_that_leaves_at_any_time_leaves_nothing_behind(
    weights: Weights, hanging: str, politely: bool
) -> None:
    async with talking(weights, **HANGING[hanging]) as clients:
        for sent in (b"", b"\x01", speech(0.5), speech() + silence(0.5), speech() + silence(2)):
            for path in ("/ws", "/v1/realtime"):
                async with talker(clients, path) as client:
                    if path == "/ws":
                        await client.send(sent)
                    else:
                        audio = base64.b64encode(sent).decode()
                        await client.send({"type": "input_audio_buffer.append", "audio": audio})
                    await anyio.sleep(0.02)
                    assert server_tasks()
                    if not politely:
                        client.line.transport.abort()
        await until_live(clients, 0)
        await until(lambda: not server_tasks())


@pytest.mark.parametrize("pause_s", [inf, 0.05], ids=["never", "4 KiB at a time"])
async def test_a_client_that_reads_too_slowly_is_left(
    weights: Weights, caplog: pytest.LogCaptureFixture, pause_s: float
) -> None:
    caplog.set_level(logging.INFO, "myna.server.live")
    limits = Limits(unread_s=0.2)
    async with talking(weights, limits=limits) as clients, talker(clients, "/ws", receive_buffer=4096) as client:
        transport = client.line.transport
        transport.pause_reading()

        async def read() -> None:
            while True:
                await anyio.sleep(pause_s)
                transport.resume_reading()
                await anyio.lowlevel.checkpoint()
                transport.pause_reading()

        async def write() -> None:
            while True:  # each is answered by an error, and those answers fill what can be filled
                await client.line.send(json.dumps({"op": "x" * 100}))

        with anyio.fail_after(PATIENCE_S), suppress(ConnectionClosed):
            async with open_task_group() as group:
                group.start_soon(read)
                group.start_soon(write)
        await until_live(clients, 0)
        await until(lambda: not server_tasks())
    assert "A session was not opened, or has ended: unread" in caplog.messages


async def test_a_client_that_answers_no_ping_is_gone(weights: Weights) -> None:
    async with (
        talking(weights, limits=Limits(ping_s=0.2)) as clients,
        talker(clients, "/ws") as alive,
        await anyio.connect_tcp("127.0.0.1", port(clients)) as dead,
    ):
        await dead.send(HANDSHAKE + END_OF_HANDSHAKE)
        await until_live(clients, 2)
        await until_live(clients, 1)
        with anyio.fail_after(PATIENCE_S), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                await dead.receive()
        await alive.send(speech() + silence())
        assert (await alive.until("final"))["text"] == "你好"


async def test_who_comes_when_all_places_are_taken_is_told_so_and_http_still_answers(weights: Weights) -> None:
    async with talking(weights, limits=Limits(sessions=2)) as clients:
        async with talker(clients, "/ws"), talker(clients, "/ws"):
            await until_live(clients, 2)
            async with talker(clients, "/ws") as third:
                (error,) = await third.rest()
                assert (error["type"], error["code"]) == ("error", "busy")
                code, reason = await third.closed()
                assert (code, "2 places" in str(reason)) == (1013, True)
            assert (await clients.http.get("/ready")).status_code == 200
        await until_live(clients, 0)
        async with talker(clients, "/ws") as fourth:
            await fourth.send(speech() + silence())
            assert (await fourth.until("final"))["text"] == "你好"


async def test_two_clients_do_not_hear_each_other(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, "/ws") as one, talker(clients, "/ws") as two:
        await one.send(speech() + silence())
        assert (await one.until("final"))["text"] == "你好"
        await two.send({"op": "end"})
        assert [message["text"] for message in await two.rest()] == [""]
        await one.send(speech() + silence())
        assert (await one.until("final"))["text"] == "你好"


async def test_health_tells_strangers_nothing_of_how_busy_it_is(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create()
    async with talking(weights, rules=Rules(keys)) as clients:
        assert set((await clients.http.get("/health")).json()) == {"status", "engines"}
        told = (await clients.http.get("/health", headers={"Authorization": f"Bearer {secret}"})).json()
    assert told["sessions"] == {"live": 0, "places": 200}
    assert told["devices"]["cpu"]["slots"] == 2


# --------------------------------------------------------------------------------------------------------------- faults


async def test_an_engine_that_fails_is_told_and_the_next_utterance_is_heard(weights: Weights) -> None:
    asr = ScriptedASR([EngineUnavailable("No memory.")], "好了")
    no_partials = Settings(turn_taking=TurnTakingSettings(tick_s=1000))
    async with talking(weights, asr=asr, settings=no_partials) as clients, talker(clients, "/ws") as client:
        await client.send(speech())
        await client.send({"op": "commit"})
        error = await client.until("error")
        assert error["code"] == "engine_unavailable"
        await client.send(speech())
        await client.send({"op": "commit"})
        assert (await client.until("final"))["text"] == "好了"


async def test_a_socket_is_one_line_of_the_log_with_its_conversation(
    weights: Weights, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "myna.server.request_log")
    async with talking(weights) as clients:
        async with talker(clients, "/ws") as client:
            await client.send({"op": "end"})
            await client.rest()
        await until(lambda: any(record.name == "myna.server.request_log" for record in caplog.records))
    (line,) = [record.__dict__ for record in caplog.records if record.__dict__.get("path") == "/ws"]
    assert (line["method"], line["status"], line["closed"]) == ("WEBSOCKET", 101, 1000)


async def test_http_beside_it_is_answered(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, "/ws") as client:
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await clients.http.get("/v1/models"))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)
            await client.send(speech() + silence())
            await client.until("final")
        assert [answer.status_code for answer in answers] == [200] * 5
