"""How long speech takes to make, against how long it lasts: a first clause, and a sentence, in both languages.

``python -m benchmarks.tts [--runs N] [--json]``
"""

import argparse
import json
import statistics
import time
from contextlib import aclosing

import anyio
from benchmarks.machine import describe

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


async def speak(tts: TTS, voice: str, text: str) -> tuple[float, float]:
    """Seconds to make a text's speech, and seconds that it lasts."""
    began, samples = time.perf_counter(), 0
    async with aclosing(tts.synthesize(text, VoiceStyle(voice))) as stream:
        async for speech in stream:
            samples += len(speech.samples)
    return time.perf_counter() - began, samples / tts.info.sample_rate


async def measure(runs: int) -> dict[str, tuple[float, float]]:
    """Medians of both, by what was spoken."""
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(KokoroOptions(), Resources(weights, scheduler)) as tts,
    ):
        times = {name: [await speak(tts, *what) for _ in range(runs)] for name, what in TEXTS.items()}
    return {
        name: (statistics.median(made for made, _ in of), statistics.median(lasts for _, lasts in of))
        for name, of in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    measured = anyio.run(measure, wanted.runs)
    machine = describe("onnxruntime")
    if wanted.json:
        rows = {name: {"made_s": made, "lasts_s": lasts} for name, (made, lasts) in measured.items()}
        print(json.dumps({"machine": machine, "runs": wanted.runs, "medians": rows}, ensure_ascii=False))
        return
    print(machine)
    print(f"{'':12} {'made':>8} {'lasts':>8} {'ratio':>6}")
    for name, (made, lasts) in measured.items():
        print(f"{name:12} {made:7.2f}s {lasts:7.2f}s {made / lasts:6.2f}")


if __name__ == "__main__":
    main()
