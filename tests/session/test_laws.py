"""The laws of the heart, each as a property over scripts, talks and their times."""

from collections import Counter
from collections.abc import Sequence

import anyio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.session.laws import hold
from tests.session.players import on_stage
from tests.session.talks import USUAL, Talk, play, talks

from myna.core.commands import Command, Interrupt, SendText
from myna.core.errors import EngineRefused
from myna.core.events import Event, Interrupted, ReplyText, TurnEnded
from myna.core.messages import AssistantMessage, UserMessage
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM, Step

steps = st.one_of(
    st.sampled_from(["[开心] ", "[生气]", "一，", "二。", "<think>想</think>", "three ", "**四**", "\n", "[", "]"]),
    st.floats(0.01, 20).map(Pause),
    st.sampled_from([HANG, EngineRefused("No.")]),
)
replies = st.lists(st.lists(steps, max_size=8), min_size=1, max_size=4)
commands = st.lists(
    st.tuples(st.floats(0, 10), st.sampled_from([SendText("早"), SendText("晚"), Interrupt(), Interrupt(played_ms=0)])),
    max_size=8,
)


@given(replies=replies, commands=commands, reads_every_s=st.sampled_from([0.0, 0.5, 30.0]))
@settings(deadline=None, max_examples=150)
@on_virtual_clock
async def test_an_interrupted_reply_says_nothing_more_and_history_keeps_what_was_said(
    replies: Sequence[Sequence[Step]], commands: Sequence[tuple[float, Command]], reads_every_s: float
) -> None:
    taken: list[tuple[float, Event]] = []
    given_at: list[float] = []
    llm = ScriptedLLM(*replies)

    async with on_stage(llm) as stage:

        async def read() -> None:
            async for event in stage.session:
                taken.append((anyio.current_time(), event))
                await anyio.sleep(reads_every_s)

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            for after_s, command in commands:
                await anyio.sleep(after_s)
                given_at.append(anyio.current_time())
                await stage.session.send(command)
            await anyio.sleep(10_000)
            group.cancel_scope.cancel()
        history = await stage.history()

    events = [event for _, event in taken]
    sent = [command.text for _, command in commands if isinstance(command, SendText)]
    assert [message.text for message in history if isinstance(message, UserMessage)] == sent  # none is lost
    ended = [event for event in events if isinstance(event, TurnEnded)]
    assert len(ended) == len(sent)  # every turn ends, whatever its engine does
    assert all(call.ended is not None for call in llm.calls)  # and has let go of its engine
    next_at = [
        given_at[place + 1] if place + 1 < len(commands) else float("inf")
        for place, (_, command) in enumerate(commands)
        if isinstance(command, SendText)
    ]
    for end, over_at in zip(ended, next_at, strict=True):
        said_at = [at for at, event in taken if isinstance(event, ReplyText) and event.turn_id == end.turn_id]
        assert end.outcome != "interrupted" or max(said_at, default=0) <= over_at
        of_turn = [event for event in events if getattr(event, "turn_id", None) == end.turn_id]
        assert of_turn[-1] == end
        after_interruption = [type(event) for event in of_turn if isinstance(event, Interrupted | TurnEnded)]
        assert [type(event) for event in of_turn[-len(after_interruption) :]] == after_interruption
        said = "".join(event.text for event in of_turn if isinstance(event, ReplyText))
        kept = [m.reply for m in history if isinstance(m, AssistantMessage) and m.turn_id == end.turn_id]
        assert kept == ([end.reply] if end.reply else [])
        assert [reply.display for reply in kept] == ([said] if said else [])


# ------------------------------------------------------------------------------------------------ a live session

TALKS = 60

AT_LEAST = {
    "paused": 12,
    "paused at once": 8,
    "resumed": 6,
    "not interrupted by a cough": 4,
    "interrupted": 18,
    "interrupted by words": 2,
    "interrupted amid its words": 14,
    "interrupted where the client stood": 8,
    "interrupted where it said": 1,
    "interrupted while the client read nothing": 2,
    "reports": 100,
    "segments": 300,
    "supposed": 8,
}
"""Of so much the laws are to be asserted, in all talks together, or they would say little. Twice of it is usual."""


def test_whatever_happens_in_a_live_session_the_laws_hold() -> None:
    seen: Counter[str] = Counter()

    @given(talks)
    @settings(
        deadline=None,
        max_examples=TALKS,
        phases=[Phase.reuse, Phase.generate],  # a talk is so long that making it small takes minutes
        suppress_health_check=[HealthCheck.too_slow],
    )
    def the_laws_hold(talk: Talk) -> None:
        seen.update(hold(play(talk)))

    for talk in USUAL:
        seen.update(hold(play(talk)))
    the_laws_hold()
    assert {what: seen[what] for what, least in AT_LEAST.items() if seen[what] < least} == {}
