"""How long speech takes to make, against how long it lasts: a first clause, and a sentence, in both languages.

``python -m benchmarks.tts [--runs N] [--json] [--picture FILE]``
"""

import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import aclosing

import anyio
from benchmarks.report import Report, Table, medians, run

from myna.config.load import load_settings
from myna.engines.base import TTS, Resources, VoiceStyle
from myna.engines.scheduler import open_scheduler
from myna.engines.tts.kokoro import KokoroOptions, plugin
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

TEXTS = {
    "zh clause": ("zf_xiaobei", "今天天气真不错，"),
    "zh sentence": ("zf_xiaobei", "我们吃完饭以后一起去公园散步，顺便看看湖边的荷花开了没有。"),
    "en clause": ("af_heart", "The weather is lovely today,"),
    "en sentence": ("af_heart", "so after lunch we could walk in the park and see whether the roses are in bloom."),
}


async def speak(tts: TTS, voice: str, text: str) -> dict[str, float]:
    """Make a text's speech."""
    began, first_s, samples = time.perf_counter(), 0.0, 0
    async with aclosing(tts.synthesize(text, VoiceStyle(voice))) as stream:
        async for speech in stream:
            first_s = first_s or time.perf_counter() - began
            samples += len(speech.samples)
    made_s, lasts_s = time.perf_counter() - began, samples / tts.info.sample_rate
    return {
        "first audio, s": first_s,
        "all of it, s": made_s,
        "lasts, s": lasts_s,
        "real-time factor": made_s / lasts_s,
    }


async def speak_all(runs: int) -> Sequence[Table]:
    """Every text once a run, after one run that does not count."""
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(KokoroOptions(), Resources(weights, scheduler)) as tts,
    ):
        tables = [{name: await speak(tts, *what) for name, what in TEXTS.items()} for _ in range(runs + 1)]
    return tables[1:]


def measure(wanted: Namespace) -> Report:
    tables = anyio.run(speak_all, wanted.runs)
    return Report("Speech: a first clause and a sentence", medians(tables), packages=("onnxruntime",))


def main(arguments: Sequence[str] | None = None) -> None:
    run("tts", measure, arguments, runs=5)


if __name__ == "__main__":
    main()
