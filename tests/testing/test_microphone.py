"""The player itself, on a line that says what it was told when it was told to."""

from collections.abc import AsyncIterator, Sequence

import anyio
import numpy as np
import pytest

from myna.engines.base import Samples
from myna.testing.clock import on_virtual_clock
from myna.testing.lines import Fault, Heard, News, Pause, Resume, Sent, Sound, Stop, Words
from myna.testing.microphone import Absent, Expect, Note, Say, Silence, converse, likeness

SECOND = np.full(16_000, 0.5, np.float32)
SOUND = bytes(2 * 8_000)
"""Half a second."""


class TimedLine:
    """Says each piece of news so many seconds after the one before, and then nothing more."""

    sample_rate = 16_000

    def __init__(self, *news: tuple[float, News]) -> None:
        self._news = news
        self.sent: list[bytes] = []
        self.stopped_at_ms: list[float] = []

    async def send(self, pcm: bytes) -> None:
        self.sent.append(pcm)

    async def stopped(self, played_ms: float) -> None:
        self.stopped_at_ms.append(played_ms)

    async def news(self) -> AsyncIterator[News]:
        for after_s, news in self._news:
            await anyio.sleep(after_s)
            yield news
        await anyio.sleep_forever()


def told(notes: Sequence[Note]) -> list[tuple[str, float]]:
    return [(note.kind, round(note.at_s, 2)) for note in notes]


@on_virtual_clock
async def test_the_microphone_never_rests() -> None:
    line = TimedLine()
    await converse(line, [Silence(0.09), Say(SECOND), Silence(0.1)])
    assert {len(frame) for frame in line.sent} == {640}
    loud = [any(frame) for frame in line.sent]
    assert loud.index(True) == 4
    assert sum(loud) == 50
    assert len(loud) == pytest.approx((0.09 + 1 + 0.1) / 0.02, abs=2)


@on_virtual_clock
async def test_a_reply_is_said_when_all_of_it_was_played() -> None:
    line = TimedLine((1.5, Heard("Hello.")), (0.1, Words("Hi")), (0.1, Sound(SOUND)), (0, Sound(SOUND)), (0, Sent()))
    notes = await converse(line, [Say(SECOND), Expect("heard", "hello"), Expect("said", "Hi")])
    assert told(notes) == [("speaks", 0), ("stops", 1), ("heard", 1.5), ("begins", 1.7), ("said", 2.7)]
    assert notes[-1].sound is not None
    assert len(notes[-1].sound) == 16_000


@on_virtual_clock
async def test_of_an_interrupted_reply_only_what_was_played_until_then_is_kept() -> None:
    line = TimedLine((1, Words("One two")), (0, Sound(SOUND)), (0, Sent()), (0.2, Stop()), (1, Stop()))
    notes = await converse(line, [Say(SECOND), Expect("interrupted"), Absent("interrupted", for_s=3)])
    assert notes[-1].sound is not None
    assert len(notes[-1].sound) == 3200
    assert line.stopped_at_ms == [200]


@on_virtual_clock
async def test_a_paused_reply_takes_longer() -> None:
    line = TimedLine((1, Sound(SOUND)), (0, Sent()), (0.1, Pause()), (2, Resume()))
    notes = await converse(line, [Expect("paused"), Expect("resumed"), Expect("said")])
    assert told(notes) == [("begins", 1), ("paused", 1.1), ("resumed", 3.1), ("said", 3.5)]


@on_virtual_clock
async def test_what_was_shown_must_have_been_said() -> None:
    async def ear(samples: Samples) -> str:
        assert len(samples) == 8_000
        return "something else"

    line = TimedLine((0, Words("hello world")), (0, Sound(SOUND)), (0, Sent()))
    with pytest.raises(AssertionError, match=r"'something else' is not like 'hello world'(.|\n)*begins"):
        await converse(line, [Expect("said")], ear=ear)


@on_virtual_clock
async def test_what_is_expected_must_come_in_time() -> None:
    line = TimedLine((2, Heard("late")))
    with pytest.raises(AssertionError, match=r"'heard' was not noticed within 0\.5 s"):
        await converse(line, [Say(SECOND), Expect("heard", within_s=0.5)])


@on_virtual_clock
async def test_what_was_expected_once_does_not_count_twice() -> None:
    line = TimedLine((0, Heard("one")), (1, Heard("two")))
    await converse(line, [Expect("heard", "one"), Expect("heard", "two")])
    with pytest.raises(AssertionError, match="not noticed"):
        await converse(TimedLine((0, Heard("one"))), [Expect("heard"), Expect("heard", within_s=5)])


@on_virtual_clock
async def test_what_is_absent_must_not_come() -> None:
    line = TimedLine((0.5, Fault("engine_timeout", "The ASR did not answer.")))
    script = [Say(SECOND), Absent("failed", for_s=1)]
    with pytest.raises(AssertionError, match=r"'failed' was not to be noticed(.|\n)*engine_timeout"):
        await converse(line, script)
    with pytest.raises(AssertionError, match="'failed' was not to be noticed"):
        await converse(TimedLine((1.5, Fault("engine_timeout", "Late."))), script)
    await converse(TimedLine((2.5, Fault("engine_timeout", "Later."))), script)


@on_virtual_clock
async def test_a_line_that_takes_nothing_is_no_line() -> None:
    class Deaf(TimedLine):
        async def send(self, pcm: bytes) -> None:
            await anyio.sleep_forever()

    with pytest.raises(TimeoutError):
        await converse(Deaf(), [Say(SECOND)])


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("今天天气怎么样？", "今天天气怎么样", 1.0, 1.0),
        ("Wait, stop!", "wait stop", 1.0, 1.0),
        ("今天天气怎么样", "明天天气怎样", 0.6, 0.9),
        ("今天天气怎么样", "我喜欢你", 0.0, 0.2),
    ],
)
def test_texts_are_alike_by_their_letters(one: str, other: str, least: float, most: float) -> None:
    assert least <= likeness(one, other) <= most
