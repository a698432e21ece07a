"""``POST /v1/audio/speech``: text in, speech out, sent while it is made."""

import base64
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

import anyio.lowlevel
import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from myna.core.reply import Segment
from myna.engines.base import TTS, Samples, VoiceStyle
from myna.engines.tts.waveform import restyle
from myna.server.audio_encoding import MEDIA_TYPES, AudioFormat, SpeechEncoder
from myna.server.byte_stream import ByteStream
from myna.server.errors import BadParameter
from myna.server.event_stream import EventStream
from myna.server.openai.events import event, failed
from myna.server.openai.voices import Speaker, speaker_meant
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.session.bounds import Limits
from myna.session.speak import speak
from myna.text.reply import ReplyParser

router = APIRouter(route_class=StrictJSONRoute)

LONGEST_INPUT = 100_000
"""In characters, some hours of speech. OpenAI takes 4,096."""

LONGEST_S = 12 * 3600.0
"""For the speech of `LONGEST_INPUT` on a slow machine."""

SPEEDS = (0.5, 2.0)
"""What every TTS can; beyond it the samples are stretched."""

SILENCE_S = 0.1
"""What text is spoken as in which nothing can be spoken: a file without any audio is an error to many players."""

_READ_AT_ONCE = 500

Name: TypeAlias = Annotated[str, Field(max_length=200)]


class CustomVoice(BaseModel):
    """OpenAI's other way to name a voice."""

    id: Name


class SpeechBody(BaseModel):
    """What is to be spoken, and how. Emotion tags in ``input`` change the voice's style; they are not spoken."""

    input: Annotated[str, Field(max_length=LONGEST_INPUT)]
    model: Name = "myna"
    voice: Name | CustomVoice | None = None
    response_format: AudioFormat = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    instructions: Annotated[str | None, Field(description="Taken and left aside: the voice styles do that.")] = None
    stream_format: Literal["audio", "sse"] = "audio"


@dataclass(frozen=True, slots=True)
class _Job:
    """A text to be spoken."""

    tts: TTS
    text: str
    speaker: Speaker
    speed: float
    limits: Limits


@router.post(
    "/v1/audio/speech",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in (*MEDIA_TYPES.values(), "text/event-stream")}}},
)
async def post_speech(body: SpeechBody, request: Request) -> Response:
    """Speak a text. The audio of its first clause is sent as soon as it is there, then sentence by sentence."""
    service: Service = request.app.state.service
    if not body.input.strip():
        raise BadParameter("The input is empty.", param="input", hint="Give it words to say.")
    voice = body.voice.id if isinstance(body.voice, CustomVoice) else body.voice
    job = _Job(
        service.engines.tts,
        body.input,
        speaker_meant(service, body.model, voice, body.input),
        body.speed,
        service.settings.session.limits(),
    )
    file = _encoded(job, body.response_format)
    if body.stream_format == "sse":
        return EventStream(_events(file), failed=failed, limit_s=LONGEST_S)
    return ByteStream(file, MEDIA_TYPES[body.response_format])


async def _events(file: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(file):
        async for piece in file:
            yield event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}  # a field that clients require; nobody counts
    yield event({"type": "speech.audio.done", "usage": usage})


async def _encoded(job: _Job, wanted: AudioFormat) -> AsyncGenerator[bytes]:
    """The pieces of the file."""
    encoder = await anyio.to_thread.run_sync(SpeechEncoder, wanted, job.tts.info.sample_rate)
    async with aclosing(_spoken(job)) as spoken:
        async for samples in spoken:
            if piece := await anyio.to_thread.run_sync(encoder.feed, samples):
                yield piece
    if piece := await anyio.to_thread.run_sync(encoder.finish):
        yield piece


async def _spoken(job: _Job) -> AsyncGenerator[Samples]:
    """The text as samples, in pieces as they come.

    Raises:
        EngineError: The TTS failed, or did not answer in time.
    """
    silent = True
    for segment in _segments(job.text, job.speaker):
        if segment is None:
            await anyio.lowlevel.checkpoint()  # reading a long text must not hold the others
            continue
        async with aclosing(_said(job, segment)) as said:
            async for samples in said:
                silent = False
                yield samples
    if silent:
        yield np.zeros(round(SILENCE_S * job.tts.info.sample_rate), np.float32)


def _segments(text: str, speaker: Speaker) -> Iterator[Segment | None]:
    """The segments of a text, and None wherever it may rest from reading."""
    parser = ReplyParser(speaker.emotions)
    for begin in range(0, len(text), _READ_AT_ONCE):
        for item in parser.feed(text[begin : begin + _READ_AT_ONCE]):
            if isinstance(item, Segment):
                yield item
        yield None
    for item in parser.finish():
        if isinstance(item, Segment):
            yield item


async def _said(job: _Job, segment: Segment) -> AsyncGenerator[Samples]:
    """One segment, faster or slower than its style by the request's speed.

    Not even the first is urgent: conversations go before files, and the LLM does not rest for them.
    """
    style = job.speaker.style_of(segment.emotion)
    wanted = style.speed * job.speed
    possible = min(max(wanted, SPEEDS[0]), SPEEDS[1])
    rest = wanted / possible
    waiting: list[Samples] = []
    stream = speak(job.tts, segment, lambda _: _at(style, possible), job.limits)
    async with aclosing(stream):
        async for speech in stream:
            if rest == 1:
                yield speech.samples
            else:
                waiting.append(speech.samples)
    if waiting:  # stretched whole: it would crackle where the pieces join
        yield await anyio.to_thread.run_sync(restyle, np.concatenate(waiting), job.tts.info.sample_rate, rest, 0.0)


def _at(style: VoiceStyle, speed: float) -> VoiceStyle:
    return replace(style, speed=speed)
