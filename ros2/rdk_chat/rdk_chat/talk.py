"""How one prompt is answered: the same for a service and an action."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from rdk_chat.call import Call, Server, key_of
from rdk_chat.conversations import Conversations
from rdk_chat.myna import Question, persona_for, pieces
from rdk_chat.problem import INACTIVE, Problem
from rdk_chat.reply import Paced, Reply
from rdk_chat.settings import PROFILES, Settings
from rdk_chat.turns import Place, Turns

POLL_S = 0.05
"""How long it may take until a cancel is seen."""
MOST_PROMPT = 100_000
"""Characters."""
MOST_REPLY = 1_000_000
"""Characters, after which a model that does not end is stopped."""

Outcome = Literal["completed", "cancelled", "failed"]


@dataclass(frozen=True)
class Answer:
    """How it ended.

    Attributes:
        text: The reply, or what had come of it.
        problem: Why it failed.
    """

    text: str
    outcome: Outcome
    problem: Problem | None = None


@dataclass(frozen=True)
class Prompt:
    """What is to be answered.

    Attributes:
        text: What was said.
        client: Who said it, by the name that it is known by; empty if by none.
        say: Takes the reply piece by piece.
        period_s: The shortest time between two pieces.
        cancelled: Whether nobody wants it any more.
    """

    text: str
    client: str = ""
    say: Callable[[str], None] = lambda piece: None
    period_s: float = 0.0
    cancelled: Callable[[], bool] = lambda: False


@dataclass
class Counts:
    """What has become of the prompts, for diagnostics.

    Attributes:
        ended: How many have ended, and how.
        last_problem: Why the last one failed; None if it did not.
        first_piece_s: How long the first piece of the last reply took.
    """

    ended: Counter[Outcome] = field(default_factory=Counter[Outcome])
    last_problem: Problem | None = None
    first_piece_s: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, answer: Answer) -> None:
        """One more has ended."""
        with self._lock:
            self.ended[answer.outcome] += 1
            if answer.outcome != "cancelled":
                self.last_problem = answer.problem


class Talk:
    """Answers prompts, some at a time, while it is open.

    Attributes:
        settings: What holds; may be replaced at any time, and counts for prompts that begin then.
        default: Who answers where nobody is named, by the URL and the language for which Myna said so.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.conversations = Conversations(settings.conversation)
        self.turns = Turns(settings.concurrent, settings.queue)
        self.counts = Counts()
        self._closed = INACTIVE
        self._open = threading.Event()
        self.default: tuple[tuple[str, str], str] | None = None

    def open(self) -> None:
        """Take prompts."""
        self._open.set()

    def close(self, why: Problem) -> None:
        """Take no more, and end those that are being answered."""
        self._closed = why
        self._open.clear()

    @property
    def is_open(self) -> bool:
        """Whether it takes prompts."""
        return self._open.is_set()

    def enter(self) -> Place:
        """A place for one who asks, who leaves it in the end.

        Raises:
            Problem: It takes no more.
        """
        if not self.is_open:
            raise self._closed
        place = self.turns.take()
        if place is None:
            busy = Problem(
                "busy", "All places are taken. Ask again later, or raise the parameters concurrent and queue."
            )
            self.counts.note(Answer("", "failed", busy))
            raise busy
        return place

    def answer(self, place: Place, prompt: Prompt) -> Answer:
        """Wait for one's turn, ask Myna, and say what comes. The caller leaves the place."""
        asking = _Asking(self, prompt)
        try:
            if place.wait(asking.unwanted):
                asking.ask()
            if not prompt.cancelled() and not self.is_open:
                raise self._closed
            answer = Answer(asking.text, "cancelled" if prompt.cancelled() else "completed")
        except Problem as problem:
            answer = Answer(asking.text, "failed", problem)
        asking.finish()
        self.counts.note(answer)
        return answer

    def server(self) -> Server:
        """Where Myna is, as it is set now.

        Raises:
            Problem: There is no key where one is said to be.
        """
        settings = self.settings
        key = key_of(settings.api_key_file, os.environ)
        return Server(settings.url, key, settings.ca_file, settings.connect_timeout_s, settings.silence_timeout_s)


class _Asking:
    """One prompt, on its way."""

    def __init__(self, talk: Talk, prompt: Prompt) -> None:
        self._talk = talk
        self._prompt = prompt
        self._said: list[str] = []
        self._length = 0
        self.paced = Paced(prompt.period_s, prompt.say)

    @property
    def text(self) -> str:
        """What has come of the reply."""
        return "".join(self._said)

    def unwanted(self) -> bool:
        """Whether nobody wants the answer any more."""
        return self._prompt.cancelled() or not self._talk.is_open

    def ask(self) -> None:
        """Ask, until the reply has ended or is unwanted. What was said is remembered, unless it failed.

        Raises:
            Problem: There is no whole reply.
        """
        talk, prompt, settings = self._talk, self._prompt.text, self._talk.settings
        if not prompt.strip():
            raise Problem("empty_prompt", "The prompt is empty. Say something.")
        if len(prompt) > MOST_PROMPT:
            raise Problem("too_long", f"The prompt has {len(prompt)} characters, more than {MOST_PROMPT}. Say less.")
        told = talk.conversations.told(self._prompt.client)
        server = talk.server()
        ends_at = time.monotonic() + settings.reply_timeout_s
        persona = settings.persona or self._default(server, settings.language, ends_at)
        if persona is None:
            return
        messages = (*told.messages, {"role": "user", "content": prompt})
        question = Question(persona, messages, PROFILES.get(settings.profile, {}), settings.private)
        try:
            for piece in self._read(server, lambda call: pieces(call, question), ends_at):
                self._add(piece)
        except Problem as problem:
            if problem.code == "refused":
                talk.default = None  # the persona may be gone
            raise
        if self._said:
            talk.conversations.add(told, prompt, self.text)

    def finish(self) -> None:
        """Say what is held when it is due, or at once if nobody waits for more."""
        while (due_s := self.paced.due_s) and not self.unwanted():
            time.sleep(min(due_s, POLL_S))
        self.paced.finish()

    def _add(self, piece: str) -> None:
        if not self._said:
            self._talk.counts.first_piece_s = time.monotonic() - self._began
        self._said.append(piece)
        self._length += len(piece)
        self.paced.add(piece)
        if self._length > MOST_REPLY:
            raise Problem("failed", f"The reply has more than {MOST_REPLY} characters, and was stopped.")

    def _default(self, server: Server, language: str, ends_at: float) -> str | None:
        """Who answers where nobody is named; None if that was unwanted before it was known."""
        key, default = (server.url, language), self._talk.default
        if default is not None and default[0] == key:
            return default[1]
        for name in self._read(server, lambda call: iter([persona_for(call, language)]), ends_at):
            self._talk.default = (key, name)
            return name
        return None

    def _read(self, server: Server, read: Callable[[Call], Iterator[str]], ends_at: float) -> Iterator[str]:
        """What comes, until it has ended or is unwanted."""
        self._began = time.monotonic()
        reply = Reply(server, read)
        try:
            while not self.unwanted():
                due_s = self.paced.due_s
                piece = reply.next(POLL_S if due_s is None else min(due_s, POLL_S))
                if piece is None:
                    return
                if piece:
                    yield piece
                self.paced.flush()
                if time.monotonic() > ends_at:
                    limit_s = self._talk.settings.reply_timeout_s
                    raise Problem("timed_out", f"The reply took more than {limit_s:g} s. See reply_timeout_s.")
        finally:
            reply.close()
