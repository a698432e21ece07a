"""The Realtime protocol, in and out."""

import secrets
from collections.abc import Iterable

from myna.core.commands import AddMessage, AllowTool, Command, CommitAudio, CreateReply, DeleteMessage, TruncateReply
from myna.core.errors import MynaError
from myna.core.events import Event
from myna.core.preferences import Preferences
from myna.wire.decoded import Decoded
from myna.wire.realtime import server_events as tell
from myna.wire.realtime.client_events import event_id_of, read_json
from myna.wire.realtime.decoder import Decoder
from myna.wire.realtime.encoder import Encoder
from myna.wire.realtime.refusal import EventRefused
from myna.wire.realtime.served import Served
from myna.wire.realtime.server_events import ServerEvent
from myna.wire.realtime.session_meaning import preferences, shown
from myna.wire.realtime.state import NewId, State


def new_id(kind: str) -> str:
    """An id of a kind, like those of `myna.core.ids`."""
    return f"{kind}_{secrets.token_hex(12)}"


class RealtimeCodec:
    """One session, as a Realtime client speaks and hears it. No I/O, no clock; not for several tasks at once.

    Args:
        served: What the server brings.
        new_id: Makes ids: a kind → an id that begins with it.
    """

    def __init__(self, served: Served, new_id: NewId = new_id) -> None:
        self._state = State.of(served, new_id)
        self._decoder = Decoder(self._state)
        self._encoder = Encoder(self._state)
        self._event_id: str | None = None

    @property
    def preferences(self) -> Preferences:
        """What the session's owner goes by, from the beginning; every change is a `Configure`."""
        return preferences(self._state.config, self._state.served)

    def greet(self) -> tuple[ServerEvent, ...]:
        """What a client is told first."""
        return self._stamped([tell.session("created", shown(self._state.config, self._state.served))])

    def decode(self, message: str | bytes) -> Decoded:
        """What a client's message asks for. One that cannot be done is told in one ``error``, and changes nothing."""
        self._event_id = None
        try:
            fields = read_json(message)
            self._event_id = event_id_of(fields)
            done = self._decoder.decode(fields)
        except EventRefused as refused:
            return Decoded(replies=self._stamped([tell.error(refused, self._event_id)]))
        return Decoded(done.commands, self._stamped(done.told))

    def refused(self, command: Command, error: MynaError) -> tuple[ServerEvent, ...]:
        """What a client is told when the session did not take a command of its last message."""
        match command:
            case CreateReply(turn_id=turn_id):
                self._encoder.drop(turn_id)
            case (
                AddMessage(ref=ref)
                | AllowTool(ref=ref)
                | CommitAudio(ref=ref)
                | DeleteMessage(ref=ref)
                | TruncateReply(ref=ref)
            ):
                self._encoder.forget(ref)
            case _:
                pass
        return self._stamped([tell.error(error, self._event_id)])

    def encode(self, event: Event) -> tuple[ServerEvent, ...]:
        """What a client is told of an event of the session."""
        return self._stamped(self._encoder.encode(event))

    def _stamped(self, events: Iterable[ServerEvent]) -> tuple[ServerEvent, ...]:
        return tuple(_stamped(event, self._state.new_id) for event in events)


def failed(error: MynaError) -> ServerEvent:
    """What a client is told of an error that no event of its caused."""
    return _stamped(tell.error(error, None), new_id)


def _stamped(event: ServerEvent, new_id: NewId) -> ServerEvent:
    return {"type": event["type"], "event_id": new_id("event"), **event}
