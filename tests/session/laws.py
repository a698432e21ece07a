"""The laws of the heart, as what must hold of any talk."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from tests.session.live import FRAME_MS
from tests.session.talks import ADDED, ASKS, NEVER_SPOKEN, TYPED, Speech, Talked, speed_of

from myna.core.audio import duration_ms
from myna.core.commands import SendText
from myna.core.events import (
    EmotionChanged,
    Event,
    Interrupted,
    PlaybackPaused,
    PlaybackResumed,
    ReplyAudio,
    ReplyText,
    SegmentReady,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TurnEnded,
    TurnStarted,
)
from myna.core.messages import AssistantMessage, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.reply import Segment
from myna.session.speak import FADE_MS, PIECE_MS
from myna.testing.tts import MS_PER_CHARACTER
from myna.text.heard import ROUNDING_MS

OF_A_REPLY = EmotionChanged | ReplyText | SegmentReady | ReplyAudio | ToolCalled | ToolStarted

ONSET_S = 0.2
"""Within this a reply pauses when somebody speaks."""

DECIDED_S = 3.0

_UNIT = re.compile(r"[\u4e00-\u9fff]|[A-Za-z]+")
_CODE = re.compile(r"```.*?(```|\Z)", re.DOTALL)


def hold(talked: Talked) -> Counter[str]:
    """See that all laws hold of it, and count what they were asserted of."""
    seen: Counter[str] = Counter()
    for law in LAWS:
        law(talked, seen)
    return seen


# ----------------------------------------------------------------------------------------------------- 1, 2: one owner


def one_turn_at_a_time(talked: Talked, seen: Counter[str]) -> None:
    answered: str | None = None
    for event in talked.events:
        if isinstance(event, TurnStarted) and event.reply_id is not None:
            assert answered is None
            answered = event.turn_id
        elif isinstance(event, TurnEnded) and event.turn_id == answered:
            answered = None
        seen["turns"] += isinstance(event, TurnEnded)
    assert answered is None  # every turn ends, whatever its engines do
    assert all(call.ended is not None for call in talked.llm.calls)  # and every engine was let go of


def no_turn_goes_on_after_its_end(talked: Talked, _: Counter[str]) -> None:
    nothing_follows_an_end(talked.events)


def nothing_follows_an_end(events: Sequence[Event]) -> None:
    ended: set[str] = set()
    for event in events:
        turn_id = getattr(event, "turn_id", None)
        assert turn_id not in ended
        if isinstance(event, TurnEnded):
            ended.add(event.turn_id)
    begun = {event.turn_id for event in events if isinstance(event, SpeechStarted | TurnStarted)}
    assert begun <= ended
    finals = [event.turn_id for event in events if isinstance(event, TranscriptFinal)]
    assert len(finals) == len(set(finals))  # an utterance has one final text


def nothing_of_a_reply_comes_once_it_is_over(talked: Talked, seen: Counter[str]) -> None:
    """However late the client reads, an interruption takes back what it has not read."""
    interrupted = {event.turn_id for event in talked.events if isinstance(event, Interrupted)}
    for at, event in talked.told:
        if isinstance(event, OF_A_REPLY) and event.turn_id in interrupted:
            assert at <= talked.over_at[event.turn_id]
    seen["interrupted while the client read nothing"] += len(interrupted) if talked.talk.stalls_s else 0


def every_call_has_its_result(talked: Talked, seen: Counter[str]) -> None:
    """What began is told to end, or to go on; and what was called is known with its result."""
    events, history = talked.events, talked.history
    begun = {event.call.id: event for event in events if isinstance(event, ToolStarted)}
    ended = [event.call_id for event in events if isinstance(event, ToolEnded)]
    assert len(ended) == len(set(ended))
    assert set(ended) == set(begun)
    calls = [message for message in history if isinstance(message, ToolCallMessage) and message.call.name != "show_map"]
    results = [message for message in history if isinstance(message, ToolResultMessage)]
    assert sorted(message.call.id for message in calls) == sorted(message.call_id for message in results)
    place = {message.id: at for at, message in enumerate(history)}
    at_call = {message.call.id: place[message.id] for message in calls}
    assert all(at_call[message.call_id] < place[message.id] for message in results)
    seen["calls"] += len(calls)


# ------------------------------------------------------------------------------------------------ 3: heard-text truth


def history_is_what_was_heard(talked: Talked, seen: Counter[str]) -> None:
    events, history = talked.events, talked.history
    ends = {event.turn_id: event for event in events if isinstance(event, TurnEnded)}
    kept = {message.turn_id: message for message in history if isinstance(message, AssistantMessage)}
    heard = {event.turn_id: event.heard for event in events if isinstance(event, Interrupted)}
    for turn_id, end in ends.items():
        shown = "".join(event.text for event in events if isinstance(event, ReplyText) and event.turn_id == turn_id)
        message = kept.get(turn_id)
        assert (message.reply if message else None) == end.reply
        if end.outcome == "interrupted":
            assert (end.reply.heard if end.reply else "") == heard.get(turn_id, "")
            assert shown.startswith(heard.get(turn_id, ""))
        elif end.reply is not None:
            assert end.reply.heard == shown
    finals = [event.text for event in events if isinstance(event, TranscriptFinal) and event.text]
    said = [message.text for message in history if isinstance(message, UserMessage)]
    # None is lost, and none kept twice.
    assert sorted([*finals, *(text for text in said if text in (TYPED, ADDED))]) == sorted(said)
    seen["interrupted"] += len(heard)


def what_was_heard_is_what_was_played(talked: Talked, seen: Counter[str]) -> None:
    """To the word, from where the client's playback really stood."""
    for event in talked.events:
        if not isinstance(event, Interrupted):
            continue
        audio = [one for one in talked.events if isinstance(one, ReplyAudio) and one.turn_id == event.turn_id]
        assert event.played_ms <= sum(duration_ms(one.pcm, one.sample_rate) for one in audio) + 1
        segments = [
            one.segment for one in talked.events if isinstance(one, SegmentReady) and one.turn_id == event.turn_id
        ]
        ends_ms = spoken_at(segments)
        heard = len(_UNIT.findall(_CODE.sub("", event.heard)))
        assert sum(end_ms <= event.played_ms - 1 for end_ms in ends_ms) - 1 <= heard
        assert heard <= sum(end_ms <= event.played_ms + ROUNDING_MS + 1 for end_ms in ends_ms)
        seen["interrupted amid its words"] += 0 < heard < len(ends_ms)
        if not talked.talk.stalls_s and event.turn_id in talked.client.stood_ms:
            assert abs(event.played_ms - talked.client.stood_ms[event.turn_id]) <= FRAME_MS
            seen["interrupted where the client stood"] += 1
            reply = talked.client.replies[event.turn_id]
            seen["interrupted where it said"] += bool(talked.talk.late_ms and reply.reported and reply.said_ms is None)
    seen["reports"] += talked.client.reports


def spoken_at(segments: Sequence[Segment]) -> Sequence[float]:
    """When each word, or Chinese character, has been spoken by the scripted TTS."""
    at_ms, ends_ms = 0.0, list[float]()
    for segment in segments:
        begin_ms, letter_ms = at_ms, MS_PER_CHARACTER / speed_of(segment.emotion)
        for unit in _UNIT.finditer(segment.speech):
            ends_ms.append(begin_ms + letter_ms * sum(map(str.isalnum, segment.speech[: unit.end()])))
        at_ms += letter_ms * sum(map(str.isalnum, segment.speech))
    return ends_ms


# -------------------------------------------------------------------------------------------- 4: pause, then decide


def every_pause_is_decided(talked: Talked, seen: Counter[str]) -> None:
    for place, (paused_at, event) in enumerate(talked.told):
        if isinstance(event, PlaybackPaused):
            decisions = [
                (at, later)
                for at, later in talked.told[place:]
                if isinstance(later, PlaybackResumed | TurnEnded) and later.turn_id == event.turn_id
            ]
            assert decisions
            decided_at, decision = decisions[0]
            assert decided_at - paused_at <= DECIDED_S + talked.talk.stalls_s
            seen["paused"] += 1
            seen["resumed"] += isinstance(decision, PlaybackResumed)


def paused_replies_are_silent(talked: Talked, seen: Counter[str]) -> None:
    paused: set[str] = set()
    sent_ms = 0.0
    for event in talked.events:
        match event:
            case PlaybackPaused(turn_id=turn_id):
                paused.add(turn_id)
                sent_ms = 0.0
            case PlaybackResumed(turn_id=turn_id):
                paused.discard(turn_id)
            case ReplyAudio(turn_id=turn_id) if turn_id in paused:
                sent_ms += duration_ms(event.pcm, event.sample_rate)
                assert sent_ms <= PIECE_MS + FADE_MS  # what was under way, and the fading of it
            case ReplyAudio():
                seen["audio"] += 1
            case _:
                pass


def speech_pauses_at_once_and_only_words_interrupt(talked: Talked, seen: Counter[str]) -> None:
    """Where nothing else happens: a reply sounds, its user has been silent for a while, and does one thing."""
    talk = talked.talk
    if talk.barge_in != "pause" or talk.configures or talk.stalls_s:
        return
    following = [*(at for at, _ in talked.acts[1:]), float("inf")]
    for (began_at, act), next_at in zip(talked.acts, following, strict=True):
        if not isinstance(act, Speech) or act.seconds < ONSET_S or not (act.is_nothing or act.interrupts):
            continue
        if any(0 < began_at - at < DECIDED_S for at, before in talked.acts if not isinstance(before, SendText)):
            continue
        turn_id = sounding(talked.told, began_at)
        if turn_id is None:
            continue
        of_turn = [(at, event) for at, event in talked.told if getattr(event, "turn_id", None) == turn_id]
        ended_at, end = of_turn[-1]
        assert isinstance(end, TurnEnded)
        if ended_at > began_at + ONSET_S:
            pauses = [at for at, event in of_turn if isinstance(event, PlaybackPaused)]
            assert any(began_at <= at <= began_at + ONSET_S for at in pauses)
            seen["paused at once"] += 1
        if act.is_nothing:
            assert end.outcome != "interrupted" or ended_at >= next_at
            seen["not interrupted by a cough"] += 1
        else:
            assert ended_at <= began_at + DECIDED_S
            seen["interrupted by words"] += end.outcome == "interrupted"


def sounding(told: Sequence[tuple[float, Event]], now: float) -> str | None:
    """The turn whose audio has begun, and which has not ended."""
    begun: dict[str, None] = {}
    for at, event in told:
        if at > now:
            break
        if isinstance(event, ReplyAudio):
            begun[event.turn_id] = None
        elif isinstance(event, TurnEnded):
            begun.pop(event.turn_id, None)
    return next(iter(begun), None)


# ---------------------------------------------------------------------------------------------------- 7: nothing inward


def nothing_inward_is_spoken(talked: Talked, seen: Counter[str]) -> None:
    for text in talked.spoken:
        assert not NEVER_SPOKEN & set(text), text
    seen["segments"] += len(talked.spoken)


# -------------------------------------------------------------------------------------------- 9: overlap is free speed


def nobody_is_answered_while_he_speaks(talked: Talked, _: Counter[str]) -> None:
    """No reply begins to sound while somebody speaks; where nothing interrupts, one that had begun before may."""
    goes_on = talked.talk.barge_in == "never" or talked.talk.configures
    speaking: set[str] = set()
    spoken_before: dict[str, set[str]] = {}
    sounding: set[str] = set()
    for event in talked.events:
        match event:
            case SpeechStarted(turn_id=turn_id):
                speaking.add(turn_id)
            case TurnStarted(turn_id=turn_id):
                spoken_before[turn_id] = set(speaking)
            case SpeechStopped(turn_id=turn_id) | TurnEnded(turn_id=turn_id):
                speaking.discard(turn_id)
            case ReplyAudio(turn_id=turn_id) if turn_id not in sounding:
                assert not (speaking & spoken_before[turn_id] if goes_on else speaking)
                sounding.add(turn_id)
            case _:
                pass


def nobody_is_answered_twice(talked: Talked, seen: Counter[str]) -> None:
    """Unasked, the LLM goes on from what the user said or a tool gave, and never from its own reply."""
    if "create" not in [act for _, act in talked.acts]:
        assert all(request.messages[-1].role != "assistant" for _, request in talked.asked)
    seen["asked"] += len(talked.asked)


def nothing_is_said_before_it_is_sure(talked: Talked, _: Counter[str]) -> None:
    """Nothing of the answer to an utterance is told before the utterance is over, and known."""
    sure: set[str] = set()
    spoken = {event.turn_id for event in talked.events if isinstance(event, SpeechStarted)}
    for event in talked.events:
        if isinstance(event, TranscriptFinal):
            sure.add(event.turn_id)
        elif isinstance(event, OF_A_REPLY) and event.turn_id in spoken:
            assert event.turn_id in sure


def what_was_supposed_is_used(talked: Talked, seen: Counter[str]) -> None:
    """The LLM is asked at the first silence, and what it says then is the reply: nobody asks again."""
    asks = talked.talk.exchanges[0].asks
    stopped = next(((at, event) for at, event in talked.told if isinstance(event, SpeechStopped)), None)
    first = next((event for event in talked.events if isinstance(event, TranscriptFinal)), None)
    if not isinstance(asks, Speech) or stopped is None or first is None or talked.talk.asr_delay_s > 0.5:
        return
    stopped_at, stop = stopped
    assert isinstance(stop, SpeechStopped)
    assert (first.turn_id, first.text) == (stop.turn_id, ASKS)
    assert talked.asked[0][0] < stopped_at
    ended_at = next(at for at, event in talked.told if isinstance(event, TurnEnded) and event.turn_id == stop.turn_id)
    asked = [request.messages for at, request in talked.asked if at < ended_at]
    assert all(one != other for one, other in pairwise(asked))
    seen["supposed"] += 1


LAWS: Sequence[Callable[[Talked, Counter[str]], None]] = (
    one_turn_at_a_time,
    no_turn_goes_on_after_its_end,
    nothing_of_a_reply_comes_once_it_is_over,
    every_call_has_its_result,
    history_is_what_was_heard,
    what_was_heard_is_what_was_played,
    every_pause_is_decided,
    paused_replies_are_silent,
    speech_pauses_at_once_and_only_words_interrupt,
    nothing_inward_is_spoken,
    nobody_is_answered_while_he_speaks,
    nobody_is_answered_twice,
    nothing_is_said_before_it_is_sure,
    what_was_supposed_is_used,
)
