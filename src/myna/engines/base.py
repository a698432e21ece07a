"""Every engine Protocol, on one page.

An engine implements one of the Protocols below and is found by an entry point (``myna.llm``, ``myna.asr``,
``myna.tts``, ``myna.vad``, ``myna.turn``, ``myna.embed``) that names its `Plugin`. A package can add one without
importing Myna: the Protocols are structural. ``docs/engines.md`` walks through one; ``myna.testing`` has a conformance
suite per kind.

What holds for all of them:

- An engine is *opened*, not constructed: `Plugin.open` is an async context manager that loads it, keeps it healthy and
  releases it. The process enters it once; everybody shares what it yields, so every method may be called concurrently.
- Errors are those of `myna.core.errors`: `EngineUnavailable`, `EngineTimeout`, `EngineRefused`, `Busy`, `BadInput`.
- Streams are async generators. Iterate them under ``contextlib.aclosing``: when ``aclose()`` returns, or the task that
  iterates is cancelled, the engine has stopped working on that request, or will at its next step.
- Blocking work runs on the `Scheduler` of `Resources`, in steps short enough to abandon.
- Samples are mono ``float32`` in [-1, 1], shape ``(n,)``.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from myna.core.errors import MynaError
from myna.core.tools import JSON, ToolCall, ToolChoice, ToolSpec
from myna.engines.scheduler import Scheduler
from myna.weights.locate import Weights

Samples: TypeAlias = NDArray[np.float32]

# ---------------------------------------------------------------------------------------------------------- opening


@dataclass(frozen=True, slots=True)
class Resources:
    """What the process lends an engine while it is open.

    Attributes:
        weights: Finds model files by catalog name or path.
        scheduler: Runs blocking work, a slot per device.
        device: ``cpu``, ``cuda`` or ``auto``: where the user wants engines to run.
    """

    weights: Weights
    scheduler: Scheduler
    device: str = "auto"


OptionsT_contra = TypeVar("OptionsT_contra", bound=BaseModel, contravariant=True)
EngineT_co = TypeVar("EngineT_co", covariant=True)


class Plugin(Protocol[OptionsT_contra, EngineT_co]):
    """What an entry point names. Importing it loads nothing heavy; `open` does.

    Attributes:
        options_model: The pydantic model of the engine's section in ``myna.toml``, named as the entry point.
    """

    @property
    def options_model(self) -> type[BaseModel]: ...

    def weights(self, options: OptionsT_contra) -> Sequence[str]:
        """The catalog names, or paths, of the model files that `open` will look for with these options."""
        ...

    def open(self, options: OptionsT_contra, resources: Resources) -> AbstractAsyncContextManager[EngineT_co]:
        """Load the engine; release it on exit, also when cancelled half-way through loading.

        Raises:
            WeightsMissing: The model files are not on this machine.
            EngineUnavailable: It does not start.
        """
        ...


@runtime_checkable
class TellsDevice(Protocol):
    """What any engine may be besides: one that knows where it computes."""

    @property
    def device(self) -> str:
        """``cpu``, ``cuda``, or ``gpu`` for a GPU of any make."""
        ...


# -------------------------------------------------------------------------------------------------------------- LLM


@dataclass(frozen=True, slots=True)
class LLMMessage:
    """One message of a prompt.

    Attributes:
        content: Text; empty for an assistant message that only calls tools.
        tool_calls: What an assistant message called.
        tool_call_id: Which call a tool message answers.
        outcome: What a tool message tells: what the tool gave, that it failed or was not run, or that the user has to
            agree first.
        shown: The arguments that the user is to agree to, as he may see them: a JSON text.
        said: What the user said, where ``content`` has more than that, as what is remembered of him.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    outcome: Literal["ok", "failed", "asks"] = "ok"
    shown: str = ""
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. None leaves the choice to the engine's own default.

    Attributes:
        bias: Texts, and how much more likely (logits) the tokens that they are made of become, where the server can do
            that (llama.cpp).
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    bias: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """One generation.

    Attributes:
        tool_choice: Whether tools may, must not or must be called.
        parallel_calls: Whether one answer may hold several calls.
        output_schema: A JSON schema that the whole output has to satisfy.
        reasoning: False asks a reasoning model to answer at once, where its server can do that.
        cache_key: Requests that share a key share a prompt prefix: an engine with several KV caches keeps them
            together. A conversation's id.
    """

    messages: tuple[LLMMessage, ...]
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_calls: bool = True
    output_schema: JSON | None = None
    reasoning: bool = True
    cache_key: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer. May hold markup that ``myna.text`` takes out.

    Empty only as a sign of life, while something is written that is told later, such as a call; leave it out.
    """

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of thinking that the server reports apart from the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call that the server reports natively. ``id`` and ``name`` come with the first piece."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one generation.

    Attributes:
        cached_tokens: Of the prompt's, those that came from the KV cache, where the server tells.
        reasoning_tokens: Of those that were written, those of thinking, shown or not, where the server tells.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The last item of every stream that was not cancelled."""

    reason: Literal["stop", "length", "tool_calls", "content_filter"]
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Loading:
    """A model has to be loaded before the answer goes on: until the next item, nobody's limits run.

    The engine itself bounds how long that may take, and says it in every stream that waits for it.

    Attributes:
        what: The model, and where, for people: "Qwen2.5-7B on gpu-box".
        each_time: Whether every answer of this engine begins so: no reason to ask another one.
    """

    what: str
    each_time: bool = False


@dataclass(frozen=True, slots=True)
class FailedOver:
    """An engine of a chain did not answer: what follows comes from the next. Nothing of the answer came before it.

    Attributes:
        engine: The name of the one that failed.
        problem: Why.
        answers: The name of the one that is asked now.
    """

    engine: str
    problem: MynaError
    answers: str


LLMDelta: TypeAlias = TextDelta | ReasoningDelta | ToolCallDelta | Finished | Loading | FailedOver


@dataclass(frozen=True, slots=True)
class LLMInfo:
    """What an LLM engine is.

    Attributes:
        model: The name to report.
        context_tokens: The longest prompt and answer together, or None if unknown.
        native_tools: Whether the server takes ``tools`` and reports calls itself.
        output_schema: Whether ``LLMRequest.output_schema`` is enforced.
        parameters: How many weights the model has, where that is known.
        tools_in_prompt: Whether the tools of a request take room in the prompt of its reply.
    """

    model: str
    context_tokens: int | None
    native_tools: bool
    output_schema: bool
    parameters: int | None = None
    tools_in_prompt: bool = True


class LLM(Protocol):
    """Thinks in streams."""

    @property
    def info(self) -> LLMInfo: ...

    def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer; closing the generator stops the model, also one in another process."""
        ...

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """How many tokens the messages take as a prompt, with the model's tokenizer where there is one."""
        ...


@runtime_checkable
class ReadsAhead(Protocol):
    """What an LLM may be besides: one that can take the beginning of a prompt before anybody asks."""

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """Read a prompt into the KV cache while no request is being answered. Takes its time and never fails.

        A request comes first: if it begins alike it waits for what it would have to read itself, else it has the
        reading stopped. So there is no need to cancel this before `LLM.generate`.

        Args:
            messages: The prompt as it would be now. The last of them may be another one in the request.
            tools: Those of the request, since they are part of the prompt.
            everywhere: Read it for every conversation that may come; else for one, and the others lose nothing.
        """
        ...


@runtime_checkable
class TellsLife(Protocol):
    """What an LLM may be besides: one that can say whether it is there, though nobody asks it anything."""

    async def is_alive(self, within_s: float) -> bool:
        """Whether it, or its server, answers at all within so many seconds. Costs next to nothing, and never fails."""
        ...


@dataclass(frozen=True, slots=True)
class GPUMemory:
    """The memory of one GPU, in bytes.

    Attributes:
        device: ``cuda:0``.
        total: All that it has.
        free: What nobody uses, no other program either.
        used: What the tensors of this process take.
        reserved: What this process holds to put tensors in, ``used`` included.
        peak: The most that ``used`` has been.
    """

    device: str
    total: int
    free: int
    used: int
    reserved: int
    peak: int

    def __str__(self) -> str:
        figures = {"used": self.used, "reserved": self.reserved, "peak": self.peak, "free": self.free}
        told = ", ".join(f"{size / 1e9:.2f} GB {name}" for name, size in figures.items())
        return f"{self.device}: {told} of {self.total / 1e9:.2f} GB"


@runtime_checkable
class TellsMemory(Protocol):
    """What an LLM may be besides: one that knows the memory of the GPUs that it computes on."""

    async def memory(self) -> Sequence[GPUMemory]:
        """Each of them; none on a CPU. Waits for what computes."""
        ...


# -------------------------------------------------------------------------------------------------------------- ASR


@dataclass(frozen=True, slots=True)
class ASROptions:
    """How to hear.

    Attributes:
        language: ISO 639-1 code; None detects it, among the languages that the user configured.
        hint: Text that came before, or names to expect.
        word_times: Fill ``TranscriptSegment.words``; slower.
        partial: The audio is an utterance still going on: speed before exactness, and finals go first.
        awaited: A reply is silent until this is known, so a partial one goes where finals do.
        recording: The audio is long, and nobody waits for it in a conversation: everything else goes first.
    """

    language: str | None = None
    hint: str = ""
    word_times: bool = False
    partial: bool = False
    awaited: bool = False
    recording: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place in the samples, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """A stretch of speech and its place in the samples, in seconds."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; ``text`` is empty and ``language`` None when nobody spoke."""

    text: str
    language: str | None
    segments: tuple[TranscriptSegment, ...] = ()


@dataclass(frozen=True, slots=True)
class ASRInfo:
    """What an ASR engine is: ``sample_rate`` in Hz that it wants; ``languages`` as ISO 639-1 codes, empty for any."""

    model: str
    sample_rate: int
    languages: frozenset[str]
    word_times: bool


class ASR(Protocol):
    """Hears. Stateless: the same samples give the same transcript. Silence, noise and music give an empty one."""

    @property
    def info(self) -> ASRInfo: ...

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        """Hear ``samples`` of any length at ``info.sample_rate``."""
        ...


# -------------------------------------------------------------------------------------------------------------- TTS


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """How to speak.

    Attributes:
        voice: A voice's name, or a blend of several with weights (they are normalised).
        speed: 1.0 is the voice's own rate; 1.1 speaks a tenth faster. Between 0.5 and 2.
        pitch: In semitones, 0 is the voice's own. Between -12 and 12. Does not change the rate.
        reference: Audio of the voice to imitate, for engines that clone.
    """

    voice: str | Mapping[str, float]
    speed: float = 1.0
    pitch: float = 0.0
    reference: Path | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that an engine has, with the languages (ISO 639-1) that it was recorded in."""

    name: str
    languages: tuple[str, ...]
    gender: Literal["female", "male", "other"]


@dataclass(frozen=True, slots=True)
class SpeechMark:
    """At ``time_ms`` of the audio, the characters of the text before ``offset`` have been spoken."""

    offset: int
    time_ms: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of speech at ``TTSInfo.sample_rate``, with the marks that fall into it (times from the start)."""

    samples: Samples
    marks: tuple[SpeechMark, ...] = ()


@dataclass(frozen=True, slots=True)
class TTSInfo:
    """What a TTS engine is: ``sample_rate`` in Hz of what it yields; ``languages`` as ISO 639-1 codes."""

    model: str
    sample_rate: int
    languages: frozenset[str]
    voices: tuple[Voice, ...]
    marks: bool


class TTS(Protocol):
    """Speaks."""

    @property
    def info(self) -> TTSInfo: ...

    def synthesize(
        self, text: str, style: VoiceStyle, *, language: str | None = None, urgent: bool = False
    ) -> AsyncGenerator[Speech]:
        """Speak one segment of plain text; text with nothing speakable in it yields nothing.

        Args:
            text: A clause or a sentence.
            style: How to speak.
            language: The main language of ``text``; None tells by the text. Both may be mixed either way.
            urgent: Somebody waits for it in silence, as for the first clause of a reply: it goes before other work.

        Raises:
            UnknownName: No such voice.
        """
        ...


# ------------------------------------------------------------------------------------------------- VAD, turn, embed


@dataclass(frozen=True, slots=True)
class VADInfo:
    """What a VAD engine is: it judges frames of ``frame_samples`` at ``sample_rate`` Hz."""

    model: str
    sample_rate: int
    frame_samples: int


class VADStream(Protocol):
    """The state of one stream of audio. Not to be fed concurrently."""

    async def feed(self, samples: Samples) -> Sequence[float]:
        """Take samples of any number; give the speech probability of each frame that became whole."""
        ...

    def reset(self) -> None:
        """Forget what was fed."""
        ...


class VAD(Protocol):
    """Tells speech from everything else."""

    @property
    def info(self) -> VADInfo: ...

    def stream(self) -> VADStream:
        """A new stream, independent of all others; it needs no closing."""
        ...


class TurnDetector(Protocol):
    """Tells whether an utterance is over from how it sounds and what was said."""

    @property
    def sample_rate(self) -> int: ...

    async def completeness(self, samples: Samples, text: str) -> float:
        """The probability in [0, 1] that the utterance in ``samples`` (its last seconds count) is complete."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors whose dot product says how near their meanings are."""

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """Unit vectors, shape ``(len(texts), dimensions)``. Queries and passages may be embedded differently."""
        ...
