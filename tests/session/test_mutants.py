"""Do the laws say anything? A session that breaks one is to be caught, in a handful of talks.

House rule 8 forbids patches in the place of fakes. Here the patch is the fault that the laws are to find.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.session import laws
from tests.session.talks import USUAL, Talk, Talked, play, talks

from myna.core.events import Event
from myna.engines.base import Speech, VoiceStyle
from myna.session import turn
from myna.session.floor import Floor
from myna.session.notes import Note, Onset
from myna.session.outbox import Outbox
from myna.session.playback import Playback
from myna.session.turn import Turn
from myna.session.turns import Turns
from myna.testing.tts import ScriptedTTS
from myna.text.heard import Spoken

Law: TypeAlias = Callable[[Talked, Counter[str]], None]

EXAMPLES = 10


def holds(law: Law) -> None:
    """The usual talks, and some drawn at random, until one breaks this law: others may be broken by the fault too."""

    @given(talks)
    @settings(
        deadline=None,
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
    def the_law_holds(talk: Talk) -> None:
        law(play(talk), Counter())

    for talk in USUAL:
        law(play(talk), Counter())
    the_law_holds()


def everything_sent_counts_as_heard(patch: pytest.MonkeyPatch) -> None:
    def all_of(spoken: Iterable[Spoken], played_ms: float) -> str:
        return "".join(one.segment.display for one in spoken) if played_ms > 0 else ""

    patch.setattr(turn, "heard_prefix", all_of)


def nothing_counts_as_heard(patch: pytest.MonkeyPatch) -> None:
    def nothing(spoken: Iterable[Spoken], played_ms: float) -> str:
        return ""

    patch.setattr(turn, "heard_prefix", nothing)


def two_words_less_count_as_heard(patch: pytest.MonkeyPatch) -> None:
    heard_prefix = turn.heard_prefix

    def less(spoken: Iterable[Spoken], played_ms: float) -> str:
        return heard_prefix(spoken, played_ms - 600)

    patch.setattr(turn, "heard_prefix", less)


def what_the_client_reports_is_not_believed(patch: pytest.MonkeyPatch) -> None:
    def ignore(self: Playback, played_ms: float, now_s: float) -> None:
        pass

    patch.setattr(Playback, "report", ignore)


def a_pause_does_not_stop_the_sending(patch: pytest.MonkeyPatch) -> None:
    until_wanted = Turn.until_wanted

    async def in_spite_of_pauses(self: Turn) -> bool:
        was, self.playback.paused = self.playback.paused, False
        try:
            return await until_wanted(self)
        finally:
            self.playback.paused = was

    patch.setattr(Turn, "until_wanted", in_spite_of_pauses)


def nothing_pauses(patch: pytest.MonkeyPatch) -> None:
    def play_on(self: Turn) -> None:
        pass

    patch.setattr(Turn, "pause", play_on)


def a_pause_never_ends(patch: pytest.MonkeyPatch) -> None:
    def stay_paused(self: Turn) -> None:
        pass

    patch.setattr(Turn, "resume", stay_paused)


def any_sound_interrupts(patch: pytest.MonkeyPatch) -> None:
    heed = Floor._heed  # pyright: ignore[reportPrivateUsage] - where a fault would be

    async def at_once(self: Floor, note: Note) -> None:
        if isinstance(note, Onset):
            await self.turns.interrupt()
        await heed(self, note)

    patch.setattr(Floor, "_heed", at_once)


def the_outbox_withdraws_nothing(patch: pytest.MonkeyPatch) -> None:
    def keep(self: Outbox, unwanted: Callable[[Event], bool]) -> list[Event]:
        return []

    patch.setattr(Outbox, "withdraw", keep)


def tags_are_spoken(patch: pytest.MonkeyPatch) -> None:
    synthesize = ScriptedTTS.synthesize

    def with_a_tag(self: ScriptedTTS, text: str, style: VoiceStyle, *, urgent: bool = False) -> AsyncGenerator[Speech]:
        return synthesize(self, f"[开心] {text}", style, urgent=urgent)

    patch.setattr(ScriptedTTS, "synthesize", with_a_tag)


def nothing_is_supposed(patch: pytest.MonkeyPatch) -> None:
    async def wait(self: Turns, *_: object) -> None:
        pass

    patch.setattr(Turns, "suppose", wait)


def what_was_supposed_is_thrown_away(patch: pytest.MonkeyPatch) -> None:
    async def drop(self: Turns, *_: object) -> None:
        await self.drop()

    patch.setattr(Turns, "taken", drop)


def it_answers_too_soon(patch: pytest.MonkeyPatch) -> None:
    def tell_at_once(self: Turn) -> None:
        pass

    patch.setattr(Turn, "hold", tell_at_once)


def it_forgets_that_it_has_answered(patch: pytest.MonkeyPatch) -> None:
    take = Floor._take  # pyright: ignore[reportPrivateUsage] - where a fault would be

    async def owe_still(self: Floor, utterance: Any, heard: Any) -> None:
        await take(self, utterance, heard)
        self._owed = True  # pyright: ignore[reportPrivateUsage]

    patch.setattr(Floor, "_take", owe_still)


MUTANTS: Mapping[Callable[[pytest.MonkeyPatch], None], Law] = {
    everything_sent_counts_as_heard: laws.what_was_heard_is_what_was_played,
    nothing_counts_as_heard: laws.what_was_heard_is_what_was_played,
    two_words_less_count_as_heard: laws.what_was_heard_is_what_was_played,
    what_the_client_reports_is_not_believed: laws.what_was_heard_is_what_was_played,
    a_pause_does_not_stop_the_sending: laws.paused_replies_are_silent,
    nothing_pauses: laws.speech_pauses_at_once_and_only_words_interrupt,
    a_pause_never_ends: laws.every_pause_is_decided,
    any_sound_interrupts: laws.speech_pauses_at_once_and_only_words_interrupt,
    the_outbox_withdraws_nothing: laws.nothing_of_a_reply_comes_once_it_is_over,
    tags_are_spoken: laws.nothing_inward_is_spoken,
    nothing_is_supposed: laws.what_was_supposed_is_used,
    what_was_supposed_is_thrown_away: laws.what_was_supposed_is_used,
    it_forgets_that_it_has_answered: laws.nobody_is_answered_twice,
    it_answers_too_soon: laws.nothing_is_said_before_it_is_sure,
}
"""The fault, and the law that finds it."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_session_that_breaks_a_law_is_caught(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    law = MUTANTS[mutant]
    with pytest.raises(AssertionError) as caught:
        holds(law)
    assert caught.traceback[-1].name == law.__name__
