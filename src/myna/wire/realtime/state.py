"""What a codec remembers of its session, which both directions share."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from myna.core.ids import MessageId, TurnId
from myna.wire.audio_formats import AudioIn
from myna.wire.realtime.items import Item, Items, from_message
from myna.wire.realtime.response import Response
from myna.wire.realtime.served import Served
from myna.wire.realtime.session_config import SessionConfig, configured

NewId = Callable[[str], str]
"""Makes an id of a kind: ``turn`` → ``turn_0f3a…``."""

MOST_ASKED = 1024
MOST_ENDED = 64
MOST_SPOKEN = 64
MOST_WORKED = 10_000


@dataclass(slots=True)
class Spoken:
    """An utterance.

    Attributes:
        start_ms: Where it begins in all the audio; ``end_ms`` likewise, None while that is not known.
        speaking: Whether the client knows that it began, and not that it stopped.
        told: What the client knows of its transcript.
        taken: Whether it is an item of the conversation.
        heard: Whether its transcript is known.
    """

    item_id: MessageId
    start_ms: float = 0.0
    end_ms: float | None = None
    speaking: bool = False
    told: str = ""
    taken: bool = False
    heard: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A command whose outcome the session tells: which event asked, and for which new item."""

    event_id: str | None
    item_id: MessageId | None = None
    commits: bool = False


@dataclass(slots=True)
class State:
    """What a codec remembers.

    Attributes:
        responses: By turn, until the turn ends.
        ended: The ids of the newest responses whose turns have ended.
        spoken: By turn, until the turn ends; the newest.
        worked: The messages of calls of the server's tools that the client was told of. They are no items, but it may
            delete them; the newest.
        pending: Items that the session has not yet confirmed.
        asked: By ``ref``; the newest.
        commits: Where in all the audio the client's commits begin and end, in milliseconds, until they are turns.
        appended_ms: How much audio was appended.
        buffer_from_ms: Where what is in no commit yet begins.
    """

    served: Served
    new_id: NewId
    config: SessionConfig
    items: Items
    audio_in: AudioIn
    responses: dict[TurnId, Response] = field(default_factory=dict[TurnId, Response])
    ended: deque[str] = field(default_factory=lambda: deque[str](maxlen=MOST_ENDED))
    spoken: dict[TurnId, Spoken] = field(default_factory=dict[TurnId, Spoken])
    worked: dict[MessageId, None] = field(default_factory=dict[MessageId, None])
    pending: dict[MessageId, Item] = field(default_factory=dict[MessageId, Item])
    asked: dict[str, Asked] = field(default_factory=dict[str, Asked])
    commits: deque[tuple[float, float]] = field(default_factory=lambda: deque[tuple[float, float]](maxlen=MOST_ASKED))
    appended_ms: float = 0.0
    buffer_from_ms: float = 0.0
    greeted: bool = False

    @classmethod
    def of(cls, served: Served, new_id: NewId) -> "State":
        """What is known at the beginning."""
        items = Items(map(from_message, served.history))
        return cls(served, new_id, configured(served), items, AudioIn())

    def ask(self, asked: Asked) -> str:
        """A ``ref`` for a command."""
        ref = self.new_id("ref")
        self.asked[ref] = asked
        if len(self.asked) > MOST_ASKED:
            del self.asked[next(iter(self.asked))]
        return ref

    def utterance(self, turn_id: TurnId, item_id: MessageId) -> Spoken:
        """The utterance of a turn, known from now on. Of audio that is cleared the end is not told, so few are kept."""
        spoken = self.spoken.setdefault(turn_id, Spoken(item_id))
        if len(self.spoken) > MOST_SPOKEN:
            del self.spoken[next(iter(self.spoken))]
        return spoken

    def work(self, message_id: MessageId) -> MessageId:
        """The client is told of a call of a tool of the server's, which is this message."""
        self.worked[message_id] = None
        if len(self.worked) > MOST_WORKED:
            del self.worked[next(iter(self.worked))]
        return message_id

    def take(self, spoken: Spoken) -> None:
        """An utterance is an item now. One whose end was not told is what the client has committed."""
        if spoken.end_ms is None and self.commits:
            spoken.start_ms, spoken.end_ms = self.commits.popleft()
        spoken.taken = True
        end_ms = spoken.end_ms or 0.0
        self.buffer_from_ms = max(self.buffer_from_ms, end_ms)
        while self.commits and self.commits[0][0] < end_ms:  # what was committed in the midst of it
            self.commits.popleft()

    def item(self, item_id: str) -> Item | None:
        """An item of the conversation, or one that will be."""
        return self.items.get(item_id) or self.pending.get(MessageId(item_id))

    def unfinished(self) -> Iterator[Response]:
        """What is asked for or runs, the newest first."""
        return (response for response in reversed(self.responses.values()) if response.stage != "done")

    def active(self) -> Response | None:
        """The response of the conversation that is asked for or runs."""
        return next((response for response in self.unfinished() if not response.apart), None)
