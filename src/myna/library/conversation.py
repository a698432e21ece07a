"""`Conversation`: what was said with an agent, kept."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from myna.core.errors import BadInput, Busy
from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.library.event_loop import callers_loop
from myna.library.flow import Flow
from myna.library.messages import said
from myna.library.recording import Recording
from myna.library.reply import Reply
from myna.library.streams import AsyncReplyStream, ReplyStream, Watch


class Answers(Protocol):
    """Begins a reply to a talk; tools are called in ``loop``, and ``ended`` is told when it has ended."""

    def __call__(
        self,
        talk: Sequence[Message],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        ended: Callable[[Recording], None] | None = None,
    ) -> Flow:
        """Begin it."""
        ...


class Conversation:
    """A talk with an agent, which knows what was said before. Made by `myna.library.agent.Agent.conversation`.

    One question at a time. A reply that failed leaves it as it was; of one that was closed early, what was read stays.

    Attributes:
        messages: All that was said, with the calls of tools and their results. Of what the model's context does not
            hold, the oldest is left out of its prompt.
    """

    def __init__(self, answers: Answers, watch: Watch | None) -> None:
        self.messages: tuple[Message, ...] = ()
        self._answers = answers
        self._watch = watch
        self._asking = threading.Lock()

    @property
    def history(self) -> list[tuple[str, str]]:
        """What the user said and what was answered, in pairs."""
        pairs: list[tuple[str, str]] = []
        for message in self.messages:
            match message:
                case UserMessage(text=text):
                    pairs.append((text, ""))
                case AssistantMessage(reply=reply) if pairs:
                    asked, answered = pairs.pop()
                    pairs.append((asked, f"{answered}\n{reply.display}".strip()))
                case _:
                    pass
        return pairs

    def run(self, text: str) -> Reply:
        """The whole reply to what the user says now."""
        return self.stream(text).read()

    def stream(self, text: str) -> ReplyStream:
        """As `run`, piece by piece.

        Raises:
            BadInput: The text is empty.
            Busy: The reply before has not ended, and was not closed.
        """
        return ReplyStream(self._flow(text, None), self._watch)

    async def arun(self, text: str) -> Reply:
        """As `run`, in an event loop."""
        return await self.astream(text).read()

    def astream(self, text: str) -> AsyncReplyStream:
        """As `stream`, in an event loop."""
        return AsyncReplyStream(self._flow(text, callers_loop()), self._watch)

    def clear(self) -> None:
        """Forget all that was said."""
        self.messages = ()

    def _flow(self, text: str, loop: asyncio.AbstractEventLoop | None) -> Flow:
        if not text.strip():
            raise BadInput("The text is empty.", hint="Say something.")
        if not self._asking.acquire(blocking=False):
            raise Busy(
                "The reply before has not ended.", hint="Read it to its end or close it; or open another conversation."
            )
        asked = said(text)

        def ended(recording: Recording) -> None:
            if recording.messages:
                self.messages = (*self.messages, asked, *recording.messages)
            self._asking.release()

        try:
            return self._answers((*self.messages, asked), loop=loop, ended=ended)
        except BaseException:
            self._asking.release()
            raise
