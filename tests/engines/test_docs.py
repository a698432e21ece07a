"""The example of ``docs/engines.md`` is an engine."""

import re
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from myna.engines import plugins
from myna.engines.base import Resources, VoiceStyle
from myna.engines.scheduler import open_scheduler
from myna.weights.locate import Weights

PAGE = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")


@pytest.mark.anyio
async def test_the_example_is_found_opened_and_speaks(install: Callable[..., Path], weights: Weights) -> None:
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    name, entry_point = re.findall(r'^(beep) = "(.*)"$', PAGE, re.MULTILINE)[0]
    install("myna_beep", source, {"myna.tts": f"{name} = {entry_point}"})
    plugin = plugins.load("tts", name)
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(plugin.options_model(), Resources(weights, scheduler)) as tts,
        aclosing(tts.synthesize("two beeps", VoiceStyle("beep"))) as stream,
    ):
        lengths = [len(speech.samples) async for speech in stream]
    assert lengths == [int(0.15 * tts.info.sample_rate)] * 2
