"""Engines and a store with faults: they hang, die, crash or babble, at a step of a turn that a test chooses."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
import numpy as np

from myna.core.errors import EngineUnavailable
from myna.core.ids import ConversationId, MessageId
from myna.core.messages import Message
from myna.engines.base import (
    ASRInfo,
    ASROptions,
    Finished,
    LLMDelta,
    LLMInfo,
    LLMMessage,
    LLMRequest,
    Samples,
    Speech,
    TextDelta,
    Transcript,
    TTSInfo,
    VADInfo,
    VoiceStyle,
)
from myna.store.in_memory import InMemoryStore
from myna.testing.asr import ScriptedASR
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD

Fault = Callable[[], Awaitable[None]]

ANSWER = "你好，很高兴认识你。"


async def hang() -> None:
    await anyio.sleep_forever()


async def die() -> None:
    raise EngineUnavailable("The engine is gone.")


async def crash() -> None:
    raise RuntimeError("a fault in the engine's own code")


FAULTS = [hang, die, crash]


@dataclass
class Trouble:
    """Goes wrong whenever it is asked in the first seconds, and never after that."""

    fault: Fault
    until_s: float = field(default_factory=lambda: anyio.current_time() + 4.0)
    times: int = 0

    async def __call__(self) -> None:
        if anyio.current_time() < self.until_s:
            self.times += 1
            await self.fault()


@dataclass
class BadVAD:
    """Goes wrong at what is loud."""

    trouble: Trouble
    info: VADInfo = ScriptedVAD.info

    def stream(self) -> "BadVADStream":
        return BadVADStream(self.trouble)


class BadVADStream:
    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._sound = ScriptedVAD().stream()

    async def feed(self, samples: Samples) -> Sequence[float]:
        if np.abs(samples).max(initial=0) > 0.1:
            await self._trouble()
        return await self._sound.feed(samples)

    def reset(self) -> None:
        self._sound.reset()


@dataclass
class BadASR:
    """Goes wrong at partial transcripts, or at final ones."""

    trouble: Trouble
    partial: bool
    info: ASRInfo = field(default_factory=lambda: ScriptedASR().info)

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        if options.partial == self.partial:
            await self.trouble()
        return Transcript("你好", "zh") if len(samples) else Transcript("", None)


@dataclass
class BadDetector:
    trouble: Trouble
    sample_rate: int = 16_000

    async def completeness(self, samples: Samples, text: str) -> float:
        await self.trouble()
        return 0.9


@dataclass
class BadLLM:
    """Goes wrong after so many pieces of an answer."""

    trouble: Trouble
    after: int
    info: LLMInfo = field(default_factory=lambda: ScriptedLLM().info)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        for place, piece in enumerate([ANSWER[:3], ANSWER[3:]]):
            if place == self.after:
                await self.trouble()
            yield TextDelta(piece)
        yield Finished("stop")

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return await ScriptedLLM().count_tokens(messages)


@dataclass
class BadTTS:
    """Goes wrong after so many pieces of a segment."""

    trouble: Trouble
    after: int
    info: TTSInfo = field(default_factory=lambda: ScriptedTTS().info)

    async def synthesize(
        self, text: str, style: VoiceStyle, *, language: str | None = None, urgent: bool = False
    ) -> AsyncGenerator[Speech]:
        place = 0
        async with aclosing(ScriptedTTS().synthesize(text, style)) as pieces:
            async for speech in pieces:
                if place == self.after:
                    await self.trouble()
                place += 1
                yield speech


@dataclass
class BadStore:
    """Goes wrong at the messages of one kind that are to be kept."""

    trouble: Trouble
    kind: type[Message]
    store: InMemoryStore = field(default_factory=InMemoryStore)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        if isinstance(message, self.kind):
            await self.trouble()
        await self.store.append(conversation_id, message)

    async def insert(self, conversation_id: ConversationId, message: Message, after: MessageId) -> None:
        if isinstance(message, self.kind):
            await self.trouble()
        await self.store.insert(conversation_id, message, after)


@dataclass
class EndlessLLM:
    """Says the same again and again, the first time."""

    piece: str
    info: LLMInfo = field(default_factory=lambda: ScriptedLLM().info)
    calls: int = 0

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        self.calls += 1
        while self.calls == 1:
            await anyio.sleep(0.05)
            yield TextDelta(self.piece)
        yield TextDelta(ANSWER)
        yield Finished("stop")

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return await ScriptedLLM().count_tokens(messages)


@dataclass
class EndlessTTS:
    """Never comes to the end of its first segment."""

    info: TTSInfo = field(default_factory=lambda: ScriptedTTS().info)
    calls: int = 0

    async def synthesize(
        self, text: str, style: VoiceStyle, *, language: str | None = None, urgent: bool = False
    ) -> AsyncGenerator[Speech]:
        self.calls += 1
        while self.calls == 1:
            await anyio.sleep(0.1)
            yield Speech(np.full(12_000, 0.1, np.float32))
        async with aclosing(ScriptedTTS().synthesize(text, style)) as pieces:
            async for speech in pieces:
                yield speech
