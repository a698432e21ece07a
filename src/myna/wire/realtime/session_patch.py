"""The session object of ``session.update``: every field of the protocol, and whether Myna can do what it asks.

A field that is absent leaves what it sets as it is. So does null, but for the three fields that null turns off; within
``transcription`` and ``turn_detection`` null gives back the default. Another type of turn detection begins anew.
https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

import json
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from myna.core.preferences import BargeIn
from myna.core.tools import NamedTool, ToolChoice, ToolSpec

MOST_TOOLS = 128
MOST_TOKENS = 1 << 20
MOST_WORDS = 1000
LONGEST_TEXT = 1 << 20
"""In characters; a socket's own limit is lower for most."""

MynaEvent: TypeAlias = Literal[
    "emotion", "greeting", "levels", "llm", "memory", "outcome", "playback", "timing", "tools", "transcript"
]
"""What a client can ask to be told beyond OpenAI's protocol."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole: TypeAlias = Annotated[int, BeforeValidator(_whole)]
"""An integer; 1200.0 is one too, as some languages write all of their numbers."""


class Part(BaseModel):
    """A part of an event. Nothing that is not listed is taken: a client must not believe that it had an effect."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


def _no_logprobs(value: object) -> None:
    if value not in (None, []):
        raise ValueError("the transcriber gives no log probabilities; leave it out")


def _no_prompt(value: object) -> None:
    if value is not None:
        raise ValueError("there are no prompt templates here; send instructions instead")


def _truncation(value: object) -> object:
    if value == "disabled":
        raise ValueError("old messages are always left out where the model's context is full; send auto")
    return value


def _is_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("holds a number that JSON cannot hold") from None
    return value


def _voice(value: object) -> str | None:
    match value:
        case None:
            return None
        case str(name) | {"id": str(name)} if 0 < len(name) <= 200:
            return name
        case _:
            raise ValueError('must be the name of a voice, or {"id": …}')


def _tool_choice(value: object) -> ToolChoice | None:
    match value:
        case None | "auto" | "none" | "required" as known:
            return cast(ToolChoice | None, known)
        case {"type": "function", "name": str(name)}:
            return NamedTool(name)
        case {"type": "mcp"}:
            raise ValueError("the server runs no MCP tools for its clients")
        case _:
            raise ValueError('must be "auto", "none", "required" or {"type": "function", "name": …}')


def _max_tokens(value: object) -> int | Literal["inf"] | None:
    if value is None or value == "inf":
        return cast(Literal["inf"] | None, value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_TOKENS:
        raise ValueError(f'must be "inf" or an integer from 1 to {MOST_TOKENS}')
    return value


def _modalities(value: list[Literal["text", "audio"]] | None) -> list[Literal["text", "audio"]] | None:
    """A spoken reply always comes with its text, so clients that ask for both are given ``["audio"]``."""
    return ["audio"] if value and "audio" in value else value


def _tool_fields(value: object) -> object:
    """Refuses tools of other types by name. The type may be left out, as some clients do."""
    fields = cast(dict[str, object], value) if isinstance(value, dict) else {}
    if fields.get("type", "function") != "function":
        raise ValueError("only tools of type function are supported, which the client runs")
    return cast(object, value)


Text: TypeAlias = Annotated[str, Field(max_length=LONGEST_TEXT)]
JSONObject: TypeAlias = Annotated[dict[str, Any], AfterValidator(_is_json)]
Word: TypeAlias = Annotated[str, Field(max_length=200)]
Language: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$", max_length=35)]
Modalities: TypeAlias = Annotated[
    Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=2, fail_fast=True)] | None,
    AfterValidator(_modalities),
]
VoiceName: TypeAlias = Annotated[str | None, PlainValidator(_voice)]
Choice: TypeAlias = Annotated[ToolChoice | None, PlainValidator(_tool_choice)]
NoPrompt: TypeAlias = Annotated[None, PlainValidator(_no_prompt)]
MaxTokens: TypeAlias = Annotated[int | Literal["inf"] | None, PlainValidator(_max_tokens)]


class Format(Part):
    """How audio is sent. ``rate`` is in Hz and of ``audio/pcm`` only; G.711 has 8 kHz."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: Literal[8000, 16000, 24000, 48000] | None = None


class Transcription(Part):
    """How the user is to be understood. The configured transcriber does it, whatever ``model`` says."""

    model: Annotated[str, Field(max_length=256)] | None = None
    language: Language | None = None
    languages: Annotated[list[Language], Field(max_length=100, fail_fast=True)] | None = None
    prompt: Text | None = None
    keywords: Annotated[list[Word], Field(max_length=MOST_WORDS, fail_fast=True)] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(Part):
    """Taken and not done: what hears here is used to noise."""

    type: Literal["near_field", "far_field"] | None = None
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class ServerVAD(Part):
    """An utterance is over after a silence."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: Annotated[Whole, Field(ge=0, le=5000)] | None = None
    silence_duration_ms: Annotated[Whole, Field(ge=100, le=10_000)] | None = None
    idle_timeout_ms: Annotated[Whole, Field(ge=1000, le=600_000)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVAD(Part):
    """An utterance is over when it sounds complete, or else after a long silence."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


TurnDetection: TypeAlias = ServerVAD | SemanticVAD


class AudioInput(Part):
    """What the client sends. Null turns the last three off."""

    format: Format | None = None
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: Annotated[TurnDetection, Field(discriminator="type")] | None = None


class AudioOutput(Part):
    """What the client gets."""

    format: Format | None = None
    voice: VoiceName = None
    speed: Annotated[float, Field(ge=0.25, le=2)] | None = None


class Audio(Part):
    """Audio in both directions."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class FunctionTool(Part):
    """A function of the client's that the model may call."""

    type: Literal["function"] = "function"
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    description: Text | None = None
    parameters: JSONObject | None = None

    def spec(self) -> ToolSpec:
        """The same for the model; a function without parameters takes none."""
        parameters = self.parameters or {"type": "object", "properties": {}}
        return ToolSpec(self.name, self.description or "", parameters)


Tools: TypeAlias = Annotated[
    list[Annotated[FunctionTool, BeforeValidator(_tool_fields)]], Field(max_length=MOST_TOOLS, fail_fast=True)
]


class MynaSettings(Part):
    """What Myna adds: ``session.myna``. The conversation is told, and whether it is private; neither can be changed.

    Attributes:
        greeting: Which of the persona's greetings an empty conversation begins with; 0 is the first.
        server_tools: Whether the model may call the server's tools, beside the client's own.
        allows_tools: Whether the client asks its user about tools that need it, and sends ``myna.tool.allow``.
    """

    events: Annotated[list[MynaEvent], Field(max_length=64, fail_fast=True)] | None = None
    greeting: Annotated[Whole, Field(ge=0)] | None = None
    barge_in: BargeIn | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    server_tools: bool | None = None
    allows_tools: bool | None = None
    conversation: str | None = None
    private: bool | None = None


class SessionPatch(Part):
    """What ``session.update`` changes. Clients send back what they were told, so ``id`` and its like are taken."""

    type: Literal["realtime", "transcription"] | None = None
    id: str | None = None
    object: str | None = None
    expires_at: int | None = None
    model: Annotated[str, Field(max_length=256)] | None = None
    instructions: Text | None = None
    output_modalities: Modalities = None
    audio: Audio | None = None
    tools: Tools | None = None
    tool_choice: Choice = None
    max_output_tokens: MaxTokens = None
    parallel_tool_calls: bool | None = None
    reasoning: JSONObject | None = None
    tracing: Literal["auto"] | JSONObject | None = None
    truncation: Annotated[Literal["auto"] | JSONObject | None, BeforeValidator(_truncation)] = None
    include: Annotated[None, PlainValidator(_no_logprobs)] = None
    prompt: NoPrompt = None
    myna: MynaSettings | None = None
