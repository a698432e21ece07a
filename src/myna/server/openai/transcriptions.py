"""``POST /v1/audio/transcriptions``: an audio file in, what is said in it out."""

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated, Any, BinaryIO, Literal, TypeVar, assert_never

import anyio.to_thread
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import AliasChoices, BaseModel, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from myna.core.audio import HEARING_RATE
from myna.engines.base import ASR, ASROptions, Samples, Transcript, TranscriptSegment, Word
from myna.engines.samples import resample
from myna.server.audio_decoding import decoded_pieces
from myna.server.connection import CLIENT_GONE, while_connected
from myna.server.errors import BadParameter
from myna.server.event_stream import EventStream
from myna.server.openai.events import event, failed
from myna.server.openai.languages import language_code
from myna.server.openai.models import persona_meant
from myna.server.openai.transcript import brief, srt, verbose, vtt
from myna.server.service import Service
from myna.session.bounds import within
from myna.text.characters import needs_no_space_after

router = APIRouter()

T = TypeVar("T")

MOST_FIELDS = 100
LONGEST_FIELD = 1 << 16
"""In bytes."""


class TranscriptionForm(BaseModel):
    """How to hear the file, and how to tell it."""

    model: Annotated[str, Field(max_length=200)] = "myna"
    language: Annotated[
        str | None, Field(max_length=50, description="A code such as en, or a name; detected otherwise, and with auto.")
    ] = None
    prompt: Annotated[str, Field(description="Text that came before, or names to expect.")] = ""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    temperature: Annotated[float, Field(ge=0, le=1, description="Taken and left aside.")] = 0.0
    timestamp_granularities: Annotated[
        list[Literal["segment", "word"]],
        Field(
            validation_alias=AliasChoices("timestamp_granularities[]", "timestamp_granularities"),
            description="For verbose_json.",
        ),
    ] = ["segment"]
    stream: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    """A file that is to be heard."""

    asr: ASR
    file: BinaryIO
    longest_s: float
    hear_s: float
    options: ASROptions


_NOTHING = Transcript("", None)


@dataclass(frozen=True, slots=True)
class _Heard:
    """The transcript so far, how much of the file it is of, and the text that came last."""

    transcript: Transcript = _NOTHING
    duration_s: float = 0.0
    delta: str = ""


async def _form(request: Request) -> AsyncGenerator[FormData]:
    """The parts of the request. A big file is on disk until the answer has been sent."""
    try:
        async with request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD) as data:
            yield data
    except ClientDisconnect:
        raise HTTPException(CLIENT_GONE) from None


def _form_schema() -> dict[str, Any]:
    schema = TranscriptionForm.model_json_schema()
    properties = {"file": {"type": "string", "format": "binary"}, **schema["properties"]}
    return {"type": "object", "properties": properties, "required": ["file"]}


@router.post(
    "/v1/audio/transcriptions",
    response_class=Response,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _form_schema()}}}},
)
async def post_transcription(request: Request, data: Annotated[FormData, Depends(_form)]) -> Response:
    """Tell what is said in an audio file: WAV, MP3, FLAC, OGG, M4A, WebM or what else FFmpeg reads.

    A long file is heard a minute at a time; with ``stream`` each is told as soon as it is heard.
    """
    service: Service = request.app.state.service
    file, form = _read(data)
    persona_meant(service, form.model)
    settings, options = service.settings, _how(service, form)
    job = _Job(service.engines.asr, file, settings.asr.longest_file_s, settings.session.hear_timeout_s, options)
    if form.stream:
        return EventStream(_events(job), failed=failed, limit_s=job.longest_s + 600)
    return await while_connected(request, lambda: _whole(job, form))


def _read(data: FormData) -> tuple[BinaryIO, TranscriptionForm]:
    """The file and the fields.

    Raises:
        BadParameter: There is no file.
        RequestValidationError: A field cannot be used.
    """
    file = data.get("file")
    if not isinstance(file, UploadFile):
        hint = "Send multipart/form-data with a part `file` that has a file name."
        raise BadParameter("There is no audio file in the request.", param="file", hint=hint)
    fields = {
        name: data.getlist(name) if name.startswith("timestamp_granularities") else data[name]
        for name in data
        if name != "file"
    }
    try:
        return file.file, TranscriptionForm.model_validate(fields)
    except ValidationError as error:
        told = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)]
        raise RequestValidationError(told) from error


def _how(service: Service, form: TranscriptionForm) -> ASROptions:
    words = "word" in form.timestamp_granularities
    param = "timestamp_granularities"
    if words and form.response_format != "verbose_json":
        raise BadParameter("Only verbose_json has times of words.", param=param, hint="Set response_format to it.")
    info = service.engines.asr.info
    if words and not info.word_times:
        raise BadParameter(f"The ASR {info.model} tells no times of words.", param=param, hint="Ask for segments.")
    named = form.language or "auto"
    detect = named.strip().lower() == "auto"
    language = service.settings.asr.fixed_language if detect else language_code(named)
    return ASROptions(language=language, hint=form.prompt.replace("\0", " "), word_times=words)


async def _whole(job: _Job, form: TranscriptionForm) -> Response:
    last = _Heard()
    async with aclosing(_hear(job)) as progress:
        async for heard in progress:
            last = heard
    transcript, duration_s = last.transcript, last.duration_s
    match form.response_format:
        case "json":
            return JSONResponse(brief(transcript, duration_s))
        case "verbose_json":
            wanted = form.timestamp_granularities
            told = verbose(transcript, duration_s, words="word" in wanted, segments="segment" in wanted)
            return JSONResponse(told)
        case "text":
            return PlainTextResponse(transcript.text + "\n")
        case "srt":
            return PlainTextResponse(srt(transcript.segments))
        case "vtt":
            return Response(vtt(transcript.segments), media_type="text/vtt")
        case _:
            assert_never(form.response_format)


async def _events(job: _Job) -> AsyncGenerator[bytes]:
    last = _Heard()
    async with aclosing(_hear(job)) as progress:
        async for heard in progress:
            last = heard
            if heard.delta:
                yield event({"type": "transcript.text.delta", "delta": heard.delta})
    yield event({"type": "transcript.text.done", **brief(last.transcript, last.duration_s)})


async def _hear(job: _Job) -> AsyncGenerator[_Heard]:
    """What is heard after each piece of the file.

    The first language that is heard is the language of all: short pieces are easily taken for another.

    Raises:
        BadAudio: The file cannot be used.
        EngineError: The ASR failed, or did not answer in time.
    """
    heard, options = _Heard(), job.options
    rate = job.asr.info.sample_rate
    with job.file:
        async with aclosing(_in_thread(decoded_pieces(job.file, job.longest_s))) as pieces:
            async for samples in pieces:
                transcript = await within(
                    job.hear_s + len(samples) / HEARING_RATE,
                    job.asr.transcribe(_at(samples, rate), options),
                    f"The ASR {job.asr.info.model}",
                )
                heard = _joined(heard, transcript, len(samples) / HEARING_RATE)
                # What goes on after the first minute is no utterance, and must not hold up any.
                options = replace(options, language=options.language or transcript.language, recording=True)
                yield heard


def _at(samples: Samples, rate: int) -> Samples:
    return samples if rate == HEARING_RATE else resample(samples, HEARING_RATE, rate)


def _joined(heard: _Heard, later: Transcript, length_s: float) -> _Heard:
    before = heard.transcript
    gap = " " if before.text and later.text and not needs_no_space_after(before.text[-1]) else ""
    delta = gap + later.text
    segments = (*before.segments, *(_moved(segment, heard.duration_s) for segment in later.segments))
    transcript = Transcript(before.text + delta, before.language or later.language, segments)
    return _Heard(transcript, heard.duration_s + length_s, delta)


def _moved(segment: TranscriptSegment, by_s: float) -> TranscriptSegment:
    words = tuple(Word(word.text, word.start_s + by_s, word.end_s + by_s) for word in segment.words)
    return TranscriptSegment(segment.text, segment.start_s + by_s, segment.end_s + by_s, words)


async def _in_thread(items: Generator[T]) -> AsyncGenerator[T]:
    """What ``items`` yields, each made in a worker thread. Closing this closes it."""
    end = object()
    try:
        while (item := await anyio.to_thread.run_sync(next, items, end)) is not end:
            yield item  # pyright: ignore[reportReturnType] - all but the end
    finally:
        items.close()
