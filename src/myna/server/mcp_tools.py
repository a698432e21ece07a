"""What other agents may do through Myna: ask, speak and hear. Named and described as MCP tells it to them."""

import base64
import binascii
import math
import wave
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import anyio
import anyio.to_thread
from pydantic import BaseModel, Field

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.commands import SendText
from myna.core.errors import BadAudio, BadInput, Closed, EngineUnavailable, MynaError, UnknownName
from myna.core.events import EmotionChanged, Failed, TurnEnded
from myna.core.ids import OWNER, UserId, new_conversation_id
from myna.core.messages import Conversation
from myna.core.reply import Segment
from myna.engines.base import ASROptions, Samples
from myna.engines.samples import check_writable, resample, to_pcm16, write_wav
from myna.server.audio_decoding import decoded_pieces
from myna.server.errors import error_told
from myna.server.openai.models import OF_PERSONA
from myna.server.openai.voices import speaker_meant
from myna.server.service import Service
from myna.server.users import conversation_named, conversation_of
from myna.session.bounds import within
from myna.session.options import SessionEngines
from myna.session.session import open_session
from myna.session.speak import speak as spoken
from myna.store.base import Store
from myna.text.characters import needs_no_space_after
from myna.text.reply import ReplyParser

ENGINES_S = 300.0
"""How long a call waits for the engines to load."""
LONGEST_TEXT = 20_000
"""Of what is asked or spoken, in characters."""
LONGEST_SENT_S = 120.0
"""Of speech that is sent within a result: some 6 MB, and agents keep results."""

Opened = Callable[[], Awaitable[Service]]
"""The service as soon as it is open.

Raises:
    MynaError: It cannot be opened.
"""


ASKS: ContextVar[UserId] = ContextVar("myna_mcp_user", default=OWNER)
"""Who asks: over standard input and output the owner, at a URL whose key it is."""


class Answer(BaseModel):
    """What a persona answers."""

    reply: str
    emotion: str | None
    persona: str
    conversation: Annotated[str, Field(description="Give it again to go on with this conversation.")]


class Heard(BaseModel):
    """What was said."""

    text: str
    language: str | None
    seconds: float


class Known(BaseModel):
    """Who answers."""

    id: str
    name: str
    language: str


class KnownPersonas(BaseModel):
    """Everybody who answers."""

    personas: list[Known]
    default: str


Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Private = Annotated[bool, Field(description="In a new conversation of which nothing is kept or remembered.")]
PersonaName = Annotated[str | None, Field(description="Who answers or speaks: an id or a name of `personas`.")]
Language = Annotated[str | None, Field(description="What is spoken, as zh or en; detected otherwise.", max_length=8)]
Voice = Annotated[str | None, Field(description="A voice instead of the persona's.", max_length=200)]
_IN_BASE64 = Field(description="An audio file (WAV, MP3, FLAC, OGG, M4A …) in base64.")
WavPath = Annotated[str | None, Field(description="Where the speech is written, a path that ends in .wav.")]
AudioPath = Annotated[str | None, Field(description="The path of an audio file.")]


class AgentTools:
    """The tools. Each waits for the service, and tells what is wrong as the SDK's `ToolError`."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def ask(
        self,
        text: Text,
        persona: PersonaName = None,
        conversation: Annotated[str | None, Field(description="That of an earlier answer.", max_length=200)] = None,
        private: Private = False,
    ) -> Answer:
        """Say something to a persona, and have its answer in words."""
        with _told():
            return await _answer(await self._ready(), text, Asked(persona, conversation, private=private))

    async def personas(self) -> KnownPersonas:
        """List who can be asked."""
        with _told():
            service = await self._opened()
            known = [Known(id=each.id, name=each.name, language=each.language) for each in service.personas.all]
            return KnownPersonas(personas=known, default=service.persona().id)

    async def speak(self, text: Text, persona: PersonaName = None, voice: Voice = None) -> list[Any]:
        """Speak a text, and give the audio; tags such as [Happy] or [开心] in it change the voice."""
        with _told():
            return await self._sent(text, persona, voice, hint="Speak it in parts.")

    async def speak_or_write(
        self, text: Text, persona: PersonaName = None, voice: Voice = None, file: WavPath = None
    ) -> list[Any]:
        """Speak a text; tags such as [Happy] or [开心] in it change the voice. Gives the audio, or writes it to a file.

        What is in the file before is replaced.
        """
        from mcp.types import TextContent  # noqa: PLC0415

        with _told():
            if file is None:
                return await self._sent(text, persona, voice, hint="Name a file.")
            path = _wav_path(file)
            speech = await _spoken(await self._ready(), text, persona, voice)
            await anyio.to_thread.run_sync(write_wav, path, speech.pcm, speech.sample_rate)
            return [TextContent(text=f"{speech.seconds:.1f} s of speech in {path}")]

    async def hear(self, audio: Annotated[str, _IN_BASE64], language: Language = None) -> Heard:
        """Tell what is said in an audio file, which is given whole."""
        with _told():
            return await _heard(await self._ready(), BytesIO(_decoded(audio)), language)

    async def hear_or_read(
        self, file: AudioPath = None, audio: Annotated[str | None, _IN_BASE64] = None, language: Language = None
    ) -> Heard:
        """Tell what is said in an audio file, which is given by its path or whole."""
        with _told():
            if (file is None) == (audio is None):
                raise BadInput("Give either a file or audio.")
            if audio is not None:
                return await self.hear(audio, language)
            with await anyio.to_thread.run_sync(_opened_file, file or "") as source:
                return await _heard(await self._ready(), source, language)

    async def _sent(self, text: str, persona: str | None, voice: str | None, *, hint: str) -> list[Any]:
        from mcp.types import AudioContent, TextContent  # noqa: PLC0415

        speech = await _spoken(await self._ready(), text, persona, voice, LONGEST_SENT_S)
        if speech.seconds > LONGEST_SENT_S:
            raise BadInput(f"More than {LONGEST_SENT_S:g} s of speech are too long to send.", hint=hint)
        data = base64.b64encode(speech.wav()).decode()
        told = f"{speech.seconds:.1f} s of speech"
        return [AudioContent(data=data, mime_type="audio/wav"), TextContent(text=told)]

    async def _ready(self) -> Service:
        """The service, once no engine loads; one whose weights are still fetched says so when it is asked.

        Raises:
            EngineUnavailable: They take too long.
        """
        service = await self._opened()
        with anyio.move_on_after(ENGINES_S):
            await service.engines.until(lambda: not service.engines.loads)
            return service
        raise EngineUnavailable("The engines are still loading.", hint="Try again in a minute.")


@contextmanager
def _told() -> Generator[None]:
    """Errors of ours are told to the client; others are ours to look into."""
    from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415

    try:
        yield
    except MynaError as error:
        raise ToolError(str(error)) from error


# ------------------------------------------------------------------------------------------------------------- asking


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, and in which conversation."""

    persona: str | None
    conversation: str | None
    private: bool


async def _answer(service: Service, text: str, asked: Asked) -> Answer:
    conversation, store = await _conversation(service, asked)
    speaker = service.personas.find(conversation.persona_id)
    options, engines = service.session_options(speaker), SessionEngines(service.engines.llm)
    options = replace(options, memory=service.memory_of(conversation, speaker, await store.messages(conversation.id)))
    emotion: str | None = None
    async with (
        service.alone_in(conversation.id),
        open_session(conversation, speaker, engines, store, options) as session,
    ):
        await session.send(SendText(text))
        async for event in session:
            match event:
                case EmotionChanged(emotion=changed):
                    emotion = emotion or changed
                case Failed():
                    raise error_told(event.code, event.message, event.hint)
                case TurnEnded(reply=reply):
                    said = reply.display if reply else ""
                    return Answer(reply=said, emotion=emotion, persona=speaker.id, conversation=conversation.id)
                case _:
                    pass
    raise Closed("The server is stopping.")


async def _conversation(service: Service, asked: Asked) -> tuple[Conversation, Store]:
    """The conversation, begun if it is new, and where it is kept."""
    user_id = ASKS.get()
    named = conversation_named(user_id, asked.conversation) if asked.conversation else new_conversation_id()
    found, store = await conversation_of(service, user_id, named, private=asked.private)
    if found is None:
        if asked.conversation:
            raise UnknownName(f"There is no conversation {asked.conversation!r}.", hint="Leave it out to begin one.")
        begun = Conversation(named, service.persona(asked.persona).id, user_id, private=asked.private)
        await store.create(begun)
        return begun, store
    if asked.persona is not None and service.persona(asked.persona).id != found.persona_id:
        raise BadInput(f"That conversation is with {found.persona_id}.", hint="Leave it out to begin another.")
    return found, store


# ----------------------------------------------------------------------------------------------------------- speaking


@dataclass(frozen=True, slots=True)
class _Speech:
    pcm: bytes
    sample_rate: int

    @property
    def seconds(self) -> float:
        return len(self.pcm) / BYTES_PER_SAMPLE / self.sample_rate

    def wav(self) -> bytes:
        file = BytesIO()
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(BYTES_PER_SAMPLE)
            written.setframerate(self.sample_rate)
            written.writeframes(self.pcm)
        return file.getvalue()


async def _spoken(
    service: Service, text: str, persona: str | None, voice: str | None, enough_s: float = math.inf
) -> _Speech:
    """The speech; where it grows longer than ``enough_s``, its beginning, which is longer than that too."""
    model = f"{OF_PERSONA}{service.persona(persona).id}"
    speaker = speaker_meant(service, model, voice, text)
    parser = ReplyParser(speaker.emotions)
    segments = [item for item in (*parser.feed(text), *parser.finish()) if isinstance(item, Segment)]
    tts, limits, pcm = service.engines.tts, service.settings.session.limits(), bytearray()
    for segment in segments:
        async with aclosing(spoken(tts, segment, speaker.style_of, limits)) as pieces:
            async for piece in pieces:
                pcm += to_pcm16(piece.samples)
                if len(pcm) > enough_s * BYTES_PER_SAMPLE * tts.info.sample_rate:
                    return _Speech(bytes(pcm), tts.info.sample_rate)
    if not pcm:
        raise BadInput("There is nothing in the text that can be spoken.", hint="Give it words.")
    return _Speech(bytes(pcm), tts.info.sample_rate)


def _wav_path(file: str) -> Path:
    """Where to write.

    Raises:
        BadInput: It cannot be, or is no place for speech: an agent that was misled must not replace just any file.
    """
    path = Path(file).expanduser().absolute()
    if path.suffix.lower() != ".wav":
        raise BadInput(f"{file} does not end in .wav.", hint="Speech is written as WAV.")
    check_writable(path)
    return path


# ------------------------------------------------------------------------------------------------------------ hearing


def _opened_file(name: str) -> BinaryIO:
    try:
        path = Path(name).expanduser()
        if path.exists() and not path.is_file():  # a pipe may never give anything
            raise BadAudio(f"{name} is no file.", hint="Check its path.")
        return path.open("rb")
    except (OSError, RuntimeError, ValueError) as error:  # the last two: of ~nobody, and of a NUL in it
        problem = getattr(error, "strerror", None) or error
        raise BadAudio(f"{name} cannot be read: {problem}.", hint="Check its path.") from error


def _decoded(text: str) -> bytes:
    # Models and browsers write data:audio/wav;base64,…
    _, _, data = text.rpartition(",") if text.startswith("data:") else ("", "", text)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAudio("The audio is no base64.", hint="Encode the whole file, its header too.") from error


async def _heard(service: Service, source: BinaryIO, language: str | None) -> Heard:
    asr, settings = service.engines.asr, service.settings
    options = ASROptions(language=language or settings.asr.fixed_language)
    text, heard_in, seconds = "", None, 0.0
    pieces = decoded_pieces(source, settings.asr.longest_file_s)
    while (samples := await anyio.to_thread.run_sync(next, pieces, None)) is not None:
        length_s = len(samples) / HEARING_RATE
        transcript = await within(
            settings.session.hear_timeout_s + length_s,
            asr.transcribe(_at(samples, asr.info.sample_rate), options),
            f"The ASR {asr.info.model}",
        )
        between = "" if not text or needs_no_space_after(text[-1]) else " "
        text += between + transcript.text if transcript.text else ""
        heard_in = heard_in or transcript.language
        options = replace(options, language=options.language or heard_in)  # short pieces are easily mistaken
        seconds += length_s
    return Heard(text=text, language=heard_in, seconds=round(seconds, 2))


def _at(samples: Samples, sample_rate: int) -> Samples:
    return samples if sample_rate == HEARING_RATE else resample(samples, HEARING_RATE, sample_rate)
