"""What the model is given: system prompt, examples, history and the newest utterance, in this order.

Everything that changes from turn to turn stands at the end, so that the prompt keeps its beginning and the LLM server's
KV cache serves it.
"""

import re
from collections.abc import Sequence

from myna.core.emotion import Emotions
from myna.core.messages import Message, UserMessage
from myna.engines.base import LLMMessage
from myna.personas.model import Persona

EMOTIONS = "{emotions}"
NAME = "{name}"

BUILT_IN = {
    "zh": "你是{name}，一个友善、可靠的语音助手。用户听你说话：像聊天一样说一两句短话，不用列表、格式和代码。"
    "用户说中文你就说中文，用户说英文你就说英文。不知道的事就说不知道。",
    "en": "You are {name}, a friendly and reliable voice assistant. The user hears you: talk as people do, in one or two "
    "short sentences, without lists, formatting or code. Answer in the user's language. When you do not know, say so.",
}

EMOTION_RULES = {
    "zh": "回答的格式：[情绪] 话。情绪只从这些里选最合适的：{emotions}。情绪变了，就在那里再写一个。",
    "en": "Format of a reply: [emotion] words. Choose the emotion that fits best, from these only: {emotions}. Where it "
    "changes, write another.",
}

_BRACKETED = re.compile(r"[\[【［]([^\[\]【】［］]+)[\]】］]")


def build_prompt(
    persona: Persona,
    history: Sequence[Message],
    user_text: str,
    *,
    emotions: Emotions,
    template: str | None,
    system: str | None = None,
) -> tuple[LLMMessage, ...]:
    """The prompt of one turn.

    Args:
        persona: Who answers.
        history: What goes before, oldest first, already cut to fit.
        user_text: The newest utterance.
        emotions: What the reply may show; the persona's (`Persona.emotions_spoken`).
        template: The system prompt of a persona that has none; None for the built-in one.
        system: A request's own system prompt. It takes the place of the persona's, its examples included.
    """
    messages = [LLMMessage("system", system_prompt(persona, emotions, template=template, system=system))]
    if not system:
        for example in persona.examples:
            messages += LLMMessage("user", example.user), LLMMessage("assistant", example.assistant)
    for message in history:
        if isinstance(message, UserMessage):
            _add_user(messages, message.text)
        else:
            messages.append(LLMMessage("assistant", message.reply.raw))
    _add_user(messages, user_text)
    return tuple(messages)


def system_prompt(persona: Persona, emotions: Emotions, *, template: str | None, system: str | None = None) -> str:
    """The request's, else the persona's, else the template, else the built-in prompt; with the emotion rules.

    In a template ``{name}`` becomes the persona's name, in any of them ``{emotions}`` the tags. A prompt that holds
    ``{emotions}``, or one of the tags itself, states its own rules and gets no others.
    """
    language = "zh" if persona.language.startswith("zh") else "en"
    text = system or persona.system_prompt or (template or BUILT_IN[language]).replace(NAME, persona.name)
    if not _states_emotions(text, emotions):
        text = f"{text}\n{EMOTION_RULES[language]}"
    tags = " ".join(f"[{name}]" for name in emotions.in_language(persona.language))
    return text.replace(EMOTIONS, tags)


def _states_emotions(text: str, emotions: Emotions) -> bool:
    return EMOTIONS in text or any(emotions.find(match[1]) is not None for match in _BRACKETED.finditer(text))


def _add_user(messages: list[LLMMessage], text: str) -> None:
    """Add what the user said; to an utterance that was never answered, since many models want roles to alternate."""
    if messages[-1].role == "user":
        text = f"{messages.pop().content}\n{text}"
    messages.append(LLMMessage("user", text))
