"""Checks of the engines: each is opened and does its real work. What the TTS says, the ASR and the VAD hear."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

import anyio
import numpy as np

from myna.core.errors import EngineRefused
from myna.doctor.finding import Finding, Verdict
from myna.engines.base import (
    ASR,
    LLM,
    TTS,
    VAD,
    ASROptions,
    Embedder,
    FailedOver,
    Finished,
    LLMMessage,
    LLMRequest,
    Loading,
    Resources,
    Samples,
    Sampling,
    TellsDevice,
    TurnDetector,
    VoiceStyle,
)
from myna.engines.held import Choice
from myna.engines.samples import resample
from myna.weights.recommend import NEEDED_TOKENS_PER_S

SENTENCES: Mapping[str, str] = {
    "zh": "今天天气很好，我们一起去公园散步吧。",
    "en": "The weather is lovely today, so let us go for a walk in the park.",
}
CLAUSES: Mapping[str, str] = {"zh": "很高兴认识你！", "en": "It is nice to meet you!"}
"""What a reply may begin with: its first sound."""

CLAUSE_TOKENS = 8
"""In such a clause."""

SYSTEM = "You are a friendly assistant."
COUNT = "请从一数到四十，用汉字，中间用逗号隔开。"
"""Has any model write tokens enough to time."""

COUNTED_TOKENS = 48

RIGHT_WORDS = 0.8
"""From this likeness on, what was heard counts as what was said."""

SHORTEST_S = 1e-3
"""No time is taken for shorter, so that no speed is endless."""

SLOW_FIRST_TOKEN_S = 2.0
SLOW_REPLY_S = 3.0
SPEECH = 0.5
"""From this probability on, a frame counts as speech."""

BREAKS_OFF = 0.6
"""Where a sentence of `SENTENCES` goes on for sure: after so much of its time."""

SLOW_TURN_S = 0.3
"""A pause in which an utterance may end is that short."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the TTS said: mono ``samples`` at ``rate`` Hz; and how long its first sound of a reply took."""

    text: str
    samples: Samples
    rate: int
    first_sound_s: float

    @property
    def audio_s(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


@asynccontextmanager
async def _opened(choice: Choice, resources: Resources) -> AsyncGenerator[tuple[Any, float]]:
    """The engine, and how long it took to load."""
    began = anyio.current_time()
    async with choice.plugin.open(choice.options, resources) as engine:
        yield engine, anyio.current_time() - began


def _where(engine: object) -> str:
    """Where it computes, in words, if it tells."""
    if not isinstance(engine, TellsDevice):
        return ""
    return ", on the CPU" if engine.device == "cpu" else ", on the GPU"


async def llm(choice: Choice, resources: Resources, timings: dict[str, float]) -> Sequence[Finding]:
    """Have the LLM write; its time to the first token of a second turn and to a first clause go into ``timings``."""
    async with _opened(choice, resources) as (engine, load_s):
        cold_s, _ = await _write(engine, "你好！", 8)
        first_s, per_s = await _write(engine, COUNT, COUNTED_TOKENS)
        model, where = engine.info.model, _where(engine)
    timings["llm"] = first_s + CLAUSE_TOKENS / per_s
    verdict: Verdict = "ok"
    meaning, advice = "It writes faster than anybody speaks.", ""
    if per_s < NEEDED_TOKENS_PER_S:
        verdict, meaning = "warning", f"Speech needs {NEEDED_TOKENS_PER_S:g} tokens/s: long replies will pause."
    elif first_s > SLOW_FIRST_TOKEN_S:
        verdict, meaning = "warning", "Replies begin late."
    if verdict == "warning":
        advice = "Take a smaller model (myna models recommend), or close what else uses the CPU."
    return [
        Finding(
            "llm",
            verdict,
            f"{model} writes {per_s:.0f} tokens/s, the first after {first_s:.2f} s; loads in {load_s:.1f} s{where}",
            meaning,
            advice,
            {
                "engine": choice.name,
                "model": model,
                "tokens_per_s": per_s,
                "first_token_s": first_s,
                "first_token_of_new_conversation_s": cold_s,
                "load_s": load_s,
            },
        )
    ]


async def fallback(name: str, choice: Choice, resources: Resources) -> Sequence[Finding]:
    """Have an LLM write that answers where another does not; ``name`` is what the check is called."""
    return [replace(finding, check=name) for finding in await llm(choice, resources, {})]


async def _write(engine: LLM, text: str, max_tokens: int) -> tuple[float, float]:
    """Seconds to the first token, and tokens per second after it.

    Raises:
        EngineRefused: Nothing came.
    """
    messages = (LLMMessage("system", SYSTEM), LLMMessage("user", text))
    request = LLMRequest(messages, Sampling(temperature=0, max_tokens=max_tokens), reasoning=False)
    times = [anyio.current_time()]
    tokens = 0
    async with aclosing(engine.generate(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, Finished):
                tokens = delta.usage.completion_tokens if delta.usage else 0
            elif not isinstance(delta, Loading | FailedOver):
                times.append(anyio.current_time())
    if len(times) == 1:
        raise EngineRefused(f"{engine.info.model} writes nothing.", hint="Is it a model for conversations?")
    began, first, *_ = times
    tokens = tokens or len(times) - 1
    if len(times) == 2:  # it came in one piece
        return first - began, tokens / max(first - began, SHORTEST_S)
    return first - began, (tokens - 1) / max(times[-1] - first, SHORTEST_S)


async def tts(choice: Choice, resources: Resources, spoken: dict[str, Spoken]) -> Sequence[Finding]:
    """Have the TTS speak a sentence of each language that it has of `SENTENCES`; it goes into ``spoken``."""
    findings: list[Finding] = []
    async with _opened(choice, resources) as (engine, load_s):
        for language, text in SENTENCES.items():
            if language in engine.info.languages:
                findings.append(await _say(engine, language, text, load_s, spoken))
    if not findings:
        told = f"{engine.info.model} speaks {', '.join(sorted(engine.info.languages))}; this check has no text for it"
        findings.append(Finding("tts", "ok", told))
    return findings


async def _say(engine: TTS, language: str, text: str, load_s: float, spoken: dict[str, Spoken]) -> Finding:
    voices = engine.info.voices
    voice = next((each.name for each in voices if language in each.languages), voices[0].name if voices else "default")
    style = VoiceStyle(voice)
    _, first_s, _ = await _synthesize(engine, CLAUSES[language], style, language)
    samples, _, took_s = await _synthesize(engine, text, style, language)
    if not len(samples):
        return Finding(f"tts {language}", "problem", f"{engine.info.model} says nothing", "Replies stay silent.")
    spoken[language] = Spoken(text, samples, engine.info.sample_rate, first_s)
    audio_s = len(samples) / engine.info.sample_rate
    factor = took_s / audio_s
    slow = factor >= 1
    return Finding(
        f"tts {language}",
        "warning" if slow else "ok",
        f"{voice} takes {factor:.2f} s for a second of speech, {first_s:.2f} s to the first sound; loads in "
        f"{load_s:.1f} s{_where(engine)}",
        "There are gaps between sentences." if slow else "",
        "Close what else uses the CPU, or give Myna more cores." if slow else "",
        {
            "model": engine.info.model,
            "voice": voice,
            "real_time_factor": factor,
            "first_sound_s": first_s,
            "load_s": load_s,
        },
    )


async def _synthesize(engine: TTS, text: str, style: VoiceStyle, language: str) -> tuple[Samples, float, float]:
    """The speech, seconds to its first piece, and seconds in all."""
    began = anyio.current_time()
    first_s = 0.0
    pieces: list[Samples] = [np.zeros(0, np.float32)]
    async with aclosing(engine.synthesize(text, style, language=language)) as speech:
        async for piece in speech:
            first_s = first_s or anyio.current_time() - began
            pieces.append(piece.samples)
    return np.concatenate(pieces), first_s, anyio.current_time() - began


async def asr(
    choice: Choice, resources: Resources, spoken: Mapping[str, Spoken], timings: dict[str, float]
) -> Sequence[Finding]:
    """Have the ASR hear what the TTS said: whether the words are right proves both."""
    if not spoken:
        return [Finding("asr", "warning", "not tried", "The TTS said nothing that could be heard.", "Mend it first.")]
    findings: list[Finding] = []
    async with _opened(choice, resources) as (engine, load_s):
        for language, said in spoken.items():
            if not engine.info.languages or language in engine.info.languages:
                findings.append(await _hear(engine, language, said, load_s, timings))
    return findings


async def _hear(engine: ASR, language: str, said: Spoken, load_s: float, timings: dict[str, float]) -> Finding:
    samples = resample(said.samples, said.rate, engine.info.sample_rate)
    began = anyio.current_time()
    heard = (await engine.transcribe(samples, ASROptions(language=language))).text
    took_s = timings[f"asr {language}"] = anyio.current_time() - began
    factor = took_s / said.audio_s
    like = likeness(said.text, heard)
    verdict: Verdict = "ok" if like >= RIGHT_WORDS else "warning" if like >= RIGHT_WORDS / 2 else "problem"
    meaning = "The words are right." if verdict == "ok" else f"It heard “{heard}”, where “{said.text}” was said."
    advice = "" if verdict == "ok" else "Check the weights: myna doctor --deep. Or take a larger model."
    if verdict == "ok" and factor >= 1:
        verdict, meaning = "warning", "It hears slower than people speak."
        advice = "Take a smaller model, or close what else uses the CPU."
    return Finding(
        f"asr {language}",
        verdict,
        f"{engine.info.model} hears a sentence in {took_s:.2f} s, {factor:.2f} s for a second of speech; loads in "
        f"{load_s:.1f} s{_where(engine)}",
        meaning,
        advice,
        {
            "model": engine.info.model,
            "real_time_factor": factor,
            "heard_s": took_s,
            "likeness": like,
            "said": said.text,
            "heard": heard,
            "load_s": load_s,
        },
    )


def likeness(said: str, heard: str) -> float:
    """How like two texts are, from 0 to 1, by their letters and digits alone."""
    first, second = ("".join(filter(str.isalnum, text.casefold())) for text in (said, heard))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


async def vad(choice: Choice, resources: Resources, spoken: Mapping[str, Spoken]) -> Sequence[Finding]:
    """Have the VAD judge silence, and what the TTS said."""
    said = next(iter(spoken.values()), None)
    async with _opened(choice, resources) as (opened, load_s):
        engine: VAD = opened
        silence, _ = await _judge(engine, np.zeros(engine.info.sample_rate, np.float32))
        figures: dict[str, object] = {"model": engine.info.model, "load_s": load_s, "silence_share": silence}
        if said is None:
            told = "Only silence was tried: the TTS said nothing."
            return [Finding("vad", "warning", f"loads in {load_s:.1f} s", told, figures=figures)]
        speech, took_s = await _judge(engine, resample(said.samples, said.rate, engine.info.sample_rate))
    factor = took_s / said.audio_s
    right = speech > SPEECH and not silence
    return [
        Finding(
            "vad",
            "ok" if right else "problem",
            f"{engine.info.model} takes {factor:.3f} s for a second; {speech:.0%} of speech counts as such, "
            f"{silence:.0%} of silence",
            "" if right else "Speech would not be noticed, or silence be taken for it.",
            "" if right else "Check the weights: myna doctor --deep",
            figures | {"speech_share": speech, "real_time_factor": factor},
        )
    ]


async def _judge(engine: VAD, samples: Samples) -> tuple[float, float]:
    """The share of frames that count as speech, and the seconds that it took."""
    began = anyio.current_time()
    probabilities = await engine.stream().feed(samples)
    return float(np.mean(np.asarray(probabilities) > SPEECH)), anyio.current_time() - began


async def turn(choice: Choice, resources: Resources, spoken: Mapping[str, Spoken]) -> Sequence[Finding]:
    """Have the turn detector judge what the TTS said: each sentence as a whole, and as it breaks off."""
    if not spoken:
        return [Finding("turn", "warning", "not tried", "The TTS said nothing that could be judged.", "Mend it first.")]
    async with _opened(choice, resources) as (opened, load_s):
        engine: TurnDetector = opened
        whole: dict[str, float] = {}
        begun: dict[str, float] = {}
        took_s = 0.0
        for language, said in spoken.items():
            samples = resample(said.samples, said.rate, engine.sample_rate)
            began = anyio.current_time()
            whole[language] = await engine.completeness(samples, said.text)
            took_s = max(took_s, anyio.current_time() - began)
            first = samples[: round(BREAKS_OFF * len(samples))]
            begun[language] = await engine.completeness(first, said.text[: round(BREAKS_OFF * len(said.text))])
    wrong = [language for language in spoken if whole[language] <= begun[language]]
    verdict: Verdict = "warning" if wrong or took_s > SLOW_TURN_S else "ok"
    meaning = "Replies begin late." if took_s > SLOW_TURN_S else ""
    advice = "Close what else uses the CPU, or set turn.engine to none." if meaning else ""
    if wrong:
        meaning = f"In {', '.join(wrong)} a sentence that breaks off sounds more complete than one that is over."
        advice = "Check the weights: myna doctor --deep"
    told = ", ".join(f"{each} {whole[each]:.0%} and {begun[each]:.0%}" for each in spoken)
    return [
        Finding(
            "turn",
            verdict,
            f"{choice.name} takes {took_s * 1000:.0f} ms; sentences that are over and that break off are complete at "
            f"{told}; loads in {load_s:.1f} s",
            meaning,
            advice,
            {"engine": choice.name, "judge_ms": took_s * 1000, "whole": whole, "breaks_off": begun, "load_s": load_s},
        )
    ]


async def embed(choice: Choice, resources: Resources) -> Sequence[Finding]:
    """Have the embedder find the passage that answers a question among two."""
    async with _opened(choice, resources) as (engine, load_s):
        embedder: Embedder = engine
        passages = await embedder.embed(["我养了一只叫小白的猫。", "明天下午三点有个会议。"], "passage")
        began = anyio.current_time()
        (question,) = await embedder.embed(["我的宠物叫什么名字？"], "query")
        took_s = anyio.current_time() - began
        pet, meeting = passages @ question
    right = bool(pet > meeting)
    return [
        Finding(
            "embed",
            "ok" if right else "problem",
            f"{choice.name} takes {took_s * 1000:.0f} ms for a question; loads in {load_s:.1f} s",
            "" if right else "It does not tell a passage that answers a question from one that does not.",
            "" if right else "Reinstall the engine's package.",
            {"engine": choice.name, "embed_ms": took_s * 1000, "dimensions": embedder.dimensions, "load_s": load_s},
        )
    ]


def reply(timings: Mapping[str, float], spoken: Mapping[str, Spoken]) -> Sequence[Finding]:
    """What the timings of the parts, one after the other, mean for a reply; nothing where a part is missing."""
    totals = {
        language: timings[f"asr {language}"] + timings["llm"] + said.first_sound_s
        for language, said in spoken.items()
        if "llm" in timings and f"asr {language}" in timings
    }
    if not totals:
        return []
    slow = max(totals.values()) > SLOW_REPLY_S
    told = ", ".join(f"{language} {seconds:.1f} s" for language, seconds in totals.items())
    return [
        Finding(
            "reply",
            "warning" if slow else "ok",
            f"hearing, a first clause and its sound: {told}",
            f"Replies begin about {max(totals.values()):.0f} s after an utterance is over."
            if max(totals.values()) >= 1
            else "Replies begin within a second after an utterance is over.",
            "Close what else uses the CPU, or take smaller models." if slow else "",
            {"first_sound_s": totals},
        )
    ]
