"""One spoken turn until its first sound, against the same three model calls run alone, one after another.

``python -m benchmarks.turn [--runs N] [--json] [--picture FILE]``

Alone means: a whole transcription, then the LLM until its first segment is there, then the speech of that segment until
its first audible sample; nothing else runs meanwhile. Both ways get the same prompt and take the likeliest tokens, so
they say the same. They take turns, no utterance follows itself, and the LLM has one slot and no other cache, so what it
finds there is the persona's part of the prompt for both. The stages of a turn are told by its own events.
"""

import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import numpy as np
from benchmarks.report import Report, Table, Target, medians, run

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.core.commands import AppendAudio, CommitAudio
from myna.core.events import Failed, ReplyAudio, StageTimed, TurnEnded
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.core.reply import Segment
from myna.engines.base import ASROptions, LLMRequest, Samples, TextDelta
from myna.engines.samples import from_pcm16, read_audio, to_pcm16
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.server.service import Service, open_service
from myna.session.history import recent
from myna.session.options import SessionEngines, SessionOptions
from myna.session.prompt import build_prompt
from myna.session.session import open_session
from myna.session.speak import speak
from myna.session.think import think
from myna.store.in_memory import InMemoryStore
from myna.text.reply import ReplyParser
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "speech"
PERSONA = "assistant-zh"
AUDIBLE = 10 ** (-40 / 20)
"""Of full scale."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What both ways work with."""

    service: Service
    persona: Persona
    options: SessionOptions

    @property
    def engines(self) -> SessionEngines:
        """The engines, which are the same for both."""
        engines = self.service.engines
        return SessionEngines(engines.llm, engines.asr, engines.tts)

    async def alone(self, samples: Samples) -> dict[str, float]:
        """The three calls, one after another; seconds since the begin."""
        asr, tts = self.engines.asr, self.engines.tts
        assert asr is not None
        assert tts is not None
        began = time.perf_counter()
        heard = await asr.transcribe(samples, ASROptions(language=self.options.preferences.language))
        heard_s = time.perf_counter() - began
        prompt = build_prompt(self.persona, recent((), 1), heard.text, emotions=self.options.emotions, template=None)
        segment = await self._first_segment(LLMRequest(prompt.messages, self.options.sampling))
        segment_s = time.perf_counter() - began
        voice = speak(tts, segment, self.persona.style_for, self.options.limits, first=True)
        async with aclosing(voice) as pieces:
            async for piece in pieces:
                if audible(piece.samples):
                    break
        return _seconds(heard_s, segment_s, time.perf_counter() - began)

    async def _first_segment(self, request: LLMRequest) -> Segment:
        parser = ReplyParser(self.options.emotions)
        llm = self.engines.llm
        assert llm is not None
        async with aclosing(think(llm, request, self.options.emotions, self.options.limits)) as deltas:
            async for delta in deltas:
                items = parser.feed(delta.text) if isinstance(delta, TextDelta) else parser.finish()
                for item in items:
                    if isinstance(item, Segment):
                        return item
        raise RuntimeError("The LLM said nothing.")

    async def turn(self, samples: Samples) -> dict[str, float]:
        """A turn of a session; seconds since the utterance was committed."""
        conversation, store = Conversation(new_conversation_id(), self.persona.id), InMemoryStore()
        await store.create(conversation)
        stages: dict[str, float] = {}
        async with open_session(conversation, self.persona, self.engines, store, self.options) as session:
            await session.send(AppendAudio(to_pcm16(samples)))
            began = time.perf_counter()
            await session.send(CommitAudio())
            async for event in session:
                match event:
                    case StageTimed(stage=stage):
                        stages.setdefault(stage, time.perf_counter() - began)
                    case ReplyAudio(pcm=pcm) if audible(from_pcm16(pcm)):
                        return _seconds(stages["heard"], stages["first_segment"], time.perf_counter() - began)
                    case Failed(message=message):
                        raise RuntimeError(message)
                    case TurnEnded():
                        break
                    case _:
                        pass
        raise RuntimeError("The reply was not spoken.")


def _seconds(heard_s: float, segment_s: float, sound_s: float) -> dict[str, float]:
    return {
        "heard, s": heard_s,
        "first segment after that, s": segment_s - heard_s,
        "first sound after that, s": sound_s - segment_s,
        "all, s": sound_s,
    }


def audible(samples: Samples) -> bool:
    return bool(np.any(np.abs(samples) > AUDIBLE))


async def take_turns(runs: int, utterances: list[Samples]) -> list[Table]:
    """Every utterance both ways in each run, after one run that does not count; the medians of each run."""
    loaded = load_settings({"llamacpp": {"slots": 1, "prompt_cache_mib": 0}})
    weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    personas = Personas(loaded.folders.config / "personas")
    async with open_service(loaded, ("llm", "asr", "tts"), weights, personas) as service:
        await service.engines.settled()
        persona = service.persona(PERSONA)
        options = service.session_options(persona, temperature=0.0)
        options = replace(options, preferences=replace(options.preferences, language="zh"))
        bench = Bench(service, persona, options)
        tables: list[Table] = []
        for _ in range(runs + 1):
            took = [
                {"alone": await bench.alone(one), "turn": await bench.turn(other)}
                for one, other in zip(utterances, utterances[2:] + utterances[:2], strict=True)
            ]
            tables.append(medians(took))
    return tables[1:]


def measure(wanted: Namespace) -> Report:
    utterances = [read_audio(file, HEARING_RATE) for file in sorted(wanted.recordings.glob("*.wav"))]
    if len(utterances) < 4:
        raise SystemExit(f"{wanted.recordings} has {len(utterances)} WAV files; at least 4 are needed.")
    table = medians(anyio.run(take_turns, wanted.runs, utterances))
    ratio = table["turn"]["all, s"] / table["alone"]["all, s"]
    return Report(
        "End of speech to first sound: a turn, and its model calls alone",
        table,
        packages=("faster-whisper", "xllamacpp", "onnxruntime"),
        targets=(Target("first sound of a turn ÷ the same calls alone", ratio, "at most", 1.05),),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run(
        "turn",
        measure,
        arguments,
        runs=3,
        add_options=lambda parser: parser.add_argument(
            "--recordings", type=Path, default=RECORDINGS, help="a folder of WAV files, one utterance each"
        ),
    )


if __name__ == "__main__":
    main()
