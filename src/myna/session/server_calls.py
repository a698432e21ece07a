"""The calls of the server's tools in one reply: what was called, what runs, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio

from myna.core.events import ToolEnded, ToolStarted
from myna.core.ids import MessageId, TurnId, new_message_id
from myna.core.messages import ToolCallMessage, ToolResultMessage
from myna.core.tools import ToolCall, ToolResult, ToolSpec
from myna.session.consent import NO_ANSWER

CANCELLED = ToolResult("The reply was interrupted before this had ended. It may have been done in part.", "cancelled")
"""What the model is told of a call that was cancelled."""

NOT_BEGUN = ToolResult("The reply was interrupted before this had begun. It was not done.", "cancelled")

GOES_ON = ToolResult(
    "The reply was interrupted. This cannot be cancelled and still runs; what comes of it is known later.", "goes_on"
)
"""What the client is told of a call that outlives its reply; the model too, until what comes of it is known."""


@dataclass(slots=True)
class _Call:
    """One call, as far as it got.

    Attributes:
        answered: When the user has answered whether it may run; None: he is not asked.
        begun_at: When it began to run, by the event loop's clock.
        goes_on: It ends even if the reply is interrupted.
        told: Which of its events the client was sent.
    """

    call: ToolCall
    message_id: MessageId
    answered: anyio.Event | None
    allowed: bool = False
    begun_at: float | None = None
    goes_on: bool = False
    result: ToolResult | None = None
    took_ms: float = 0.0
    told: set[type[ToolStarted] | type[ToolEnded]] = field(default_factory=set[type[ToolStarted] | type[ToolEnded]])

    @property
    def waits(self) -> bool:
        """Whether the user is still asked."""
        return self.answered is not None and not self.answered.is_set() and self.result is None

    def at_interruption(self) -> ToolResult:
        """What came of it when the reply was interrupted before it had ended."""
        if self.goes_on:
            return GOES_ON
        if self.begun_at is not None:
            return CANCELLED
        return NO_ANSWER if self.waits else NOT_BEGUN

    def running_ms(self) -> float:
        """How long it has been running."""
        return 0.0 if self.begun_at is None else (anyio.current_time() - self.begun_at) * 1000


@dataclass(slots=True)
class ServerCalls:
    """Takes the calls of one reply. The ids of those that have ended may come again.

    Attributes:
        turn_id: The turn of the reply.
        messages: The calls and their results, in the order in which they came.
    """

    turn_id: TurnId
    messages: list[ToolCallMessage | ToolResultMessage] = field(
        default_factory=list[ToolCallMessage | ToolResultMessage]
    )
    _calls: dict[str, _Call] = field(default_factory=dict[str, _Call])
    _idle: set[MessageId] = field(default_factory=set[MessageId])

    def start(self, call: ToolCall, *, asks: bool) -> ToolCallMessage:
        """The model calls a tool; ``asks``: the user has to agree."""
        message = ToolCallMessage(new_message_id(), self.turn_id, call)
        self._calls[call.id] = _Call(call, message.id, anyio.Event() if asks else None)
        self.messages.append(message)
        return message

    def begin(self, call: ToolCall, *, goes_on: bool) -> None:
        """It runs from now on; ``goes_on``: its result comes even if the reply is interrupted."""
        known = self._calls[call.id]
        known.begun_at, known.goes_on = anyio.current_time(), goes_on

    def keep(self, call: ToolCall, result: ToolResult, asks: ToolSpec | None = None) -> None:
        """Keep what came of it; ``asks`` is the tool, if the user's consent is waited for."""
        known = self._calls[call.id]
        known.result, known.took_ms = result, known.running_ms()
        message = ToolResultMessage(new_message_id(), self.turn_id, call.id, result.output, asks, result.failed)
        self.messages.append(message)
        if known.begun_at is None and known.answered is None:
            self._idle |= {known.message_id, message.id}

    @property
    def effects(self) -> list[ToolCallMessage | ToolResultMessage]:
        """The messages of the calls that ran, if only in part, or that the user was asked about.

        What they did is done, whatever becomes of the reply; of the others nobody knows.
        """
        return [message for message in self.messages if message.id not in self._idle]

    @property
    def waiting(self) -> list[tuple[ToolCall, ToolResult]]:
        """The calls that wait for the user's consent, with what the model was told instead of a result."""
        kept = ((each.call, each.result) for each in self._calls.values() if each.result is not None)
        return [(call, result) for call, result in kept if result.asks is not None]

    def told(self, event: ToolStarted | ToolEnded) -> None:
        """The client was sent an event of a call."""
        self._calls[_call_id(event)].told.add(type(event))

    def untold(self, event: ToolStarted | ToolEnded) -> None:
        """It had not taken it, and it was withdrawn."""
        self._calls[_call_id(event)].told.discard(type(event))

    async def asked(self, call_id: str) -> bool:
        """What the user answers when asked whether a tool may run."""
        call = self._calls[call_id]
        if call.answered is not None:
            await call.answered.wait()
        return call.allowed

    def allow(self, call_id: str, *, allowed: bool) -> bool:
        """The user has answered; whether anybody had asked."""
        call = self._calls.get(call_id)
        if call is None or call.answered is None or not call.waits:
            return False
        call.allowed = allowed
        call.answered.set()
        return True

    def interrupt(self) -> Iterator[ToolEnded]:
        """The reply has ended before them. Gives the ends of the calls that the client saw begin, and not end.

        What still ran was cancelled, but for what goes on, whose results come later.
        """
        for call_id, call in self._calls.items():
            if call.result is None:
                self.keep(call.call, call.at_interruption())
            if call.result is not None and call.told == {ToolStarted}:
                yield ToolEnded(self.turn_id, call_id, call.call.name, call.result, call.took_ms)


def _call_id(event: ToolStarted | ToolEnded) -> str:
    return event.call.id if isinstance(event, ToolStarted) else event.call_id
