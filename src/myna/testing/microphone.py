"""A virtual microphone: plays a script of what a user says and expects, in real time, and keeps what came of it.

::

    async with open_realtime_line("ws://127.0.0.1:8765/v1/realtime") as line:
        await converse(line, [
            Say(question),
            Expect("heard", "今天天气怎么样"),
            Expect("begins"),
            Silence(1.0),
            Say(wait),
            Expect("interrupted"),
            Say(another),
            Expect("said"),
            Absent("begins", for_s=3),
        ], ear=hear)

As in a real room the microphone never rests, and the loudspeaker takes its time. What a reply *said* is what the
loudspeaker really played, as ``ear`` hears it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias, assert_never

import anyio

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import from_pcm16, resample, to_pcm16
from myna.engines.task_group import open_task_group
from myna.testing.lines import Fault, Heard, Line, News, Pause, Resume, Sent, Sound, Stop, Words
from myna.testing.loudspeaker import Loudspeaker

FRAME_S = 0.02
SEND_S = 10.0
"""How long a line may take to take a frame."""
_FRAME = round(FRAME_S * HEARING_RATE) * BYTES_PER_SAMPLE

Ear: TypeAlias = Callable[[Samples], Awaitable[str]]
"""Writes down what is said in samples at 16 kHz: an ASR."""

Kind: TypeAlias = Literal["speaks", "stops", "heard", "begins", "paused", "resumed", "interrupted", "said", "failed"]
"""What can be noticed.

``speaks`` and ``stops``: the user. ``heard``: it is known what the user said. ``begins``: the first sound of a reply
leaves the loudspeaker. ``paused``, ``resumed``: the reply. ``interrupted``: it is over, and nothing more of it is
played. ``said``: it is over, and all of it was played. ``failed``: an error came.
"""


@dataclass(frozen=True, slots=True)
class Say:
    """The user speaks: ``samples`` at 16 kHz. Ends with the last of them."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Silence:
    """The user says nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Expect:
    """Something is noticed since the last `Say` began, or will be.

    Attributes:
        text: What is heard or said, about; None takes any. A reply is compared with what was played, as the ear hears
            it; without a ``text``, the ear must have heard what was shown.
        within_s: In so many seconds since the last `Say` or `Silence` ended.
        alike: How much of the text must be the same, from 0 to 1.
    """

    kind: Kind
    text: str | None = None
    within_s: float = 60.0
    alike: float = 0.6


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing of the kind is noticed, but what was expected, since the last `Say` began.

    Attributes:
        for_s: Until so many seconds after the last `Say` or `Silence` ended.
    """

    kind: Kind
    for_s: float = 0.0


Step: TypeAlias = Say | Silence | Expect | Absent


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was noticed.

    Attributes:
        at_s: When, in seconds since the script began.
        text: What was heard, or what was shown of the reply, or what failed.
        sound: What was played of the reply that is over, at 16 kHz.
    """

    at_s: float
    kind: Kind
    text: str = ""
    sound: Samples | None = None

    def __str__(self) -> str:
        played = "" if self.sound is None else f" ({len(self.sound) / HEARING_RATE:.2f} s played)"
        return f"{self.at_s:8.2f} s  {self.kind}{played}  {self.text}".rstrip()


async def converse(line: Line, script: Sequence[Step], *, ear: Ear | None = None) -> Sequence[Note]:
    """Play ``script`` over ``line``, and give everything that was noticed.

    Raises:
        AssertionError: An expectation was not met; the message tells all that was noticed.
    """
    room = _Room(line, ear)
    async with open_task_group() as tasks:
        tasks.start_soon(room.listen)
        tasks.start_soon(room.speak)
        for step in script:
            await room.perform(step)
        tasks.cancel_scope.cancel()
    return tuple(room.notes)


def likeness(one: str, other: str) -> float:
    """How much of two texts is the same, from 0 to 1; case, spaces and punctuation do not count."""
    texts = ["".join(filter(str.isalnum, text.casefold())) for text in (one, other)]
    return SequenceMatcher(None, *texts, autojunk=False).ratio()


class _Room:
    """Where the user, the microphone and the loudspeaker are."""

    def __init__(self, line: Line, ear: Ear | None) -> None:
        self.notes: list[Note] = []
        self._line = line
        self._ear = ear
        self._began_s = anyio.current_time()
        self._loudspeaker = Loudspeaker(line.sample_rate)
        self._to_say = bytearray()
        self._all_said = anyio.Event()
        self._shown = ""
        self._replying = False
        self._sent = False
        self._since = 0  # the notes before this one are older than the last `Say`
        self._met: list[Note] = []
        self._ended_s = self._began_s

    # ------------------------------------------------------------------------------------------------ what happens

    async def speak(self) -> None:
        """Be the microphone: a frame every 20 ms, whoever is silent."""
        due = anyio.current_time()
        while True:
            due += FRAME_S
            await anyio.sleep_until(due)
            frame = bytes(self._to_say[:_FRAME]).ljust(_FRAME, b"\0")
            del self._to_say[:_FRAME]
            with anyio.fail_after(SEND_S):
                await self._line.send(frame)
            if not self._to_say:
                self._all_said.set()
            if self._replying and self._sent and not self._loudspeaker.waits:
                self._over("said")

    async def listen(self) -> None:
        """Be the loudspeaker, and the eyes."""
        async for news in self._line.news():
            if self._take(news):
                await self._line.stopped(self._loudspeaker.played_ms)
                self._over("interrupted")

    def _take(self, news: News) -> bool:
        """Notice it; whether it ends a reply that is being played."""
        match news:
            case Heard(text):
                self._note("heard", text)
            case Words(text):
                self._replying = True
                self._shown += text
            case Sound(pcm):
                self._play(pcm)
            case Pause():
                self._loudspeaker.pause()
                self._note("paused")
            case Resume():
                self._loudspeaker.resume()
                self._note("resumed")
            case Sent():
                self._sent = self._replying
            case Stop():
                self._loudspeaker.flush()
                return self._replying
            case Fault(code, message):
                self._note("failed", f"{code}: {message}")
            case _:
                assert_never(news)
        return False

    def _play(self, pcm: bytes) -> None:
        if pcm and not self._loudspeaker.waits and not self._loudspeaker.played_ms:
            self._note("begins")
        self._replying = True
        self._loudspeaker.play(pcm)

    def _over(self, kind: Kind) -> None:
        sound = resample(from_pcm16(self._loudspeaker.take()), self._line.sample_rate, HEARING_RATE)
        self._note(kind, self._shown, sound)
        self._shown, self._replying, self._sent = "", False, False

    def _note(self, kind: Kind, text: str = "", sound: Samples | None = None) -> None:
        self.notes.append(Note(anyio.current_time() - self._began_s, kind, text, sound))

    # -------------------------------------------------------------------------------------------- what is to happen

    async def perform(self, step: Step) -> None:
        """Do what the script says next."""
        match step:
            case Say(samples):
                self._since = len(self.notes)
                self._note("speaks")
                self._to_say += to_pcm16(samples)
                self._all_said = anyio.Event()
                await self._all_said.wait()
                self._note("stops")
                self._ended_s = anyio.current_time()
            case Silence(seconds):
                await anyio.sleep(seconds)
                self._ended_s = anyio.current_time()
            case Expect():
                await self._check(step, await self._notice(step))
            case Absent():
                await anyio.sleep_until(self._ended_s + step.for_s)
                if found := self._find(step.kind):
                    raise self._disappointed(f"{found.kind!r} was not to be noticed")
            case _:
                assert_never(step)

    async def _notice(self, wanted: Expect) -> Note:
        while (found := self._find(wanted.kind)) is None:
            if anyio.current_time() > self._ended_s + wanted.within_s:
                raise self._disappointed(f"{wanted.kind!r} was not noticed within {wanted.within_s:g} s")
            await anyio.sleep(FRAME_S)
        self._met.append(found)
        return found

    def _find(self, kind: Kind) -> Note | None:
        fresh = (note for note in self.notes[self._since :] if all(note is not met for met in self._met))
        return next((note for note in fresh if note.kind == kind), None)

    async def _check(self, wanted: Expect, found: Note) -> None:
        heard = found.text
        if found.sound is not None and self._ear is not None and (wanted.text or found.kind == "said"):
            heard = await self._ear(found.sound)
        text = found.text if wanted.text is None else wanted.text
        if likeness(heard, text) < wanted.alike:
            raise self._disappointed(f"{found.kind!r}: {heard!r} is not like {text!r}")

    def _disappointed(self, why: str) -> AssertionError:
        story = "\n".join(map(str, self.notes))
        return AssertionError(f"{why}. What was noticed:\n{story}")
