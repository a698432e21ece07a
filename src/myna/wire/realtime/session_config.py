"""What holds in a session: made from the server's defaults, changed by ``session.update``."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypeVar

from myna.core.errors import MynaError
from myna.core.preferences import BargeIn, TurnTakingPreferences
from myna.core.tools import NamedTool, ToolChoice
from myna.wire.audio_formats import G711_RATE, PCM_RATE, AudioFormat
from myna.wire.languages import is_understood
from myna.wire.realtime.client_events import ResponseTerms
from myna.wire.realtime.refusal import EventRefused
from myna.wire.realtime.served import Served
from myna.wire.realtime.session_patch import (
    Audio,
    AudioInput,
    AudioOutput,
    Format,
    FunctionTool,
    MynaEvent,
    MynaSettings,
    Part,
    SemanticVAD,
    SessionPatch,
    Transcription,
    TurnDetection,
)

SessionKind: TypeAlias = Literal["realtime", "transcription"]

SLOWEST = 0.5
"""What a voice can do; OpenAI's go down to 0.25."""

TO_ANSWER = "Connect without intent=transcription."

_PartT = TypeVar("_PartT", bound=Part)

OF_REPLIES = ("instructions", "output_modalities", "tools", "tool_choice", "max_output_tokens")
"""What a transcription session, which never replies, does not have."""


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How audio crosses the line; ``rate`` in Hz."""

    type: AudioFormat = "audio/pcm"
    rate: int = PCM_RATE

    @property
    def bytes_per_ms(self) -> float:
        """How many bytes a millisecond takes."""
        return self.rate * (2 if self.type == "audio/pcm" else 1) / 1000

    def shown(self) -> dict[str, Any]:
        """As the protocol has it."""
        return {"type": self.type, "rate": self.rate} if self.type == "audio/pcm" else {"type": self.type}


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What the client has set, and what it has not.

    Attributes:
        voice: By the name that the client gave it; `engine_voice` is what it means.
        transcription: None: the client is not told what the user said.
        turn_detection: None: the client commits.
        barge_in: None: as configured.
        parallel_calls: Whether the model may call several tools at once.
        events: Which of Myna's own events are sent.
        greeting: Which of those that are served is said.
        server_tools: Whether the model may call the server's tools.
        allows_tools: The client asks its user about those that need it.
    """

    kind: SessionKind
    speaks: bool
    transcription: Transcription | None
    turn_detection: TurnDetection | None
    max_tokens: int | None
    voice: str | None = None
    engine_voice: str | None = None
    speed: float = 1.0
    temperature: float | None = None
    instructions: str | None = None
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_calls: bool = True
    input_format: LineFormat = LineFormat()
    output_format: LineFormat = LineFormat()
    barge_in: BargeIn | None = None
    events: frozenset[MynaEvent] = frozenset()
    greeting: int = 0
    server_tools: bool = True
    allows_tools: bool = False

    @property
    def modalities(self) -> list[str]:
        """What replies are; spoken ones come with their text."""
        return ["audio"] if self.speaks else ["text"]


def configured(served: Served) -> SessionConfig:
    """What holds before the client has said anything."""
    preferences = served.preferences
    return SessionConfig(
        kind="transcription" if served.transcribes else "realtime",
        speaks=served.speaks and preferences.speaks,
        transcription=Transcription(language=preferences.language, prompt=preferences.hint or None),
        turn_detection=_detection(preferences.turn_taking),
        max_tokens=preferences.max_tokens,
        voice=preferences.voice,
        engine_voice=preferences.voice,
        speed=preferences.speed,
        temperature=preferences.temperature,
        instructions=preferences.instructions,
        server_tools=preferences.server_tools,
    )


def _detection(turn_taking: TurnTakingPreferences) -> TurnDetection | None:
    return SemanticVAD(type="semantic_vad", create_response=turn_taking.replies) if turn_taking.automatic else None


# --------------------------------------------------------------------------------------------------------- changing


def updated(config: SessionConfig, patch: SessionPatch, served: Served) -> SessionConfig:
    """``config`` with what ``patch`` changes.

    Raises:
        EventRefused: It asks for what there is not; nothing changes.
    """
    kind = patch.type or config.kind
    if kind == "realtime" and served.transcribes:
        raise EventRefused(
            "This connection is for transcription.", reason="invalid_value", param="session.type", hint=TO_ANSWER
        )
    if kind == "transcription":
        _check_transcribes(patch)
    config = replace(config, kind=kind, max_tokens=_max_tokens(patch.max_output_tokens, config, served))
    config = _with_parallel_calls(config, patch.parallel_tool_calls)
    config = _with_instructions(config, patch.instructions, served)
    config = _with_modalities(config, patch.output_modalities, served)
    config = _with_audio(config, patch.audio or Audio(), served)
    config = _with_myna(config, patch.myna or MynaSettings(), served)
    return _with_tools(config, patch.tools, patch.tool_choice, served, "session")


def responding(config: SessionConfig, terms: ResponseTerms, served: Served) -> SessionConfig:
    """``config`` for one response.

    Raises:
        EventRefused: It asks for what there is not.
    """
    config = replace(config, max_tokens=_max_tokens(terms.max_output_tokens, config, served))
    config = _with_parallel_calls(config, terms.parallel_tool_calls)
    config = _with_instructions(config, terms.instructions, served)
    config = _with_modalities(config, terms.output_modalities, served)
    if terms.audio and terms.audio.output:
        output = terms.audio.output
        config = replace(config, output_format=_format(output.format, config.output_format, "response.audio.output"))
        config = _with_voice(config, output.voice, served, "response.audio.output.voice")
    return _with_tools(config, terms.tools, terms.tool_choice, served, "response")


def _check_transcribes(patch: SessionPatch) -> None:
    for name in OF_REPLIES:
        if getattr(patch, name) is not None:
            raise EventRefused(
                f"A session of type transcription has no {name}.",
                reason="unknown_parameter",
                param=f"session.{name}",
                hint="Leave it out.",
            )


def _max_tokens(asked: int | Literal["inf"] | None, config: SessionConfig, served: Served) -> int | None:
    match asked:
        case None:
            return config.max_tokens
        case "inf":
            return served.preferences.max_tokens
        case most:
            return most


def _with_instructions(config: SessionConfig, instructions: str | None, served: Served) -> SessionConfig:
    """Nothing, or what was told of the persona's own, leaves these."""
    if instructions is None:
        return config
    return replace(config, instructions=None if instructions in ("", served.instructions) else instructions)


def _with_modalities(config: SessionConfig, modalities: Iterable[str] | None, served: Served) -> SessionConfig:
    if modalities is None:
        return config
    return replace(config, speaks=served.speaks and "audio" in modalities)


def _with_audio(config: SessionConfig, audio: Audio, served: Served) -> SessionConfig:
    given = audio.input or AudioInput()
    config = replace(config, input_format=_format(given.format, config.input_format, "session.audio.input"))
    if "transcription" in given.model_fields_set:
        _check_language(given.transcription, served)
        config = replace(config, transcription=_merged(config.transcription, given.transcription))
    if "turn_detection" in given.model_fields_set:
        config = replace(config, turn_detection=_merged(config.turn_detection, given.turn_detection))
    output = audio.output or AudioOutput()
    config = replace(
        config,
        output_format=_format(output.format, config.output_format, "session.audio.output"),
        speed=config.speed if output.speed is None else max(output.speed, SLOWEST),
    )
    return _with_voice(config, output.voice, served, "session.audio.output.voice")


def _merged(now: _PartT | None, asked: _PartT | None) -> _PartT | None:
    """What is asked for, and the rest as it is now, as far as that is of the same type."""
    if now is None or asked is None or type(now) is not type(asked):
        return asked
    named = {name: getattr(asked, name) for name in asked.model_fields_set}
    if isinstance(asked, Transcription) and named.keys() & {"language", "languages"}:  # either says all
        named = {"language": None, "languages": None} | named
    return now.model_copy(update=named)


def _format(asked: Format | None, now: LineFormat, place: str) -> LineFormat:
    if asked is None:
        return now
    if asked.type == "audio/pcm":
        return LineFormat(asked.type, asked.rate or PCM_RATE)
    if asked.rate not in (None, G711_RATE):
        raise EventRefused(f"G.711 has {G711_RATE} Hz.", reason="invalid_value", param=f"{place}.format.rate")
    return LineFormat(asked.type, G711_RATE)


def _check_language(asked: Transcription | None, served: Served) -> None:
    if asked is None:
        return
    for language in [asked.language, *(asked.languages or ())]:
        if language is not None and not is_understood(language, served.languages):
            raise EventRefused(
                f"{served.transcriber} does not understand {language!r}.",
                reason="invalid_value",
                param="session.audio.input.transcription.language",
                hint=f"It understands {', '.join(sorted(served.languages))}.",
            )


def _with_voice(config: SessionConfig, voice: str | None, served: Served, param: str) -> SessionConfig:
    if voice in (None, config.voice) or not served.speaks:
        return config
    if voice == served.voice:
        return replace(config, voice=None, engine_voice=None)
    try:
        return replace(config, voice=voice, engine_voice=served.voice_of(voice))
    except MynaError as error:
        raise EventRefused(error.message, reason="invalid_value", param=param, hint=error.hint) from None


def _with_tools(
    config: SessionConfig, tools: Iterable[FunctionTool] | None, choice: ToolChoice | None, served: Served, place: str
) -> SessionConfig:
    if tools is not None:
        config = replace(config, tools=tuple(tools))
    names = [tool.name for tool in config.tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise EventRefused(f"Two tools have the name {twice!r}.", reason="invalid_value", param=f"{place}.tools")
    if choice is not None:
        config = replace(config, tool_choice=choice)
    chosen = config.tool_choice
    if not isinstance(chosen, NamedTool) or chosen.name in names:
        return config
    if config.server_tools and chosen.name in served.tool_names():
        return config
    if choice is None:  # it was there when it was chosen
        return replace(config, tool_choice="auto")
    raise EventRefused(
        f"There is no tool {chosen.name!r} to choose.", reason="invalid_value", param=f"{place}.tool_choice"
    )


def _with_parallel_calls(config: SessionConfig, asked: bool | None) -> SessionConfig:
    return config if asked is None else replace(config, parallel_calls=asked)


def _with_myna(config: SessionConfig, myna: MynaSettings, served: Served) -> SessionConfig:
    if myna.conversation not in (None, served.conversation_id):
        raise EventRefused(
            "A session stays in its conversation.",
            reason="invalid_value",
            param="session.myna.conversation",
            hint="Connect with ?conversation= to continue another.",
        )
    if myna.private not in (None, served.private):
        raise EventRefused(
            "Whether a conversation is private is said when it begins.",
            reason="invalid_value",
            param="session.myna.private",
            hint="Connect with ?private=true to begin one of which nothing is kept.",
        )
    if myna.greeting and myna.greeting >= len(served.greetings):
        raise EventRefused(
            f"There is no greeting {myna.greeting}.",
            reason="invalid_value",
            param="session.myna.greeting",
            hint=f"0 to {len(served.greetings) - 1} are there." if served.greetings else "There is none to choose.",
        )
    config = replace(
        config,
        events=config.events if myna.events is None else frozenset(myna.events),
        greeting=config.greeting if myna.greeting is None else myna.greeting,
        barge_in=myna.barge_in or config.barge_in,
        temperature=config.temperature if myna.temperature is None else myna.temperature,
        server_tools=config.server_tools if myna.server_tools is None else myna.server_tools,
        allows_tools=config.allows_tools if myna.allows_tools is None else myna.allows_tools,
    )
    if config.allows_tools and "tools" not in config.events:  # nobody would ask the user, and the reply would wait
        raise EventRefused(
            "A client that allows tools has to be told of them.",
            reason="invalid_value",
            param="session.myna.allows_tools",
            hint='Have "tools" among session.myna.events.',
        )
    return config
