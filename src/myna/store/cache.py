"""The messages of the conversations that are talked in, as they were when they were read.

The database has the last word, as other processes write to it too: what is here counts only while the conversation has
the revision that it was read at.
"""

from collections import OrderedDict
from collections.abc import Sequence

from myna.core.ids import ConversationId
from myna.core.messages import Message

MOST_MESSAGES = 20_000
"""So many messages are kept, of all conversations together: some 20 MB."""


class MessageCache:
    """Messages by conversation; those unused for longest go first."""

    def __init__(self, limit: int = MOST_MESSAGES) -> None:
        self._limit = limit
        self._count = 0
        self._kept: OrderedDict[ConversationId, tuple[int, Sequence[Message]]] = OrderedDict()

    def get(self, conversation_id: ConversationId, revision: int) -> Sequence[Message] | None:
        """The messages, if they are those of this revision."""
        kept = self._kept.get(conversation_id)
        if kept is None or kept[0] != revision:
            return None
        self._kept.move_to_end(conversation_id)
        return kept[1]

    def put(self, conversation_id: ConversationId, revision: int, messages: Sequence[Message]) -> None:
        """These are the messages, unless newer ones are known."""
        kept = self._kept.get(conversation_id)
        if kept is not None and kept[0] > revision:
            return
        self.drop(conversation_id)
        self._kept[conversation_id] = (revision, tuple(messages))
        self._count += len(messages)
        while self._count > self._limit:
            self._count -= len(self._kept.popitem(last=False)[1][1])

    def drop(self, conversation_id: ConversationId) -> None:
        """Nothing is known of it."""
        if (kept := self._kept.pop(conversation_id, None)) is not None:
            self._count -= len(kept[1])
