"""What the page plays, sample by sample, from the player as it is shipped; a parrot answers."""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.cuttable import open_way
from tests.end_to_end.parrot import LOUD, SYLLABLES
from tests.end_to_end.processes import Server
from tests.end_to_end.sink import HELD_BACK_MS, RATE, TAPPED, Sounded, mouth_lag_ms, sounded
from tests.end_to_end.test_web_app import answered, choose, notes, replies, state, write
from tests.end_to_end.utterance import babble

from myna.engines.base import Samples
from myna.server import web_page

SILENT_WITHIN = RATE * 50 // 1000
"""Samples that a pause or a flush may take."""
FADE = RATE * 5 // 1000
QUANTUM = 128
"""Samples that Web Audio renders at a time."""
MOUTH_MS = 80

_RENDER = """
async ({ player, pieces, orders, length }) => {
  const context = new OfflineAudioContext(1, length, 24000)
  await context.audioWorklet.addModule(tapUrl)
  await context.audioWorklet.addModule(player)
  const node = new AudioWorkletNode(context, 'myna-player', { numberOfInputs: 0, outputChannelCount: [1] })
  const echo = new AudioWorkletNode(context, 'tap', { numberOfOutputs: 0 })
  // Both live in one thread: what comes back through the one shows that the other was told.
  const told = () => new Promise((done) => {
    echo.port.onmessage = ({ data }) => { if (data === 'told') done() }
    echo.port.postMessage('told')
  })
  const tell = async (order) => { node.port.postMessage(order); await told() }
  node.connect(context.destination)
  const append = ([reply, samples]) => ({ do: 'append', reply, samples: Float32Array.from(samples) })
  for (const piece of pieces) await tell(append(piece))
  for (const [at, order] of orders)
    void context.suspend(at / 24000).then(async () => {
      await tell(typeof order === 'string' ? { do: order } : append(order))
      await context.resume()
    })
  const rendered = (await context.startRendering()).getChannelData(0)
  let text = ''
  for (const byte of new Uint8Array(rendered.buffer)) text += String.fromCharCode(byte)
  return btoa(text)
}
"""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture
def tab(browse: Callable[..., Tab], parrot: Server) -> Iterator[Tab]:
    """With Polly, who has greeted."""
    tab = browse(parrot.url, **TAPPED)
    choose(tab, "Polly")
    answered(tab, 1)
    yield tab
    assert not tab.problems
    assert notes(tab) == []
    tab.page.context.close()


# ------------------------------------------------------------------------------------------------ the player alone


@pytest.fixture
def render(browse: Callable[..., Tab], parrot: Server) -> Iterator[Callable[..., Samples]]:
    """The shipped worklet in an `OfflineAudioContext`, which has no clock but its samples."""
    tab = browse(parrot.url, **TAPPED)
    (player,) = (web_page.BUILT / "assets").glob("player.worklet*.js")

    def render(
        pieces: Sequence[tuple[str, Samples]], orders: Sequence[tuple[int, Any]] = (), length: int = 3 * RATE
    ) -> Samples:
        given = {
            "player": f"/assets/{player.name}",
            "pieces": [(reply, samples.tolist()) for reply, samples in pieces],
            "orders": [
                (at, order if isinstance(order, str) else (order[0], order[1].tolist())) for at, order in orders
            ],
            "length": length,
        }
        return np.frombuffer(base64.b64decode(tab.page.evaluate(_RENDER, given)), np.float32)

    yield render
    assert not tab.problems
    tab.page.context.close()


def chirp(length: int) -> Samples:
    """No two stretches of it are alike, and none is silent."""
    at = np.arange(length) / RATE
    return (0.5 * np.sin(2 * np.pi * (200 + 150 * at) * at) + 0.01).astype(np.float32)


def silent_from(samples: Samples) -> int:
    """Where the first ten milliseconds of silence begin."""
    (quiet,) = np.nonzero(~np.any(sliding_window_view(samples, RATE // 100), axis=1))
    assert len(quiet)
    return int(quiet[0])


def test_segments_follow_each_other_without_a_gap_or_a_click(render: Callable[..., Samples]) -> None:
    said = chirp(2 * RATE)
    cuts = np.cumsum(np.random.default_rng(7).choice([1, 37, 127, 128, 129, 2400, 5003], 60))
    pieces = np.split(said, cuts[cuts < len(said)])
    assert len(pieces) > 20
    played = render([("r1", piece) for piece in pieces])
    np.testing.assert_allclose(played[FADE : len(said)], said[FADE:], atol=1e-6)
    assert not played[len(said) :].any()
    assert np.abs(np.diff(played[:FADE])).max() <= np.abs(np.diff(said)).max() + 0.02, "it begins with a click"


def test_a_pause_is_silent_within_50_ms_and_nothing_is_lost_by_it(render: Callable[..., Samples]) -> None:
    said = chirp(2 * RATE)
    pause, resume = 150 * QUANTUM, 300 * QUANTUM
    played = render([("r1", said)], [(pause, "pause"), (resume, "resume")])
    done = silent_from(played)
    assert pause < done <= pause + SILENT_WITHIN
    assert not played[done:resume].any()
    going_on = played[resume + FADE : resume + RATE]
    left = said[done + 1 :]  # the last sample that fades out is played too, at no loudness
    np.testing.assert_allclose(going_on, left[FADE:RATE], atol=1e-6)
    steps = np.abs(np.diff(played[FADE : resume + RATE]))
    assert steps.max() <= np.abs(np.diff(said)).max() + 0.02, "it clicks"


def test_a_flush_is_silent_within_50_ms_and_the_next_reply_is_whole(render: Callable[..., Samples]) -> None:
    flush, answer = 150 * QUANTUM, 200 * QUANTUM
    said = chirp(RATE)
    played = render([("r1", chirp(2 * RATE))], [(flush, "flush"), (answer, ("r2", said))])
    done = silent_from(played)
    assert flush < done <= flush + SILENT_WITHIN
    assert not played[done:answer].any()
    np.testing.assert_allclose(played[answer + FADE : answer + RATE], said[FADE:], atol=1e-6)
    assert not played[answer + RATE :].any()


# ------------------------------------------------------------------------------------------------------ in the page


def test_all_that_the_page_is_sent_is_played_and_once(tab: Tab) -> None:
    before = sounded(tab.page)
    write(tab, 3 * SYLLABLES)
    answered(tab, 2)
    assert_all_was_played(before, sounded(tab.page))


def assert_all_was_played(before: Sounded, after: Sounded) -> None:
    """Sample by sample, but for what fades in where nothing had been left to play."""
    given, played = after.given[len(before.given) :], after.samples[len(before.samples) :]
    given, played = given[given != 0], played[played != 0]
    assert len(given) == len(played) > RATE // 2
    assert np.isclose(given, played, atol=1e-6).mean() > 0.98


def test_stop_silences_the_page_within_50_ms(tab: Tab) -> None:
    write(tab, 20 * SYLLABLES)
    tab.wait(lambda: state(tab) == "speaking")
    tab.page.wait_for_timeout(500)
    tab.page.get_by_role("button", name="Stop").click()
    tab.wait(lambda: state(tab) == "idle")
    tab.page.wait_for_timeout(500)
    heard = sounded(tab.page)
    at = next(order.at for order in reversed(heard.orders) if order.do == "flush")
    assert heard.after(at - RATE // 2)[: RATE // 2].any()
    assert not heard.after(at + SILENT_WITHIN).any()
    assert any(muted and place <= at for muted, place in heard.muted), "what the element holds back was heard"


def test_who_speaks_silences_the_page_within_50_ms(tab: Tab) -> None:
    write(tab, 40 * SYLLABLES)
    tab.wait(lambda: state(tab) == "speaking")
    tab.speak(babble(3.0))
    tab.wait(lambda: tab.page.locator("[data-state=interrupted]").count() == 1)
    heard = sounded(tab.page)
    at = next(order.at for order in heard.orders if order.do == "pause")
    assert not heard.after(at + SILENT_WITHIN)[: RATE // 10].any()
    assert "flush" in [order.do for order in heard.orders if order.at >= at]


def test_the_mouth_follows_the_loudness_that_is_heard(browse: Callable[..., Tab], parrot: Server) -> None:
    tab = browse(parrot.url, **TAPPED)
    choose(tab, "Polly")
    answered(tab, 1)
    tab.page.evaluate("watchMouth()")
    write(tab, 4 * SYLLABLES)
    answered(tab, 2)
    heard = sounded(tab.page)
    heard_ms = HELD_BACK_MS + 1000 * tab.page.evaluate("sink.context.outputLatency")
    lag_ms, alike = mouth_lag_ms(heard)
    assert alike > 0.7, "the mouth moves by itself"
    assert abs(lag_ms - heard_ms) <= MOUTH_MS
    tab.page.context.close()


def test_the_volume_is_that_of_the_settings(tab: Tab) -> None:
    loudest: dict[float, float] = {}
    for volume in (1.0, 0.5, 0.0):
        tab.page.get_by_role("link", name="Settings").click()
        tab.page.get_by_label("Volume").fill(str(volume))
        tab.page.get_by_role("link", name="Talk").click()
        before = len(sounded(tab.page).samples)
        write(tab, SYLLABLES)
        answered(tab, 2 + len(loudest))
        loudest[volume] = float(np.abs(sounded(tab.page).samples[before:]).max())
    assert loudest == pytest.approx({1.0: LOUD, 0.5: LOUD / 2, 0.0: 0.0}, rel=0.02, abs=1e-3)


def test_the_loudspeaker_is_that_of_the_settings(tab: Tab) -> None:
    tab.speak(babble(0.1))
    tab.wait(lambda: tab.page.get_by_role("button", name="microphone off").count() == 1)
    tab.page.get_by_role("link", name="Settings").click()  # who may hear is told what there is
    choice = tab.page.get_by_label("Loudspeaker")
    tab.wait(lambda: choice.locator("option").count() > 1)
    choice.select_option(index=1)
    chosen = choice.input_value()
    assert chosen
    tab.wait(lambda: tab.page.evaluate("sink.element.sinkId") == chosen)
    choice.select_option(index=0)
    tab.wait(lambda: tab.page.evaluate("sink.element.sinkId") == "")


def test_a_lost_line_takes_nothing_away_that_had_come_and_the_next_reply_is_heard(
    browse: Callable[..., Tab], parrot: Server
) -> None:
    with open_way(parrot.url) as way:
        tab = browse(way.url, **TAPPED)
        choose(tab, "Polly")
        answered(tab, 1)
        silent = sounded(tab.page)
        write(tab, 20 * SYLLABLES)
        tab.wait(lambda: state(tab) == "speaking")
        tab.page.wait_for_timeout(1000)
        way.cut()
        tab.wait(lambda: tab.page.get_by_text("The connection is lost.").is_visible())
        assert state(tab) == "speaking"
        tab.wait(lambda: state(tab) == "idle")
        lost = sounded(tab.page)
        assert_all_was_played(silent, lost)
        way.mend()
        tab.wait(lambda: tab.page.get_by_text("The connection is lost.").count() == 0)
        before = replies(tab).count()
        write(tab, "aeo xyz aeo aeo xyz aeo")
        assert answered(tab, before + 1) == "aeo xyz aeo aeo xyz aeo"
        assert_all_was_played(lost, sounded(tab.page))
        assert notes(tab) == []
        tab.page.context.close()
