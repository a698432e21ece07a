"""The official SDK for Python as a Realtime client. It is told a base URL, and nothing else about Myna."""

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import anyio
import numpy as np
import openai
import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from tests.end_to_end.processes import Server
from tests.end_to_end.voices import SPEECH_RATE, heard, spoken
from tests.server.serving import choice, serving_engines

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples, ToolCallDelta
from myna.engines.samples import from_pcm16, resample, to_pcm16
from myna.testing.llm import ScriptedLLM
from myna.testing.microphone import likeness
from myna.testing.tts import ScriptedTTS
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

PATIENCE_S = 180
MODEL = "gpt-realtime"  # what clients of the SDK ask for
PAUSE = np.zeros(HEARING_RATE * 2, np.float32)
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}

Events = Sequence[Any]
"""The SDK's types are unions of dozens of models; a test knows which one it asked for."""


@pytest.fixture
async def connection(steady: Server) -> AsyncGenerator[AsyncRealtimeConnection]:
    async with (
        openai.AsyncOpenAI(base_url=f"{steady.url}/v1", api_key="none") as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        yield connection


async def until(connection: AsyncRealtimeConnection, *kinds: str) -> Events:
    """The events up to the first of these types."""
    events: list[Any] = []
    with anyio.fail_after(PATIENCE_S):
        while not events or events[-1].type not in kinds:
            events.append(await connection.recv())
            assert events[-1].type != "error", events[-1]
    return events


async def configure(connection: AsyncRealtimeConnection, **session: Any) -> Any:
    await connection.session.update(session={"type": "realtime", **session})  # pyright: ignore[reportArgumentType]
    return (await until(connection, "session.updated"))[-1].session


async def write(connection: AsyncRealtimeConnection, text: str) -> None:
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


async def ask(connection: AsyncRealtimeConnection, text: str, **response: Any) -> Events:
    await write(connection, text)
    await connection.response.create(response=response)  # pyright: ignore[reportArgumentType]
    return await until(connection, "response.done")


async def say(connection: AsyncRealtimeConnection, samples: Samples) -> None:
    """Send samples at 16 kHz as a client does, but as fast as they are taken."""
    pcm = to_pcm16(resample(samples, HEARING_RATE, SPEECH_RATE))
    for start in range(0, len(pcm), 9600):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + 9600]).decode())


def joined(events: Events, kind: str) -> str:
    return "".join(event.delta for event in events if event.type == kind)


def sound(events: Events) -> Samples:
    pcm = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")
    return resample(from_pcm16(pcm), SPEECH_RATE, HEARING_RATE)


def first(events: Events, kind: str) -> Any:
    return next(event for event in events if event.type == kind)


@pytest.mark.models
async def test_typed_turns_are_answered_in_text(connection: AsyncRealtimeConnection) -> None:
    session = await configure(connection, output_modalities=["text"], instructions="Answer in one short sentence.")
    assert session.model != MODEL  # the one that answers is told
    one = await ask(connection, "What is the capital of France?")
    assert "Paris" in joined(one, "response.output_text.delta")
    assert joined(one, "response.output_text.delta") == first(one, "response.output_text.done").text
    assert not [event for event in one if "audio" in event.type]
    done = one[-1].response
    assert (done.status, done.usage.output_tokens > 0) == ("completed", True)
    two = await ask(connection, "And what is the capital of Japan?")
    assert "Tokyo" in joined(two, "response.output_text.delta")
    ids = {event.event_id for event in [*one, *two]}
    assert len(ids) == len(one) + len(two)


@pytest.mark.models
async def test_speech_is_found_transcribed_and_answered_in_speech(
    connection: AsyncRealtimeConnection, steady: Server
) -> None:
    question = "What is the capital of France?"
    transcription = {"model": "whisper-1", "language": "en"}
    turns = {"type": "server_vad", "silence_duration_ms": 500}
    await configure(
        connection,
        instructions="Answer in one short sentence.",
        audio={"input": {"transcription": transcription, "turn_detection": turns}},
    )
    speech = await anyio.to_thread.run_sync(spoken, steady.url, question)
    await say(connection, np.concatenate([PAUSE[:HEARING_RATE], speech, PAUSE]))
    events = await until(connection, "response.done")
    kinds = [event.type for event in events]
    order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "response.created",
        "response.output_item.added",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_item.done",
        "response.done",
    ]
    places = [kinds.index(kind) for kind in order]
    assert places == sorted(places), kinds
    started, stopped = first(events, order[0]), first(events, order[1])
    assert started.item_id == stopped.item_id == first(events, order[2]).item_id == first(events, order[3]).item.id
    assert 500 <= started.audio_start_ms <= 1300
    assert abs(stopped.audio_end_ms - (1000 + len(speech) / 16)) < 700
    completed = first(events, "conversation.item.input_audio_transcription.completed")
    assert likeness(completed.transcript, question) > 0.8
    transcript = joined(events, "response.output_audio_transcript.delta")
    assert transcript == first(events, "response.output_audio_transcript.done").transcript
    assert "Paris" in transcript
    assert likeness(await heard(steady.url, sound(events), "en"), transcript) > 0.6


@pytest.mark.models
async def test_a_committed_utterance_is_only_transcribed_where_nobody_asks_for_an_answer(
    connection: AsyncRealtimeConnection, steady: Server
) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    sound_in = {"transcription": {"model": "whisper-1", "language": "en"}, "turn_detection": None}
    await configure(connection, audio={"input": sound_in})
    await say(connection, await anyio.to_thread.run_sync(spoken, steady.url, text))
    await connection.input_audio_buffer.commit()
    events = await until(connection, "conversation.item.input_audio_transcription.completed")
    assert likeness(events[-1].transcript, text) > 0.8
    assert not [event for event in events if event.type.startswith("response.")]
    await connection.response.create()
    assert (await until(connection, "response.done"))[-1].response.status == "completed"


@pytest.mark.models
async def test_speaking_over_an_answer_ends_it_and_what_was_not_played_is_truncated(
    connection: AsyncRealtimeConnection, steady: Server
) -> None:
    await configure(connection, instructions="You tell long stories, of at least ten sentences.")
    interruption = await anyio.to_thread.run_sync(spoken, steady.url, "Wait, stop, that is enough!")
    await write(connection, "Tell me a story about a fox.")
    await connection.response.create()
    begun = await until(connection, "response.output_audio.delta")
    item_id = begun[-1].item_id
    await say(connection, np.concatenate([interruption, PAUSE]))
    over = await until(connection, "response.done")
    assert over[-1].response.status == "cancelled"
    assert over[-1].response.status_details.reason == "turn_detected"
    await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=400)
    truncated = (await until(connection, "conversation.item.truncated"))[-1]
    assert (truncated.item_id, truncated.audio_end_ms) == (item_id, 400)
    await connection.conversation.item.retrieve(item_id=item_id)
    item = (await until(connection, "conversation.item.retrieved"))[-1].item
    sent = joined([*begun, *over], "response.output_audio_transcript.delta")
    assert item.status == "incomplete"
    assert sent.startswith(item.content[0].transcript.strip())
    assert len(item.content[0].transcript) < max(len(sent), 20)


@pytest.mark.models
async def test_a_cancelled_answer_is_followed_by_another(connection: AsyncRealtimeConnection) -> None:
    await configure(connection, output_modalities=["text"])
    await write(connection, "Count from one to one hundred, in words.")
    await connection.response.create()
    await until(connection, "response.output_text.delta")
    await connection.response.cancel()
    cancelled = (await until(connection, "response.done"))[-1].response
    assert (cancelled.status, cancelled.status_details.reason) == ("cancelled", "client_cancelled")
    answer = await ask(connection, "What is the capital of France?")
    assert answer[-1].response.status == "completed"


@pytest.mark.models
async def test_a_response_out_of_band_leaves_the_conversation_alone(connection: AsyncRealtimeConnection) -> None:
    await configure(connection, output_modalities=["text"])
    await connection.response.create(
        response={
            "conversation": "none",
            "metadata": {"topic": "capitals"},
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "What is the capital of France?"}],
                }
            ],
        }
    )
    events = await until(connection, "response.done")
    assert "Paris" in joined(events, "response.output_text.delta")
    response = events[-1].response
    assert (response.status, response.metadata) == ("completed", {"topic": "capitals"})
    assert not [event for event in events if event.type.startswith("conversation.item")]


async def test_a_tool_is_called_and_its_output_answered(weights: Weights) -> None:
    arguments = json.dumps({"city": "Tokyo"})
    pieces = [ToolCallDelta(0, "call_w", "get_weather", arguments[:7]), ToolCallDelta(0, None, None, arguments[7:])]
    llm = ScriptedLLM(pieces, "It is 22 degrees in Tokyo.")
    async with serving_engines(weights, {"llm": choice(llm), "tts": choice(ScriptedTTS())}) as clients:
        url = clients.http.base_url.join("v1")
        async with (
            openai.AsyncOpenAI(base_url=str(url), api_key="none") as client,
            client.realtime.connect(model=MODEL) as connection,
        ):
            await configure(connection, tools=[TOOL], tool_choice="auto")
            called = await ask(connection, "How warm is it in Tokyo?")
            assert joined(called, "response.function_call_arguments.delta") == arguments
            [item] = called[-1].response.output
            assert (item.type, item.name, json.loads(item.arguments)) == (
                "function_call",
                "get_weather",
                {"city": "Tokyo"},
            )
            await connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": item.call_id, "output": "22 degrees"}
            )
            await connection.response.create()
            answer = await until(connection, "response.done")
    assert joined(answer, "response.output_audio_transcript.delta") == "It is 22 degrees in Tokyo."
    assert llm.calls[1].request.messages[-1].content == "22 degrees"
