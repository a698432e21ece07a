"""What the model is given: system prompt, examples, history and the newest utterance, in this order.

What changes from turn to turn stands at the end, so that the prompt keeps its beginning and the LLM server's KV cache
serves it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from myna.core.emotion import Emotions, twin
from myna.core.ids import MessageId, TurnId
from myna.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.engines.base import LLMMessage
from myna.personas.model import Persona
from myna.session.consent import AGREED
from myna.session.history import History
from myna.tools.results import neutralise

NAME = "{name}"
EMOTIONS = "{emotions}"

BUILT_IN = {
    "zh": "你是{name}，一个友善、可靠的语音助手。用户听你说话：像聊天一样说一两句短话，不用列表、格式和代码。"
    "用户说中文你就说中文，用户说英文你就说英文。不知道的事就说不知道。",
    "en": "You are {name}, a friendly and reliable voice assistant. The user hears you: talk as people do, in one or "
    "two short sentences, without lists, formatting or code. Answer in the user's language. When you do not know, "
    "say so.",
}

EMOTION_RULES = {
    "zh": "每次回答都以一个情绪标签开头，选最合适的：{emotions}。情绪变了，就在那里再写一个标签。",
    "en": "Begin every reply with one emotion tag, the one that fits best: {emotions}. Where the emotion changes, "
    "write another tag.",
}

EXAMPLE = {
    "zh": ("你好！", "你好！有什么我可以帮忙的？"),
    "en": ("Hello!", "Hello! How can I help you?"),
}
"""Goes with the emotion rules where a request has its own prompt: by rules alone small models write a tag, no more."""

LANGUAGE_HINTS = {"zh": "（用中文回答）", "en": " (Answer in English)"}

_BRACKETED = re.compile(r"[\[【［]([^\[\]【】［］]+)[\]】］]")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_ENGLISH = re.compile(  # frequent words that the languages around do not share
    r"(?i)\b(the|and|of|you|your|my|it|we|they|our|is|are|isn't|don't|can|could|would|what|who|where|when|why|how|this|"
    r"that|have|not|please|hello|thanks|i'm|i've|i)\b"
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in its parts, in the order in which they are sent.

    Attributes:
        system: Who answers, and how.
        examples: How that sounds: utterances and replies in turn.
        rounds: What went before, oldest first; `myna.session.history.rounds` says what a round is.
        input: The newest utterance, with what has followed it: tools that it had called, and their results.
        left_out: How many older rounds the conversation has that are not among ``rounds``.
    """

    system: LLMMessage
    examples: tuple[LLMMessage, ...]
    rounds: tuple[tuple[LLMMessage, ...], ...]
    input: tuple[LLMMessage, ...]
    left_out: int = 0

    @property
    def head(self) -> tuple[LLMMessage, ...]:
        """What all conversations with this persona begin with."""
        return (self.system, *self.examples)

    @property
    def messages(self) -> tuple[LLMMessage, ...]:
        """What is sent. An utterance without an answer is joined to the next: models want the roles to alternate.

        One that was said again, as after a failure, is sent once.
        """
        sent = [*self.head]
        before: LLMMessage | None = None
        for message in (*(message for one in self.rounds for message in one), *self.input):
            if message == before and message.role == "user":
                continue
            before = message
            if message.role == sent[-1].role == "user":
                sent.append(replace(message, content=f"{sent.pop().content}\n{message.content}"))
            else:
                sent.append(message)
        return tuple(sent)

    def without(self, oldest: int) -> "Prompt":
        """The same without so many of the oldest rounds."""
        return replace(self, rounds=self.rounds[oldest:], left_out=self.left_out + oldest)


def build_prompt(
    persona: Persona,
    history: History,
    newest: str | Sequence[Message],
    *,
    emotions: Emotions,
    template: str | None,
    system: str | None = None,
) -> Prompt:
    """The prompt of one turn.

    Args:
        persona: Who answers.
        history: What goes before.
        newest: The newest utterance, alone or as the messages of its round.
        emotions: What the reply may show (`Persona.emotions_spoken`).
        template: The system prompt of a persona that has none; None for the built-in one.
        system: A request's own system prompt. It takes the place of the persona's, examples included.
    """
    hints = persona.language_hints and not system and bool(persona.system_prompt or not template)

    user = _with_language_hint if hints else _as_it_is
    round_ = [UserMessage(MessageId(""), TurnId(""), newest)] if isinstance(newest, str) else newest
    tools = _PairedCalls.of([*(message for one in history.rounds for message in one), *round_])
    examples = [(example.user, example.assistant) for example in persona.examples]
    if system:
        examples = [] if _states_emotions(system, emotions) else [_example(persona, emotions)]
    return Prompt(
        system=LLMMessage("system", system_prompt(persona, emotions, template=template, system=system)),
        examples=tuple(
            message for asked, answered in examples for message in (user(asked), LLMMessage("assistant", answered))
        ),
        rounds=tuple(tuple(_joined(_sent(one, tools, user))) for one in history.rounds),
        input=tuple(_joined(_sent(round_, tools, user))),
        left_out=history.left_out,
    )


@dataclass(frozen=True, slots=True)
class _PairedCalls:
    """Which calls of tools can be sent: servers refuse a call without its result, and a result without its call."""

    called: frozenset[str]
    answered: frozenset[str]

    @classmethod
    def of(cls, messages: Sequence[Message]) -> "_PairedCalls":
        return cls(
            frozenset(message.call.id for message in messages if isinstance(message, ToolCallMessage)),
            frozenset(message.call_id for message in messages if isinstance(message, ToolResultMessage)),
        )


def _sent(messages: Iterable[Message], tools: _PairedCalls, user: Callable[[str], LLMMessage]) -> Iterator[LLMMessage]:
    for message in messages:
        match message:
            case UserMessage(text=text):
                yield user(text)
            case AssistantMessage(reply=reply):
                yield LLMMessage("assistant", reply.raw)
            case SystemMessage(text=text):
                yield LLMMessage("system", text)
            case ToolCallMessage(call=call):
                if call.id in tools.answered:
                    yield LLMMessage("assistant", "", tool_calls=(call,))
            case ToolResultMessage(call_id=call_id, output=output):
                if call_id in tools.called:
                    asks = message.asks is not None or output == AGREED.output  # the same prompt before and after a yes
                    outcome = "asks" if asks else "failed" if message.failed else "ok"
                    yield LLMMessage("tool", neutralise(output), tool_call_id=call_id, outcome=outcome)
            case _:
                assert_never(message)


def _joined(messages: Iterable[LLMMessage]) -> Iterator[LLMMessage]:
    """The messages, with calls of tools that stand together in one, as models write them."""
    before: LLMMessage | None = None
    for message in messages:
        if before is not None and message.tool_calls and before.role == "assistant":
            before = replace(before, tool_calls=before.tool_calls + message.tool_calls)
            continue
        if before is not None:
            yield before
        before = message
    if before is not None:
        yield before


def system_prompt(persona: Persona, emotions: Emotions, *, template: str | None, system: str | None = None) -> str:
    """The request's, else the persona's, else the template, else the built-in prompt; with the emotion rules.

    In a template ``{name}`` becomes the persona's name, in any of them ``{emotions}`` the tags. A prompt that holds
    ``{emotions}``, or one of the tags itself, states its own rules and gets no others.
    """
    language = _language(persona)
    text = system or persona.system_prompt or (template or BUILT_IN[language]).replace(NAME, persona.name)
    if not _states_emotions(text, emotions):
        text = f"{text}\n{EMOTION_RULES[language]}"
    tags = " ".join(f"[{name}]" for name in emotions.in_language(persona.language))
    return text.replace(EMOTIONS, tags)


def _example(persona: Persona, emotions: Emotions) -> tuple[str, str]:
    asked, answered = EXAMPLE[_language(persona)]
    emotion = emotions.find("开心") or emotions.default
    spoken = emotions.in_language(persona.language)
    name = next((name for name in (emotion, twin(emotion)) if name in spoken), emotion)
    return asked, f"[{name}] {answered}"


def _language(persona: Persona) -> str:
    return "zh" if persona.language.startswith("zh") else "en"


def _states_emotions(text: str, emotions: Emotions) -> bool:
    return EMOTIONS in text or any(emotions.find(match[1]) is not None for match in _BRACKETED.finditer(text))


def _as_it_is(text: str) -> LLMMessage:
    return LLMMessage("user", text)


def has_chinese(text: str) -> bool:
    """Whether there are Chinese characters in it."""
    return _CHINESE.search(text) is not None


def _with_language_hint(text: str) -> LLMMessage:
    return LLMMessage("user", text + _language_hint(text))


def _language_hint(text: str) -> str:
    """A word on the language to answer in, which is that of ``text``; nothing where that is neither.

    It depends on the utterance alone, so what has become history stays as it was.
    """
    if _CHINESE.search(text):
        return "" if _KANA.search(text) else LANGUAGE_HINTS["zh"]
    return LANGUAGE_HINTS["en"] if _ENGLISH.search(text) else ""
