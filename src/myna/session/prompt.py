"""What the model is given: system prompt, examples, history and the newest utterance, in this order.

What changes from turn to turn stands at the end, so that the prompt keeps its beginning and the LLM server's KV cache
serves it. So what is recalled, and what the persona's lorebook has to say, stands beside the newest utterance.
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
from myna.personas.cards.macros import ORIGINAL
from myna.personas.lore.choose import called_up, standing
from myna.personas.model import Example, Persona
from myna.session.consent import AGREED
from myna.session.history import History
from myna.text.neutral import neutralise

NAME = "{name}"
EMOTIONS = "{emotions}"

BUILT_IN = {
    "zh": "你是{name}，一个友善、可靠的语音助手。用户听你说话：像聊天一样说一两句短话，不用列表、格式和代码。"
    "用户说中文你就说中文，用户说英文你就说英文。不知道的事就说不知道。",
    "en": "You are {name}, a friendly and reliable voice assistant. The user hears you: talk as people do, in one or "
    "two short sentences, without lists, formatting or code. Answer in the user's language. When you do not know, "
    "say so.",
}

CHARACTER = {
    "zh": "你就是{name}，正在和对方当面说话。用{name}的口吻，每次只说一两句短话，不写旁白、动作、列表和格式。",
    "en": "You are {name}, talking with the user face to face. Speak as {name} does, in one or two short sentences, "
    "without narration, actions, lists or formatting.",
}
"""What ``{{original}}`` in a persona's prompt stands for where no template is configured."""

EMOTION_RULES = {
    "zh": "每次回答都以一个情绪标签开头，选最合适的：{emotions}。情绪变了，就在那里再写一个标签。",
    "en": "Begin every reply with one emotion tag, the one that fits best: {emotions}. Where the emotion changes, "
    "write another tag.",
}

EXAMPLE = {
    "zh": ("你好！", "你好！有什么我可以帮忙的？"),
    "en": ("Hello!", "Hello! How can I help you?"),
}
"""Goes with the emotion rules where a request, or a persona without examples, has its own prompt: by rules alone small
models write a tag, and no more."""

BESIDE = {"zh": "（你知道：\n{texts}）\n", "en": "(You know:\n{texts})\n"}
"""How texts stand before the newest utterance."""

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
        beside: Stands before the newest utterance, in the same message, and is gone in the next turn.
        earlier: A summary of what was left out; stands before the first utterance, in the same message. It has to be
            the same as long as the same rounds are left out, for the KV cache.
    """

    system: LLMMessage
    examples: tuple[LLMMessage, ...]
    rounds: tuple[tuple[LLMMessage, ...], ...]
    input: tuple[LLMMessage, ...]
    left_out: int = 0
    beside: str = ""
    earlier: str = ""

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
        spoken = next((message for message in self.input if message.role == "user"), None)
        talked = (*(message for one in self.rounds for message in one), *self.input)
        first = next((message for message in talked if message.role == "user"), None)
        for message in talked:
            told = (self.earlier if message is first else "") + (self.beside if message is spoken else "")
            again = message == before and message.role == "user"
            if again and not told:
                continue
            before = message
            content = told + message.content
            said = message.content if told else message.said
            if message.role == sent[-1].role == "user":
                joined = sent.pop()
                earlier = joined.content.removesuffix(message.content).removesuffix("\n") if again else joined.content
                content = f"{earlier}\n{content}" if earlier else content
                if joined.said is not None and not told:
                    said = f"{joined.said}\n{message.content}"
            sent.append(message if content == message.content else replace(message, content=content, said=said))
        return tuple(sent)

    def without(self, oldest: int) -> "Prompt":
        """The same without so many of the oldest rounds."""
        return replace(self, rounds=self.rounds[oldest:], left_out=self.left_out + oldest)


def build_prompt(  # noqa: PLR0913 - all that a prompt is made of
    persona: Persona,
    history: History,
    newest: str | Sequence[Message],
    *,
    emotions: Emotions,
    template: str | None,
    system: str | None = None,
    beside: Sequence[str] = (),
) -> Prompt:
    """The prompt of one turn.

    Args:
        persona: Who answers.
        history: What goes before.
        newest: The newest utterance, alone or as the messages of its round.
        emotions: What the reply may show (`Persona.emotions_spoken`).
        template: The system prompt of a persona that has none; None for the built-in one.
        system: A request's own system prompt. It takes the place of the persona's, examples included.
        beside: What is to be known for this turn alone, such as memories. It stands before the newest utterance.
    """
    hints = persona.language_hints and not system and bool(persona.system_prompt or not template)

    user = _with_language_hint if hints else _as_it_is
    round_ = [UserMessage(MessageId(""), TurnId(""), newest)] if isinstance(newest, str) else newest
    tools = _PairedCalls.of([*(message for one in history.rounds for message in one), *round_])
    examples = [] if system else _examples(persona, emotions)
    if not examples and (system or persona.system_prompt):
        own = _own_text(persona, template, system)
        examples = [] if _states_emotions(own, emotions) else [_example(persona, emotions)]
    reminder = [persona.reminder] if persona.reminder and not system else []
    lore = () if system else _lore(persona, history, round_)
    return Prompt(
        system=LLMMessage("system", system_prompt(persona, emotions, template=template, system=system)),
        examples=tuple(
            message for asked, answered in examples for message in (user(asked), LLMMessage("assistant", answered))
        ),
        rounds=tuple(tuple(_joined(_sent(one, tools, user))) for one in history.rounds),
        input=tuple(_joined(_sent(round_, tools, user))),
        left_out=history.left_out,
        beside=_beside((*reminder, *beside, *lore), _language_of(round_) or _language(persona)),
    )


def _language_of(newest: Sequence[Message]) -> str:
    """The language of the newest utterance, where that is plain: small models use best what is told them in it."""
    said = "\n".join(message.text for message in newest if isinstance(message, UserMessage))
    if has_chinese(said):
        return "zh"
    return "en" if _ENGLISH.search(said) else ""


def _beside(texts: Sequence[str], language: str) -> str:
    """What stands before the newest utterance. What is the same in every turn goes first, so that it is read ahead."""
    return BESIDE[language].replace("{texts}", "\n".join(texts)) if texts else ""


def _lore(persona: Persona, history: History, newest: Sequence[Message]) -> tuple[str, ...]:
    """What the conversation calls up in the persona's lorebook; nothing while nothing new was said.

    Only utterances of the newest round count, not what tools gave in it: the prompt stays the same within a turn.
    """
    uttered = [message.text for message in newest if isinstance(message, UserMessage)]
    if persona.lorebook is None or not any(text.strip() for text in uttered):
        return ()
    before = [message for one in history.rounds for message in one]
    texts = [said for message in before if (said := _said_in(message)) is not None]
    replies = history.left_out + sum(isinstance(message, AssistantMessage) for message in before)
    return called_up(persona.lorebook, [*texts, *uttered], replies)


def _said_in(message: Message) -> str | None:
    match message:
        case UserMessage(text=text):
            return text
        case AssistantMessage(reply=reply):
            return reply.display
        case _:
            return None


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

    The persona's own comes with what its lorebook always tells, and with the template in the place of `ORIGINAL`, or
    `CHARACTER` where there is none. In a template ``{name}`` becomes the persona's name, in any of them ``{emotions}``
    the tags. A prompt that holds ``{emotions}``, or one of the tags itself, states its own rules and gets no others.
    """
    text = _own_text(persona, template, system)
    if not _states_emotions(text, emotions):
        text = f"{text}\n{EMOTION_RULES[_language(persona)]}"
    tags = " ".join(f"[{name}]" for name in emotions.in_language(persona.language))
    return text.replace(EMOTIONS, tags)


def _own_text(persona: Persona, template: str | None, system: str | None) -> str:
    """The system prompt before the rules."""
    built_in = BUILT_IN[_language(persona)]
    return system or _own_prompt(persona, template) or (template or built_in).replace(NAME, persona.name)


def _own_prompt(persona: Persona, template: str | None) -> str:
    lore = standing(persona.lorebook)
    own = persona.system_prompt
    if not own and (lore.before or lore.after):
        own = ORIGINAL
    first = ORIGINAL if own.startswith(ORIGINAL) else ""
    text = "\n".join(part for part in (first, *lore.before, own.removeprefix(first).strip(), *lore.after) if part)
    original = template or CHARACTER[_language(persona)]
    return text.replace(ORIGINAL, original.replace(NAME, persona.name))


def _examples(persona: Persona, emotions: Emotions) -> list[tuple[str, str]]:
    """The persona's. Where none shows a tag, as on cards from elsewhere, each gets that of the default emotion."""
    examples = persona.examples
    if any(_is_tagged(example, emotions) for example in examples):
        return [(example.user, example.assistant) for example in examples]
    name = _as_written(emotions.default, persona, emotions)
    return [(example.user, f"[{name}] {example.assistant}") for example in examples]


def _is_tagged(example: Example, emotions: Emotions) -> bool:
    found = _BRACKETED.match(example.assistant)
    return found is not None and emotions.find(found[1]) is not None


def _example(persona: Persona, emotions: Emotions) -> tuple[str, str]:
    asked, answered = EXAMPLE[_language(persona)]
    emotion = emotions.find("开心") or emotions.default
    return asked, f"[{_as_written(emotion, persona, emotions)}] {answered}"


def _as_written(emotion: str, persona: Persona, emotions: Emotions) -> str:
    """The name of ``emotion`` in the persona's language."""
    spoken = emotions.in_language(persona.language)
    return next((name for name in (emotion, twin(emotion)) if name in spoken), emotion)


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
