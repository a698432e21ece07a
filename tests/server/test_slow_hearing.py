"""An ASR that hangs or is slow behind a real socket: its client is told, is heeded, and is not taken for dead."""

import anyio
import pytest
from tests.server.sockets import silence, speech, talker, talking
from tests.server.test_live import until_live
from tests.server.test_realtime import PATH, append, ask, created

from myna.config.settings import SessionSettings, Settings, TurnTakingSettings
from myna.engines.task_group import open_task_group
from myna.server.sizes import Limits
from myna.session.waiting import LAGS
from myna.testing.asr import ScriptedASR
from myna.testing.llm import HANG, Pause
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

FAILED = "conversation.item.input_audio_transcription.failed"
PUSH_TO_TALK = {
    "type": "session.update",
    "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}},
}


async def test_who_speaks_on_to_an_asr_that_hangs_is_told_and_is_not_taken_for_dead(weights: Weights) -> None:
    settings = Settings(session=SessionSettings(hear_timeout_s=1.0))
    async with (
        talking(weights, settings=settings, limits=Limits(ping_s=0.2), asr=ScriptedASR([HANG])) as clients,
        talker(clients, PATH) as client,
        open_task_group() as group,
    ):
        await created(client)
        await client.send(PUSH_TO_TALK)

        async def speak_on() -> None:
            while True:
                await client.send(append(speech(0.02, 24_000)))
                await anyio.sleep(0.02)

        for _ in range(LAGS + 2):
            await client.send(append(speech(0.2, 24_000)))
            await client.send({"type": "input_audio_buffer.commit"})
        group.start_soon(speak_on)
        told = [(await client.until(FAILED))["error"]["code"] for _ in range(LAGS + 2)]
        assert told[0] == "engine_timeout"
        assert set(told) == {"engine_timeout", "busy"}
        group.cancel_scope.cancel()
        await client.send({"type": "input_audio_buffer.clear"})
        assert await ask(client, "在吗？") == "你好。"


async def test_who_speaks_on_to_an_asr_that_hangs_and_leaves_gives_its_place_back_at_once(weights: Weights) -> None:
    async with talking(weights, asr=ScriptedASR([HANG])) as clients:
        async with talker(clients, PATH) as client:
            await created(client)
            await client.send(PUSH_TO_TALK)
            for _ in range(LAGS + 2):
                await client.send(append(speech(0.2, 24_000)))
                await client.send({"type": "input_audio_buffer.commit"})
            for _ in range(LAGS + 2):
                await client.until("input_audio_buffer.committed")
            for _ in range(20):
                await client.send(append(speech(0.02, 24_000)))
            client.line.transport.abort()
        await until_live(clients, 0)


async def test_a_recording_that_waits_for_a_slow_asr_is_heard_whole_though_its_pongs_wait_too(weights: Weights) -> None:
    settings = Settings(turn_taking=TurnTakingSettings(tick_s=1000))
    limits, asr = Limits(ping_s=0.1), ScriptedASR([Pause(0.3), "你好"])
    async with talking(weights, settings=settings, limits=limits, asr=asr) as clients, talker(clients, "/ws") as client:
        for _ in range(15):
            await client.send(speech(2))
            await client.send(silence(2))
        await client.send({"op": "end"})
        finals = [message["text"] for message in await client.rest() if message["type"] == "final"]
        assert finals[:15] == ["你好"] * 15
        assert (await client.closed())[0] == 1000
