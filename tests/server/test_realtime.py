"""OpenAI's Realtime protocol over a real socket."""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from tests.server.serving import Clients, NoOptions, Opened, serving_engines
from tests.server.sockets import Talker, silence, speech, talker, talking

from myna.config.settings import ServerSettings, Settings
from myna.engines.base import ASRInfo, Resources
from myna.engines.opening import Choice
from myna.testing.asr import ScriptedASR
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

PATH = "/v1/realtime?model=gpt-realtime"


def append(pcm: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


def user_says(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}


RESPOND: dict[str, Any] = {"type": "response.create"}


async def created(client: Talker) -> dict[str, Any]:
    session: dict[str, Any] = (await client.until("session.created"))["session"]
    return session


async def ask(client: Talker, text: str) -> str:
    """What is answered to a text, in words."""
    await client.send(user_says(text))
    await client.send(RESPOND)
    done = await client.until("response.done")
    (item,) = done["response"]["output"]
    return "".join(part.get("transcript") or part.get("text") or "" for part in item["content"])


async def test_what_is_said_is_answered_in_words_and_audio(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, PATH) as client:
        await created(client)
        for _ in range(2):
            await client.send(append(speech(1.0, 24_000)))
            await client.send(append(silence(1.5, 24_000)))
            heard = await client.until("conversation.item.input_audio_transcription.completed")
            assert heard["transcript"] == "你好"
            audio = await client.until("response.output_audio.delta")
            assert len(base64.b64decode(audio["delta"])) > 0
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
    assert client.line.close_code == 1000


async def test_the_session_tells_who_answers(weights: Weights) -> None:
    async with talking(weights) as clients:
        for path, model in (
            ("/v1/realtime", "myna/assistant"),
            ("/v1/realtime?model=gpt-realtime", "myna/assistant"),
            ("/v1/realtime?model=myna", "myna/assistant"),
            ("/v1/realtime?model=myna/wukong", "myna/wukong"),
        ):
            async with talker(clients, path) as client:
                assert (await created(client))["model"] == model


async def refused(clients: Clients, path: str) -> tuple[str, int | None]:
    async with talker(clients, path) as client:
        (error,) = await client.rest()
        assert error["type"] == "error"
        return error["error"]["code"], (await client.closed())[0]


async def test_a_persona_that_there_is_not_is_told(weights: Weights) -> None:
    async with talking(weights) as clients:
        assert await refused(clients, "/v1/realtime?model=myna/nobody") == ("model_not_found", 1008)


async def test_with_strict_models_a_name_that_is_not_listed_is_told(weights: Weights) -> None:
    settings = Settings(server=ServerSettings(strict_models=True))
    async with talking(weights, settings=settings) as clients:
        assert await refused(clients, "/v1/realtime?model=gpt-realtime") == ("model_not_found", 1008)
        async with talker(clients, "/v1/realtime?model=myna") as client:
            assert (await created(client))["model"] == "myna/assistant"


@pytest.mark.parametrize(
    ("persona", "voice", "spoken"),
    [
        ("assistant", "marin", "af_heart"),
        ("wukong", "marin", "zf_xiaobei"),
        ("assistant", "zf_xiaobei", "zf_xiaobei"),
    ],
)
async def test_a_voice_is_one_of_the_tts_and_openais_stand_for_those(
    weights: Weights, persona: str, voice: str, spoken: str
) -> None:
    tts = ScriptedTTS(voices=("af_heart", "zf_xiaobei"))
    async with talking(weights, tts=tts) as clients, talker(clients, f"/v1/realtime?model=myna/{persona}") as client:
        await created(client)
        asked = {"type": "realtime", "audio": {"output": {"voice": voice}}}
        await client.send({"type": "session.update", "session": asked})
        updated = await client.until("session.updated")
        assert updated["session"]["audio"]["output"]["voice"] == voice
        await ask(client, "在吗？")
    assert [call.style.voice for call in tts.calls] == [spoken] * len(tts.calls) != []


async def test_a_voice_that_there_is_not_is_told_with_those_that_there_are(weights: Weights) -> None:
    async with talking(weights, tts=ScriptedTTS(voices=("af_heart",))) as clients, talker(clients, PATH) as client:
        await created(client)
        asked = {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}
        await client.send({"type": "session.update", "session": asked})
        error = (await client.until("error"))["error"]
        assert "nobody" in error["message"]
        assert "af_heart" in error["message"]


async def test_a_transcription_session_hears_and_does_not_answer(weights: Weights) -> None:
    llm = ScriptedLLM()
    async with talking(weights, llm=llm) as clients, talker(clients, "/v1/realtime?intent=transcription") as client:
        assert (await created(client))["type"] == "transcription"
        await client.send(append(speech(1.0, 24_000) + silence(1.5, 24_000)))
        heard = await client.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "你好"
        await client.send({"type": "session.update", "session": {"type": "realtime"}})
        assert (await client.until("error"))["error"]["param"] == "session.type"
    assert llm.calls == []


# ------------------------------------------------------------------------------------------------------ what is broken


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type": 5}',
        '{"type": "no.such.event"}',
        '{"type": "input_audio_buffer.append", "audio": "%%%"}',
        '{"type": "input_audio_buffer.append", "audio": "AAAA\\ud800"}',
        '{"type": "session.update", "session": {"type": "realtime", "temperature": "hot"}}',
        json.dumps(user_says("\ud800")),
        json.dumps({**RESPOND, "event_id": "\ud800"}),
        "[" * 100_000,
        b"\x00\x01\x02",
        b"",
    ],
)
async def test_what_cannot_be_understood_is_one_error_and_the_session_goes_on(
    weights: Weights, message: str | bytes
) -> None:
    async with talking(weights) as clients, talker(clients, PATH) as client:
        await created(client)
        await client.line.send(message)
        assert (await client.next())["type"] == "error"
        assert await ask(client, "在吗？") == "你好。"


async def test_odd_bytes_of_audio_are_joined(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, PATH) as client:
        await created(client)
        audio = speech(1.0, 24_000) + silence(1.5, 24_000)
        for at in range(0, len(audio), 961):
            await client.send(append(audio[at : at + 961]))
        heard = await client.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "你好"


# -------------------------------------------------------------------------------------------------------- conversations


async def test_a_reconnect_goes_on_with_the_conversation(weights: Weights) -> None:
    llm = ScriptedLLM("[平静] 好的。")
    async with talking(weights, llm=llm) as clients:
        async with talker(clients, PATH) as client:
            conversation = (await created(client))["myna"]["conversation"]
            await ask(client, "我叫小明。")
        async with talker(clients, f"{PATH}&conversation={conversation}") as client:
            assert (await created(client))["myna"]["conversation"] == conversation
            await ask(client, "我叫什么？")
    prompt = [message.content for message in llm.calls[-1].request.messages]
    assert any("我叫小明。" in content for content in prompt)


async def test_a_connection_that_nobody_knows_to_be_dead_does_not_keep_its_client_out(weights: Weights) -> None:
    async with talking(weights, llm=ScriptedLLM([HANG])) as clients:
        path = f"{PATH}&conversation=robot"
        async with talker(clients, path) as dead, talker(clients, path) as back:
            await created(back)
            *_, error = await dead.rest()
            assert error["error"]["code"] == "taken_over"
            assert (await dead.closed())[0] == 4409
            await back.send(user_says("在吗？"))
            assert (await back.until("conversation.item.done"))["item"]["role"] == "user"


async def test_a_reply_that_hangs_does_not_keep_its_client_out_either(weights: Weights) -> None:
    async with talking(weights, llm=ScriptedLLM([HANG])) as clients:
        path = f"{PATH}&conversation=robot"
        async with talker(clients, path) as dead:
            await created(dead)
            await dead.send(user_says("在吗？"))
            await dead.send(RESPOND)
            await dead.until("response.created")
            async with talker(clients, path) as back:
                await created(back)


async def test_a_conversation_that_is_live_is_not_talked_in_over_http(weights: Weights) -> None:
    body = {"session_id": "robot", "messages": [{"role": "user", "content": "在吗？"}]}
    async with talking(weights) as clients:
        async with talker(clients, f"{PATH}&conversation=robot") as client:
            await created(client)
            answer = await clients.http.post("/llm", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        with anyio.fail_after(20):
            while (await clients.http.post("/llm", json=body)).status_code != 200:
                await anyio.sleep(0.01)


async def test_a_conversation_stays_with_its_persona(weights: Weights) -> None:
    async with talking(weights) as clients:
        async with talker(clients, "/v1/realtime?model=myna/wukong&conversation=a") as client:
            assert (await created(client))["model"] == "myna/wukong"
            await client.send(user_says("你好"))
            await client.until("conversation.item.done")
        async with talker(clients, "/v1/realtime?model=gpt-realtime&conversation=a") as client:
            assert (await created(client))["model"] == "myna/wukong"
        assert await refused(clients, "/v1/realtime?model=myna/iron-man&conversation=a") == ("bad_input", 1008)


@pytest.mark.parametrize("name", ["x" * 201, "a%0ab", "%00"])
async def test_a_name_that_is_none_is_refused(weights: Weights, name: str) -> None:
    async with talking(weights) as clients:
        assert await refused(clients, f"{PATH}&conversation={name}") == ("bad_input", 1008)


# --------------------------------------------------------------------------------------------------------------- faults


async def test_an_llm_that_is_not_up_is_told_by_an_error_and_1013(weights: Weights) -> None:
    loading = Choice("slow", Loading(None), NoOptions())
    async with serving_engines(weights, {"llm": loading}, settled=False) as clients:
        assert await refused(clients, PATH) == ("engine_unavailable", 1013)


async def test_an_asr_that_is_not_up_is_told_where_nothing_but_that_is_wanted(weights: Weights) -> None:
    loading = Choice("slow", Loading(None), NoOptions())
    async with serving_engines(weights, {"asr": loading}, settled=False) as clients:
        assert await refused(clients, f"{PATH}&intent=transcription") == ("engine_unavailable", 1013)


async def test_a_fault_of_ours_is_one_error_and_1011_and_is_in_the_log(
    weights: Weights, caplog: pytest.LogCaptureFixture
) -> None:
    async with talking(weights, asr=Broken()) as clients:
        assert await refused(clients, PATH) == ("internal", 1011)
    assert "a session failed" in caplog.text


@dataclass(frozen=True)
class Loading(Opened):
    """The plugin of an engine that takes its time."""

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[object]:
        await anyio.sleep_forever()
        yield


class Broken(ScriptedASR):
    """Breaks where nothing may."""

    @property
    def info(self) -> ASRInfo:
        raise ZeroDivisionError
