"""Which messages of a conversation go back to the model, by their number.

A prompt whose beginning stays as it was is served from the KV cache; every cut costs a whole prefill. So history is cut
seldom and then deep. `myna.session.budget` cuts it further where the model's context is short.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from myna.core.messages import Message, UserMessage

MOST_ANSWERED = 16
"""Utterances that one reply answers; of more, the newest."""


@dataclass(frozen=True, slots=True)
class History:
    """What a prompt may hold of a conversation: its newest rounds, and how many older ones were left out."""

    rounds: tuple[tuple[Message, ...], ...] = ()
    left_out: int = 0


def rounds(messages: Sequence[Message]) -> tuple[tuple[Message, ...], ...]:
    """The messages as rounds: an utterance and what answered it. What stands before the first belongs to the first."""
    starts = [index for index, message in enumerate(messages) if isinstance(message, UserMessage)] or [0]
    ends = [*starts[1:], len(messages)]
    return tuple(tuple(messages[start:end]) for start, end in zip([0, *starts[1:]], ends, strict=True) if end > start)


def last_utterances(messages: Sequence[Message]) -> list[UserMessage]:
    """What the user said last, whatever has followed it."""
    last = next((at for at in range(len(messages), 0, -1) if isinstance(messages[at - 1], UserMessage)), 0)
    return newest_utterances(messages[:last])


def newest_utterances(messages: Sequence[Message]) -> list[UserMessage]:
    """What the user said last, if nothing has followed it."""
    newest: list[UserMessage] = []
    for message in reversed(messages):
        if not isinstance(message, UserMessage):
            break
        newest.insert(0, message)
    return newest[-MOST_ANSWERED:]


def recent(messages: Sequence[Message], max_rounds: int) -> History:
    """The newest whole rounds, at most ``max_rounds`` and never less than one.

    Half of ``max_rounds`` is cut off at a time, so that the first message changes only every so many turns.
    """
    whole = rounds(messages)
    step = max(1, max_rounds // 2)
    surplus = max(0, len(whole) - max(1, max_rounds))
    cut = -(-surplus // step) * step
    return History(whole[cut:], cut)
