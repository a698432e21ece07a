"""How a session behaves, and who does its work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from myna.core.emotion import Emotions
from myna.core.errors import MynaError
from myna.core.events import Outcome, Stage
from myna.core.preferences import Preferences
from myna.engines.base import ASR, LLM, TTS, VAD, Sampling, TurnDetector
from myna.memory.base import SessionMemory
from myna.session.bounds import Limits
from myna.tools.base import Strategy, Toolset
from myna.tools.rounds import call_tools
from myna.tools.toolbox import EMPTY

Watch: TypeAlias = Callable[[Outcome, Mapping[Stage, float]], None]
"""Is told how a turn ended, and when each of its stages was reached, as in `myna.core.events.StageTimed`."""


def _unwatched(_outcome: Outcome, _reached_ms: Mapping[Stage, float]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session behaves.

    Attributes:
        emotions: What the reply may show.
        sampling: How the LLM draws tokens.
        prompt_template: The prompt of a persona that has none.
        max_history_rounds: How many rounds the prompt holds at most.
        max_context_tokens: How long prompt and answer may be together, where the model does not allow less.
        max_utterance_s: The longest utterance: what goes on longer is cut there.
        tick_s: A partial transcript is tried this often, in seconds of audio.
        decode_window_s: How much audio a partial transcript looks back.
        playback_lead_ms: How far audio may be sent ahead of its time; None sends it as fast as it is made, as for a
            file.
        tools: What the model may call of the server's.
        strategy: How it answers with them.
        most_rounds: How often it is asked with them in one reply.
        consents: Whether the user can agree by a plain yes that a tool runs: only where the conversation is kept, so
            that the same yes counts once.
        acknowledge_after_s: When a tool takes longer, the persona says that it takes a while.
        memory: What is remembered of the user; None: nothing is, and nothing is told of it.
        preferences: What the client chose, until it chooses otherwise.
        watch: Is told of each turn that was to be answered. Returns at once, and never fails.
    """

    emotions: Emotions = field(default_factory=Emotions)
    sampling: Sampling = field(default_factory=Sampling)
    limits: Limits = field(default_factory=Limits)
    prompt_template: str | None = None
    max_history_rounds: int = 10
    max_context_tokens: int = 20_000
    max_utterance_s: float = 1800.0
    tick_s: float = 0.25
    decode_window_s: float = 8.0
    playback_lead_ms: float | None = None
    tools: Toolset = EMPTY
    strategy: Strategy = call_tools
    most_rounds: int = 8
    consents: bool = True
    acknowledge_after_s: float = 1.0
    memory: SessionMemory | None = None
    preferences: Preferences = field(default_factory=Preferences)
    watch: Watch = _unwatched


class Workers(Protocol):
    """Who does a session's work, as it is now: what still loads may come while the session runs.

    A voice that comes speaks from the next reply on, ears that come hear from the next audio on.
    """

    @property
    def llm(self) -> LLM | None:
        """Without one utterances are heard, and not answered."""
        ...

    @property
    def asr(self) -> ASR | None:
        """Without one it takes text only."""
        ...

    @property
    def tts(self) -> TTS | None:
        """Without one it does not speak."""
        ...

    @property
    def vad(self) -> VAD | None:
        """Without one only committed audio is heard."""
        ...

    @property
    def detector(self) -> TurnDetector | None:
        """Without one words and silences alone tell that an utterance is over."""
        ...

    @property
    def deaf(self) -> MynaError | None:
        """Why there is no ASR yet, where there is to be one."""
        ...


@dataclass(frozen=True, slots=True)
class SessionEngines:
    """`Workers` who are all there from the beginning."""

    llm: LLM | None = None
    asr: ASR | None = None
    tts: TTS | None = None
    vad: VAD | None = None
    detector: TurnDetector | None = None
    deaf: MynaError | None = None
