"""Chromium, with a microphone that hears a file, and a loudspeaker whose sound is kept."""

import base64
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from playwright.sync_api import BrowserContext, Page, sync_playwright
from tests import debian

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples

PACKAGES = ("chromium", "fonts-noto-color-emoji", "fonts-wqy-microhei")
CHROMIUM = "/usr/bin/chromium"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 120_000
"""A machine that others keep busy is no failure."""
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "zh-dark-phone": {
        "locale": "zh-CN",
        "color_scheme": "dark",
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
    },
}
"""Both languages, both themes, a desk and a hand: what a page has to be usable in."""
LEAD_S = 0.5
"""Silence before what the microphone hears: a microphone takes a moment to open."""

# What an element plays is recorded; ``tap()`` gives it, as WebM in base64, from the call before on.
_TAP = """
(() => {
  const setter = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject')
  let recorder, chunks
  const record = (stream) => {
    chunks = []
    recorder = new MediaRecorder(stream, { mimeType: 'audio/webm;codecs=opus', audioBitsPerSecond: 96000 })
    recorder.ondataavailable = ({ data }) => chunks.push(data)
    recorder.start()
  }
  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    ...setter,
    set(stream) { setter.set.call(this, stream); if (stream) record(stream) },
  })
  window.tap = async () => {
    if (!recorder) return ''
    const stopped = new Promise((done) => { recorder.onstop = done })
    recorder.stop()
    await stopped
    const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer())
    record(recorder.stream)
    let text = ''
    for (const byte of bytes) text += String.fromCharCode(byte)
    return btoa(text)
  }
})()
"""


@dataclass(frozen=True)
class Tab:
    """A page of the web app.

    Attributes:
        problems: What went wrong in it: errors of scripts, and what the Content-Security-Policy refused.
        microphone: The file that the microphone hears, anew whenever it is opened.
    """

    page: Page
    problems: list[str]
    microphone: Path

    def hear(self, samples: Samples) -> None:
        """Have the microphone hear this, at 16 kHz, and then silence, when it is opened the next time."""
        lead = np.zeros(round(LEAD_S * HEARING_RATE), np.float32)
        soundfile.write(self.microphone, np.concatenate([lead, samples]), HEARING_RATE, subtype="PCM_16")

    def speak(self, samples: Samples) -> None:
        """Open the microphone, and have it hear this, at 16 kHz, and then silence."""
        self.hear(samples)
        self.page.get_by_role("button", name="microphone on").click()

    def played(self) -> Samples:
        """What the page has played since it was asked before, at 16 kHz."""
        webm = base64.b64decode(self.page.evaluate("tap()"))
        if not webm:
            return np.zeros(0, np.float32)
        resampler = av.AudioResampler("flt", "mono", HEARING_RATE)
        with av.open(BytesIO(webm), "r") as file:
            pieces = [out.to_ndarray()[0] for frame in file.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def wait(self, condition: Callable[[], Any], within_s: float = 120) -> None:
        """Until it holds: machines differ."""
        until = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < until, f"{self.page.inner_text('body')}\n{self.problems}"
            self.page.wait_for_timeout(50)

    def violations(self) -> list[str]:
        """What axe finds to be hard to use with a screen reader, or hard to see."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate("axe.run()")
        return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]


FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""A microphone that hears a file, and that every page may use."""


@contextmanager
def open_browser(folder: Path, arguments: Sequence[str] = FAKE_MICROPHONE) -> Generator[Callable[..., Tab]]:
    """A function that opens tabs.

    Its arguments are those of Playwright's ``new_context``, and ``prepare``, which is called with the context before
    the page is opened.

    Args:
        folder: Where the file is that the microphone hears.
        arguments: Of Chromium.
    """
    debian.ensure(*PACKAGES)
    microphone = folder / "microphone.wav"
    soundfile.write(microphone, np.zeros(HEARING_RATE, np.float32), HEARING_RATE, subtype="PCM_16")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                *arguments,
                f"--use-file-for-fake-audio-capture={microphone}%noloop",
            ],
        )

        def open_tab(url: str, prepare: Callable[[BrowserContext], None] | None = None, **options: Any) -> Tab:
            usual: dict[str, Any] = {"locale": "en-US", "viewport": {"width": 1100, "height": 800}}
            context = browser.new_context(**usual | options)
            context.set_default_timeout(PATIENCE_MS)
            context.add_init_script(_TAP)
            if prepare is not None:
                prepare(context)
            page = context.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
            page.goto(url)
            return Tab(page, problems, microphone)

        try:
            yield open_tab
        finally:
            browser.close()
