"""Bounded waits, on the virtual clock."""

from collections.abc import AsyncGenerator

import anyio
import pytest
from tests.session.live import LIVE
from tests.session.players import on_stage

from myna.core.commands import SendText
from myna.core.errors import EngineTimeout
from myna.core.events import Event, TurnEnded
from myna.session.bounds import pieces
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import Pause, ScriptedLLM
from myna.testing.tts import ScriptedTTS


async def every(seconds: float, items: int = 100) -> AsyncGenerator[int]:
    for item in range(items):
        await anyio.sleep(seconds)
        yield item


async def taken(stream: AsyncGenerator[int], each_s: float = 0.0) -> list[int]:
    """The items of a stream, by who does something else for so long after each."""
    items: list[int] = []
    async for item in stream:
        items.append(item)
        await anyio.sleep(each_s)
    return items


@on_virtual_clock
async def test_what_is_done_between_two_items_is_not_the_streams_time():
    stream = pieces(every(0.01), first_s=1, idle_s=1, total_s=10, what="The LLM")
    assert len(await taken(stream, each_s=60)) == 100


@pytest.mark.parametrize(
    ("first_s", "idle_s", "total_s", "said"), [(0.5, 9, 99, "0.5"), (9, 0.5, 99, "0.5"), (9, 9, 5, "5")]
)
@on_virtual_clock
async def test_a_stream_that_is_slow_in_any_way_is_given_up(first_s: float, idle_s: float, total_s: float, said: str):
    stream = pieces(every(1), first_s=first_s, idle_s=idle_s, total_s=total_s, what="The LLM")
    with pytest.raises(EngineTimeout, match=f"The LLM did not answer within {said} s"):
        await taken(stream)


@on_virtual_clock
async def test_a_reply_that_takes_minutes_to_be_spoken_is_spoken_to_its_end():
    text = "".join(f"这是第{number}个句子。" for number in range(100, 300))
    script = [part for place in range(0, len(text), 4) for part in (text[place : place + 4], Pause(0.001))]
    async with on_stage(ScriptedLLM(script), tts=ScriptedTTS(), options=LIVE) as stage:
        began_s = anyio.current_time()
        await stage.session.send(SendText("从一百数到三百"))
        events: list[Event] = []
        while not (events and isinstance(events[-1], TurnEnded)):
            events.append(await anext(stage.session))
    assert anyio.current_time() - began_s > LIVE.limits.reply_s
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.outcome == "completed"
    assert ended.reply is not None
    assert ended.reply.heard == text
