"""What the model is given: system prompt, examples, history and the newest utterance, in this order.

What changes from turn to turn stands at the end, so that the prompt keeps its beginning and the LLM server's KV cache
serves it.
"""

import re
from collections.abc import Sequence

from myna.core.emotion import Emotions
from myna.core.messages import Message, UserMessage
from myna.engines.base import LLMMessage
from myna.personas.model import Persona

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

LANGUAGE_HINTS = {"zh": "（用中文回答）", "en": " (Answer in English)"}

_BRACKETED = re.compile(r"[\[【［]([^\[\]【】［］]+)[\]】］]")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_ENGLISH = re.compile(  # frequent words that the languages around do not share
    r"(?i)\b(the|and|of|you|your|my|it|we|they|our|is|are|isn't|don't|can|could|would|what|who|where|when|why|how|this|"
    r"that|have|not|please|hello|thanks|i'm|i've|i)\b"
)


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
        emotions: What the reply may show (`Persona.emotions_spoken`).
        template: The system prompt of a persona that has none; None for the built-in one.
        system: A request's own system prompt. It takes the place of the persona's, examples included.
    """
    prompt = [LLMMessage("system", system_prompt(persona, emotions, template=template, system=system))]
    hints = persona.language_hints and not system and bool(persona.system_prompt or not template)

    def add_user(text: str) -> None:
        if hints:
            text += _language_hint(text)
        if prompt[-1].role == "user":  # one that was never answered: many models want the roles to alternate
            text = f"{prompt.pop().content}\n{text}"
        prompt.append(LLMMessage("user", text))

    for example in persona.examples if not system else ():
        add_user(example.user)
        prompt.append(LLMMessage("assistant", example.assistant))
    for message in history:
        if isinstance(message, UserMessage):
            add_user(message.text)
        else:
            prompt.append(LLMMessage("assistant", message.reply.raw))
    add_user(user_text)
    return tuple(prompt)


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


def _language_hint(text: str) -> str:
    """A word on the language to answer in, which is that of ``text``; nothing where that is neither.

    It depends on the utterance alone, so what has become history stays as it was.
    """
    if _CHINESE.search(text):
        return "" if _KANA.search(text) else LANGUAGE_HINTS["zh"]
    return LANGUAGE_HINTS["en"] if _ENGLISH.search(text) else ""
