"""The small protocol of ``/ws`` and ``/ws_asr``: PCM in, transcripts out.

The client sends binary frames of 16-bit little-endian mono PCM, of any size, and text frames of JSON:
``{"op": "config", "sampleRate": 16000, "language": "zh"}``, ``{"op": "commit"}`` and ``{"op": "end"}``. It is sent
``partial``, ``final`` and ``error``.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias, assert_never

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from myna.core.commands import Command, CommitAudio, Configure
from myna.core.errors import BadInput, MynaError
from myna.core.events import Event, Failed, Refused, TranscriptFinal, TranscriptPart, TranscriptPartial
from myna.core.preferences import Preferences
from myna.wire.appending import appended, rest
from myna.wire.audio_formats import HIGHEST_RATE, LOWEST_RATE, AudioIn
from myna.wire.decoded import Decoded, ServerEvent
from myna.wire.languages import is_understood, iso

DEFAULT_RATE = 16_000
LONGEST_OP = 10_000
"""In characters. While a message is read and checked, all other sessions wait."""
LONGEST_SHOWN = 80
"""Of what was not understood, in an error."""


def _language(value: str) -> str:
    code = iso(value)
    if code != "auto" and not (code.isascii() and code.isalpha() and len(code) in (2, 3)):
        raise ValueError("must be auto, or a language's code such as zh or en")
    return code


class _Config(BaseModel):
    """From now on, audio has this rate and language. What is left out stays as it is."""

    model_config = ConfigDict(extra="ignore")

    op: Literal["config"]
    sample_rate: Annotated[int | None, Field(alias="sampleRate", ge=LOWEST_RATE, le=HIGHEST_RATE)] = None
    language: Annotated[str, AfterValidator(_language)] | None = None


class _Commit(BaseModel):
    """The utterance is over."""

    op: Literal["commit"]


class _End(BaseModel):
    """The audio is over."""

    op: Literal["end"]


_Op: TypeAlias = Annotated[_Config | _Commit | _End, Field(discriminator="op")]
_OPS: TypeAdapter[_Op] = TypeAdapter(_Op)

_HINT = 'Send binary frames of PCM, or {"op": "config", "sampleRate": 16000, "language": "zh"}, commit or end.'


class ASRCodec:
    """One connection's. Pure: messages in, commands out; events in, messages out.

    Args:
        preferences: How the session listens as long as the client asks for nothing else.
        languages: What the ASR understands, as ISO 639-1 codes; empty for any.
    """

    def __init__(self, preferences: Preferences, languages: Collection[str] = ()) -> None:
        self._preferences = preferences
        self._languages = languages
        self._rate = DEFAULT_RATE
        self._audio = AudioIn("audio/pcm", DEFAULT_RATE)
        self._partial = ""
        self._told: tuple[str, tuple[TranscriptPart, ...]] | None = None

    def greet(self) -> tuple[ServerEvent, ...]:
        """Nothing is sent first."""
        return ()

    def decode(self, message: str | bytes) -> Decoded:
        """What a frame asks for; what cannot be understood is answered with an ``error``, and changes nothing."""
        if isinstance(message, bytes):
            return Decoded(appended(self._audio, message))
        try:
            op = _read(message)
            self._check(op)
        except BadInput as error:
            return Decoded(replies=(failed(error),))
        match op:
            case _Config():
                return Decoded(self._configure(op))
            case _Commit():
                return Decoded(self._commit())
            case _End():
                return Decoded(self._commit(), ends=True)
            case _:
                assert_never(op)

    def encode(self, event: Event) -> tuple[ServerEvent, ...]:
        """What the client is told of an event; most are not for it."""
        match event:
            case TranscriptPartial(text=text, language=language):
                if text == self._partial:
                    return ()
                self._partial = text
                return ({"type": "partial", "text": text, "language": language},)
            case TranscriptFinal(text=text, parts=parts):
                self._partial = ""
                if text and (text, parts) == self._told:
                    return ()
                self._told = text, parts
                return ({"type": "final", "text": text, "segments": [_segment(part) for part in parts]},)
            case Failed(code=code, message=message, hint=hint) | Refused(code=code, message=message, hint=hint):
                return (_error(code, message, hint),)
            case _:
                return ()

    def refused(self, command: Command, error: MynaError) -> tuple[ServerEvent, ...]:
        """What the client is told when the session did not take a command."""
        return (failed(error),)

    def _check(self, op: _Op) -> None:
        language = op.language if isinstance(op, _Config) else None
        if language not in (None, "auto") and not is_understood(language, self._languages):
            known = ", ".join(sorted(self._languages))
            raise BadInput(f"language: {language!r} is not understood here.", hint=f"Send auto, or one of {known}.")

    def _configure(self, config: _Config) -> tuple[Command, ...]:
        commands: tuple[Command, ...] = ()
        if config.sample_rate is not None and config.sample_rate != self._rate:
            commands = rest(self._audio)  # what was said before goes first
            self._rate = config.sample_rate
            self._audio = AudioIn("audio/pcm", self._rate)
        if config.language is not None:
            language = None if config.language == "auto" else config.language
            self._preferences = replace(self._preferences, language=language)
            commands += (Configure(self._preferences),)
        return commands

    def _commit(self) -> tuple[Command, ...]:
        return (*rest(self._audio), CommitAudio(replies=False))


def failed(error: MynaError) -> ServerEvent:
    """What the client is told of an error."""
    return _error(error.code, error.message, error.hint)


def _segment(part: TranscriptPart) -> ServerEvent:
    return {"start": part.start_ms / 1000, "end": part.end_ms / 1000, "text": part.text}


def _error(code: str, message: str, hint: str) -> ServerEvent:
    return {"type": "error", "code": code, "message": f"{message} {hint}".strip()}


def _read(message: str) -> _Op:
    if len(message) > LONGEST_OP:
        raise BadInput(f"An op has at most {LONGEST_OP} characters: {_shown(message)}.", hint=_HINT)
    try:
        return _OPS.validate_json(message)
    except ValidationError as error:
        raise _not_understood(message, error) from None


def _not_understood(message: str, error: ValidationError) -> BadInput:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return BadInput(f"This is no JSON: {_shown(message)}.", hint=_HINT)
    field = ".".join(str(part) for part in first["loc"][1:])
    if not field:
        return BadInput(f"There is no such op: {_shown(message)}.", hint=_HINT)
    return BadInput(f"{field}: {str(first['msg']).removeprefix('Value error, ')}.", hint=_HINT)


def _shown(message: str) -> str:
    return json.dumps(message[:LONGEST_SHOWN], ensure_ascii=False) + ("…" if len(message) > LONGEST_SHOWN else "")
