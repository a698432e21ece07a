"""A spoken turn over the line: recorded speech, played in real time, until the first sound of the reply arrives.

``python -m benchmarks.voice [--recordings FOLDER] [--every N] [--runs N] [--json] [--picture FILE]``

Counted from the end of speech in the file. The clips are heard three ways in turn: with a fixed silence (`WAIT_MS`)
that ends the utterance, as Myna is configured, and, without a line or a wait, by the same model calls alone
(`benchmarks.turn`). All take the likeliest tokens. What happened when is told by Myna's own ``myna.timing``.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import numpy as np
from benchmarks.picture import waterfall
from benchmarks.realtime_client import FRAME_MS, Arrived, frames, open_client
from benchmarks.report import Report, Table, Target, medians, percentile, positive, run
from benchmarks.server import serving
from benchmarks.turn import PERSONA, RECORDINGS, Bench

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import read_audio
from myna.personas.load import Personas
from myna.server.service import open_service
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

WAIT_MS = 480
"""The silence that is set. Whole frames of the client's and of the VAD's."""

DETECTIONS: Mapping[str, Mapping[str, object] | None] = {
    f"{WAIT_MS} ms of silence": {"type": "server_vad", "silence_duration_ms": WAIT_MS},
    "as configured": None,
}

SETTINGS = {"MYNA_LLM__TEMPERATURE": "0", "MYNA_ASR__LANGUAGE": "zh"}

QUIET = 10 ** (-30 / 20)
"""Of the loudest 50 ms of a clip: what is below that, behind all that is not, is no speech any more."""

STAGES = ("heard", "first_token", "first_segment", "first_audio")
"""Of ``myna.timing``, whose times count from the last sample that Myna took for speech."""

ANSWERED_S = 60.0
_BLOCK = HEARING_RATE // 100


def speech_end_s(samples: Samples) -> float:
    """Where speech ends in a clip."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    level = np.sqrt(np.mean(np.square(blocks), axis=1))
    loudest = np.convolve(level, np.ones(5) / 5, "same").max()
    return float(np.flatnonzero(level >= QUIET * loudest)[-1] + 1) * _BLOCK / HEARING_RATE


async def live(url: str, samples: Samples, turn_detection: Mapping[str, object] | None) -> dict[str, float]:
    """What came when, in seconds since the end of speech in the clip."""
    async with open_client(
        f"{url}?model=myna/{PERSONA}", turn_detection=turn_detection, events=["timing"], loudspeaker=False
    ) as client:
        await anyio.sleep(0.5)
        said = frames(samples)
        end_s = client.say(said) + speech_end_s(samples)
        within_s = len(said) * FRAME_MS / 1000 + ANSWERED_S
        sound = await client.until(lambda come: come.audible, since_s=end_s, within_s=within_s)
        if sound is None:
            raise SystemExit("A clip was not answered.")
        await client.until(
            lambda come: come.type == "myna.timing" and come.event["stage"] == "first_audio", since_s=end_s, within_s=5
        )
        events = client.since(end_s)
    return stages(events, end_s) | {"sound": sound.at_s - end_s}


def stages(events: Sequence[Arrived], end_s: float) -> dict[str, float]:
    """When each stage was reached, in seconds since ``end_s``; those of the silence are told when it is over."""
    over_s = [come.at_s - end_s for come in events if come.type == "input_audio_buffer.speech_stopped"]
    timings = [come for come in events if come.type == "myna.timing"]
    ended_s = min((come.at_s - come.event["at_ms"] / 1000 for come in timings), default=end_s)
    told = {come.event["stage"]: ended_s + come.event["at_ms"] / 1000 - end_s for come in timings}
    return {"over": over_s[0]} | {stage: told[stage] for stage in STAGES if stage in told}


async def take_turns(url: str, clips: Sequence[Samples], runs: int) -> list[Table]:
    """Every clip each way in each run."""
    loaded = load_settings({"llamacpp": {"slots": 1, "prompt_cache_mib": 0}})
    weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    personas = Personas(loaded.folders.config / "personas")
    async with open_service(loaded, ("llm", "asr", "tts"), weights, personas) as service:
        await service.engines.settled()
        persona = service.persona(PERSONA)
        options = service.session_options(persona, temperature=0.0)
        options = replace(options, preferences=replace(options.preferences, language="zh"))
        bench = Bench(service, persona, options)
        await bench.alone(clips[-1])  # does not count
        tables: list[Table] = []
        for _ in range(runs):
            ways: dict[str, list[dict[str, float]]] = {name: [] for name in (*DETECTIONS, "alone")}
            for clip in clips:
                for name, detection in DETECTIONS.items():
                    ways[name].append(await live(url, clip, detection))
                ways["alone"].append(_as_stages(await bench.alone(clip)))
            tables.append({name: _figures(took) for name, took in ways.items()})
    return tables


def _as_stages(alone: Mapping[str, float]) -> dict[str, float]:
    heard_s = alone["heard, s"]
    return {
        "heard": heard_s,
        "first_segment": heard_s + alone["first segment after that, s"],
        "sound": alone["all, s"],
    }


def _figures(took: Sequence[Mapping[str, float]]) -> dict[str, float]:
    told = [stage for stage in ("over", *STAGES) if all(stage in one for one in took)]
    return {
        **{f"{stage.replace('_', ' ')}, s": percentile([one[stage] for one in took], 0.5) for stage in told},
        "sound, p50, s": percentile([one["sound"] for one in took], 0.5),
        "sound, p95, s": percentile([one["sound"] for one in took], 0.95),
    }


def measure(wanted: Namespace) -> Report:
    files = sorted(wanted.recordings.glob("*.wav"))[:: wanted.every]
    if len(files) < 2:
        raise SystemExit(f"{wanted.recordings} has too few WAV files; at least 2 are needed.")
    clips = [read_audio(file, HEARING_RATE) for file in files]
    with serving(SETTINGS) as server:
        table = medians(anyio.run(take_turns, server.realtime, clips, wanted.runs))
    fixed, configured = (table[name]["sound, p50, s"] for name in DETECTIONS)
    alone = table["alone"]["sound, p50, s"]
    allowed = WAIT_MS / 1000 + alone
    return Report(
        "End of speech in the file to the first sound that arrives",
        table,
        packages=("faster-whisper", "xllamacpp", "onnxruntime", "websockets"),
        targets=(Target(f"first sound, p50 ÷ ({WAIT_MS} ms + the calls alone)", fixed / allowed, "at most", 1.0),),
        notes=(
            f"as configured, ÷ the calls alone: {configured / alone:.2f}",
            f"{len(clips)} clips; over: the utterance was; what comes before that was done in the silence",
        ),
        draw=waterfall(
            {
                way: {column.removesuffix(", s"): at_s for column, at_s in figures.items() if "p95" not in column}
                for way, figures in table.items()
            },
            "seconds since the end of speech",
        ),
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--recordings", type=Path, default=RECORDINGS, help="a folder of WAV files, one utterance each")
    parser.add_argument("--every", type=positive, default=1, help="of the recordings, for a quick look")


def main(arguments: Sequence[str] | None = None) -> None:
    run("voice", measure, arguments, runs=1, add_options=add_options)


if __name__ == "__main__":
    main()
