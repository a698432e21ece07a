"""What the page plays and when, sample by sample: all times are those of the audio, so no clock is in them."""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from playwright.sync_api import BrowserContext, Page

from myna.engines.base import Samples

RATE = 24_000
"""Of what the page plays, in Hz."""

HELD_BACK_MS = 50
"""By the media element, as `web/src/audio/loudspeaker.ts` knows it: so much later it is heard."""

# Runs beside the player: hands over the samples that it is given, with the number of the first.
_WORKLET = """
registerProcessor('tap', class extends AudioWorkletProcessor {
  constructor() {
    super()
    this.port.onmessage = ({ data }) => this.port.postMessage(data)
    this.blocks = []
  }
  process([[samples]]) {
    this.blocks.push(samples ? samples.slice() : new Float32Array(128))
    if (this.blocks.length === 8) {
      this.port.postMessage({ from: currentFrame - 7 * 128, blocks: this.blocks })
      this.blocks = []
    }
    return true
  }
})
"""

# Whatever goes to a MediaStreamAudioDestinationNode, which is all that the page plays, is tapped; orders to the player
# and the element's muting are noted with the time of the audio.
_SCRIPT = """
(() => {
  const sink = { from: null, samples: [], given: [], orders: [], muted: [], mouth: [], context: null, element: null }
  window.sink = sink
  window.tapUrl = URL.createObjectURL(new Blob([WORKLET], { type: 'text/javascript' }))
  const now = (context) => Math.round(context.currentTime * context.sampleRate)
  const Node = window.AudioWorkletNode
  const connect = AudioNode.prototype.connect
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof MediaStreamAudioDestinationNode) tap(this)
    return connect.call(this, to, ...rest)
  }
  const tap = async (source) => {
    sink.context = source.context
    await source.context.audioWorklet.addModule(tapUrl)
    const node = new Node(source.context, 'tap', { numberOfOutputs: 0, channelCount: 1 })
    node.port.onmessage = ({ data }) => {
      sink.from ??= data.from
      for (const block of data.blocks) sink.samples.push(block)
    }
    connect.call(source, node)
  }
  window.AudioWorkletNode = class extends Node {
    constructor(context, name, options) {
      super(context, name, options)
      if (name !== 'myna-player') return
      const post = this.port.postMessage.bind(this.port)
      this.port.postMessage = (order, moved) => {
        if (order.samples) sink.given.push(order.samples.slice())
        else sink.orders.push({ do: order.do, at: now(context) })
        post(order, moved)
      }
    }
  }
  const muted = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'muted')
  Object.defineProperty(HTMLMediaElement.prototype, 'muted', {
    ...muted,
    set(value) {
      muted.set.call(this, value)
      if (sink.context) sink.muted.push({ to: value, at: now(sink.context) })
    },
  })
  const play = HTMLMediaElement.prototype.play
  HTMLMediaElement.prototype.play = function () { sink.element = this; return play.call(this) }
  window.watchMouth = () => {
    const mouth = document.querySelector('.stage path[fill$="-mouth)"]')
    const look = () => {
      sink.mouth.push([now(sink.context), mouth.getBBox().height])
      requestAnimationFrame(look)
    }
    look()
  }
})()
""".replace("WORKLET", json.dumps(_WORKLET))


@dataclass(frozen=True)
class Order:
    """What the player was told, ``at`` a sample: to pause, to resume or to flush."""

    do: str
    at: int


@dataclass(frozen=True)
class Sounded:
    """What a page has played so far.

    Attributes:
        samples: At `RATE`, behind the volume.
        start: The place of the first of them, counted as everything here.
        given: What the player was given to play.
        orders: What else it was told.
        muted: When the element was muted or unmuted.
        mouth: Place and how far the mouth was open, a row each time that the page was drawn.
    """

    samples: Samples
    start: int
    given: Samples
    orders: list[Order]
    muted: list[tuple[bool, int]]
    mouth: np.ndarray[Any, np.dtype[np.float64]]

    def after(self, place: int) -> Samples:
        """The samples from a place on."""
        return self.samples[max(0, place - self.start) :]


def _tap(context: BrowserContext) -> None:
    context.add_init_script(_SCRIPT)


TAPPED: Mapping[str, Any] = {"prepare": _tap, "bypass_csp": True}
"""What to open a tab with that is tapped. The page's own policy would refuse a worklet that is not the server's."""


def sounded(page: Page) -> Sounded:
    """What it has played so far."""
    told: dict[str, Any] = page.evaluate(
        """() => {
          const joined = (blocks) => {
            let text = ''
            for (const block of blocks)
              for (const byte of new Uint8Array(block.buffer))
                text += String.fromCharCode(byte)
            return btoa(text)
          }
          const { from, orders, muted, mouth } = sink
          return { from, orders, muted, mouth, samples: joined(sink.samples), given: joined(sink.given) }
        }"""
    )
    return Sounded(
        np.frombuffer(base64.b64decode(told["samples"]), np.float32),
        told["from"] or 0,
        np.frombuffer(base64.b64decode(told["given"]), np.float32),
        [Order(**order) for order in told["orders"]],
        [(muted["to"], muted["at"]) for muted in told["muted"]],
        np.array(told["mouth"], np.float64).reshape(-1, 2),
    )


def silent_after_ms(heard: Sounded, do: str) -> float:
    """How long after the newest order of a kind all is silent; infinite where it sounded on for half a second."""
    at = next(order.at for order in reversed(heard.orders) if order.do == do)
    loud = np.flatnonzero(heard.after(at)[: RATE // 2])
    if not len(loud):
        return 0.0
    last = int(loud[-1]) + 1
    return math.inf if last > RATE * 0.49 else 1000 * last / RATE


def mouth_lag_ms(heard: Sounded) -> tuple[float, float]:
    """By how much the mouth comes after what is played, and how well it follows that (a correlation).

    Both are looked at on the same clock, that of the audio: a page that is drawn seldom is looked at seldom.
    """
    window = RATE * 40 // 1000
    power = np.convolve(heard.samples.astype(np.float64) ** 2, np.ones(window) / window, mode="same")
    loudness = np.sqrt(power)
    places, openings = heard.mouth.T
    speaks = (places > heard.start + RATE // 2) & (openings > 0)
    places, openings = places[speaks], openings[speaks]
    best = (0.0, -1.0)
    for lag_ms in range(-200, 401, 5):
        at = np.asarray(np.round(places - lag_ms * RATE / 1000), np.int64) - heard.start
        inside = (at >= 0) & (at < len(loudness))
        alike = float(np.corrcoef(openings[inside], loudness[at[inside]])[0, 1])
        best = max(best, (lag_ms, alike), key=lambda each: each[1])
    return best
