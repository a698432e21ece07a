"""What the client is told of calls when the reply is interrupted, and what is kept of them."""

import anyio

from myna.core.events import ToolEnded, ToolStarted
from myna.core.ids import MessageId, TurnId
from myna.core.messages import ToolResultMessage
from myna.core.tools import ToolCall, ToolResult
from myna.session.server_calls import GOES_ON, NOT_BEGUN, ServerCalls
from myna.testing.clock import on_virtual_clock

TURN = TurnId("t")
ORDER = ToolCall("a", "order", "{}")
DONE = ToolResult("it comes")


def started(call: ToolCall = ORDER) -> ToolStarted:
    return ToolStarted(TURN, MessageId("m"), call)


def running(*, goes_on: bool) -> ServerCalls:
    calls = ServerCalls(TURN)
    calls.start(ORDER, asks=False)
    calls.told(started())
    calls.begin(ORDER, goes_on=goes_on)
    return calls


def kept(calls: ServerCalls) -> list[str]:
    return [message.output for message in calls.messages if isinstance(message, ToolResultMessage)]


@on_virtual_clock
async def test_a_call_that_cannot_be_cancelled_is_told_to_go_on_and_its_result_is_still_to_come() -> None:
    calls = running(goes_on=True)
    await anyio.sleep(2)
    assert list(calls.interrupt()) == [ToolEnded(TURN, "a", "order", GOES_ON, 2000.0)]
    assert kept(calls) == [GOES_ON.output]


@on_virtual_clock
async def test_a_call_that_was_cancelled_is_told_with_the_time_that_it_ran() -> None:
    calls = running(goes_on=False)
    await anyio.sleep(2)
    (ended,) = calls.interrupt()
    assert (ended.result.status, ended.took_ms) == ("cancelled", 2000.0)
    assert kept(calls) == [ended.result.output]


@on_virtual_clock
async def test_an_end_that_the_client_had_not_taken_is_told_as_it_was() -> None:
    calls = running(goes_on=True)
    await anyio.sleep(2)
    calls.keep(ORDER, DONE)
    calls.told(ended := ToolEnded(TURN, "a", "order", DONE, 2000.0))
    calls.untold(ended)
    await anyio.sleep(5)
    assert list(calls.interrupt()) == [ended]
    assert kept(calls) == [DONE.output]


@on_virtual_clock
async def test_of_a_call_whose_start_was_not_taken_no_end_is_told() -> None:
    calls = running(goes_on=True)
    calls.untold(started())
    assert list(calls.interrupt()) == []


@on_virtual_clock
async def test_a_call_that_had_not_begun_was_not_done() -> None:
    calls = ServerCalls(TURN)
    calls.start(ORDER, asks=False)
    calls.told(started())
    assert [ended.result for ended in calls.interrupt()] == [NOT_BEGUN]


@on_virtual_clock
async def test_calls_that_ran_or_asked_the_user_had_effects_and_no_others() -> None:
    calls = running(goes_on=False)
    for call_id, asks in (("b", False), ("c", True), ("d", False)):
        calls.start(ToolCall(call_id, "pay", "{}"), asks=asks)
    calls.keep(ToolCall("d", "pay", "{}"), ToolResult("There is no such tool.", "failed"))
    list(calls.interrupt())
    assert len(calls.messages) == 8
    effects = [message for message in calls.effects if isinstance(message, ToolResultMessage)]
    assert [message.call_id for message in effects] == ["a", "c"]
    assert len(calls.effects) == 4


@on_virtual_clock
async def test_only_a_call_that_asks_can_be_allowed_and_only_once() -> None:
    calls = running(goes_on=False)
    asks = ToolCall("b", "pay", "{}")
    calls.start(asks, asks=True)
    assert not calls.allow("a", allowed=True)
    assert not calls.allow("c", allowed=True)
    assert calls.allow("b", allowed=True)
    assert not calls.allow("b", allowed=False)
    assert await calls.asked("b")
