"""A conversation as Markdown, for people to read and to pass on."""

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from myna.core.ids import MessageId, TurnId
from myna.core.messages import (
    AssistantMessage,
    Conversation,
    Message,
    SystemMessage,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.tools import json_object
from myna.personas.model import Persona
from myna.store.base import KeptTurn, Page

LONGEST_PREVIEW = 80

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What is no text: commands to a terminal, and halves of surrogate pairs, which models write at times."""
_TICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class _Words:
    """What the page itself says, in the language of the persona."""

    persona: str
    begun: str
    user: str
    instruction: str
    interrupted: str
    nothing_heard: str
    failed: str
    went_wrong: str
    time: str = "%Y-%m-%d %H:%M %z"


_ENGLISH = _Words(
    persona="With",
    begun="Begun",
    user="You",
    instruction="Instruction",
    interrupted="interrupted here",
    nothing_heard="interrupted before anything was heard",
    failed="broke off here",
    went_wrong="failed",
)
_CHINESE = _Words(
    persona="角色",
    begun="开始于",
    user="我",
    instruction="指示",
    interrupted="说到这里被打断",
    nothing_heard="还没听到就被打断",
    failed="说到这里中断",
    went_wrong="失败",
)


def markdown(
    conversation: Conversation,
    whole: Page,
    turns: Sequence[KeptTurn],
    persona: Persona | None,
) -> str:
    """All that was said: what was heard of each reply, without emotion tags; tool calls are folded.

    Times are in this machine's time zone.

    Args:
        conversation: Which.
        whole: All of it.
        turns: How its turns went.
        persona: Who answers, if there still is such a persona.
    """
    words = _CHINESE if persona and persona.language.lower().startswith("zh") else _ENGLISH
    name = persona.name if persona else conversation.persona_id
    times = {key: at.astimezone() for key, at in whole.times.items()}
    head = [f"# {_inline(headline(conversation, whole.messages))}", "", f"- {words.persona}: {_inline(name)}"]
    if begun := [*times.values(), *(turn.began_at.astimezone() for turn in turns)]:
        head.append(f"- {words.begun}: {min(begun):{words.time}}")
    page = "\n".join([*head, "", *_said(whole.messages, times, name, words)]).rstrip() + "\n"
    return seen(page)


def seen(text: str) -> str:
    """A text without what cannot be seen in it, as people are shown it, by a terminal or in a file."""
    return _UNSEEN.sub("�", text)


def headline(conversation: Conversation, messages: Sequence[Message]) -> str:
    """What a conversation is called: its title, else how the user began it, else its id."""
    first = next((message.text for message in messages if isinstance(message, UserMessage)), "")
    begin = " ".join(first.split())
    begin = begin if len(begin) <= LONGEST_PREVIEW else begin[: LONGEST_PREVIEW - 1] + "…"
    return conversation.title or begin or conversation.id


def _said(messages: Sequence[Message], times: dict[MessageId, datetime], name: str, words: _Words) -> Iterator[str]:
    results: defaultdict[tuple[TurnId, str], deque[ToolResultMessage]] = defaultdict(deque)
    for each in messages:
        if isinstance(each, ToolResultMessage):
            results[each.turn_id, each.call_id].append(each)
    for message in messages:
        if isinstance(message, ToolResultMessage):
            continue
        if isinstance(message, ToolCallMessage):
            came = results[message.turn_id, message.call.id]  # several: some models count anew in each round of a turn
            yield from _call(message, came.popleft() if came else None, words)
            continue
        who = {UserMessage: words.user, AssistantMessage: name, SystemMessage: words.instruction}[type(message)]
        at = times.get(message.id)
        yield f"**{_inline(who)}**" + (f" · {at:%Y-%m-%d %H:%M}" if at else "")
        yield ""
        yield from _text(message, words)


def _text(message: UserMessage | AssistantMessage | SystemMessage, words: _Words) -> Iterator[str]:
    if not isinstance(message, AssistantMessage):
        yield _closed(message.text)
        yield ""
        return
    if heard := message.reply.heard.strip():
        yield _closed(heard)
        yield ""
    if message.outcome != "completed":
        ended = words.failed if message.outcome == "failed" else words.interrupted if heard else words.nothing_heard
        yield f"*— {ended} —*"
        yield ""


def _call(message: ToolCallMessage, result: ToolResultMessage | None, words: _Words) -> Iterator[str]:
    arguments = json_object(message.call.arguments)
    written = json.dumps(arguments, ensure_ascii=False, indent=2) if arguments else message.call.arguments
    went_wrong = f" ({words.went_wrong})" if result is not None and result.failed else ""
    yield f"<details><summary>🔧 {_html(message.call.name)}{went_wrong}</summary>"
    yield ""
    yield _fenced(written, "json")
    yield ""
    if result is not None:
        yield _fenced(result.output, "")
        yield ""
    yield "</details>"
    yield ""


def _fenced(text: str, language: str) -> str:
    """A block of code that nothing in it ends."""
    ticks = "`" * max([3, *(len(run) + 1 for run in _TICKS.findall(text))])
    return "\n".join((ticks + language, text.strip("\n"), ticks))


def _closed(text: str) -> str:
    """A text that ends its blocks of code: one that an interruption left open would take the rest of the page."""
    open_fence = ""
    for fence in _FENCE.findall(text):
        if not open_fence:
            open_fence = fence
        elif fence[0] == open_fence[0] and len(fence) >= len(open_fence):
            open_fence = ""
    return f"{text.strip()}\n{open_fence}" if open_fence else text.strip()


def _inline(text: str) -> str:
    """A text in a line of the page's own, with nothing in it that Markdown would read."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
