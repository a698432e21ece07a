"""Which messages of a conversation go back to the model.

A prompt whose beginning stays as it was is served from the KV cache; every cut costs a whole prefill. So history is cut
seldom and then deep. A token budget belongs here too: it drops further `rounds` from the oldest on, in the same steps.
"""

from collections.abc import Sequence

from myna.core.messages import Message, UserMessage


def rounds(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """The messages as rounds: an utterance and what answered it. What stands before the first belongs to the first."""
    starts = [index for index, message in enumerate(messages) if isinstance(message, UserMessage)] or [0]
    ends = [*starts[1:], len(messages)]
    return [tuple(messages[start:end]) for start, end in zip([0, *starts[1:]], ends, strict=True) if end > start]


def recent(messages: Sequence[Message], max_rounds: int) -> tuple[Message, ...]:
    """The newest whole rounds, at most ``max_rounds`` and never less than one.

    Half of ``max_rounds`` is cut off at a time, so that the first message changes only every so many turns.
    """
    whole = rounds(messages)
    step = max(1, max_rounds // 2)
    surplus = max(0, len(whole) - max(1, max_rounds))
    cut = -(-surplus // step) * step
    return tuple(message for one in whole[cut:] for message in one)
