"""A summary of what was said early in a conversation: the user's own sentences that tell the most. Pure.

It is made from the messages whenever it is wanted, and kept nowhere: it needs no model, cannot tell what nobody said,
and follows whatever is deleted or forgotten.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.engines.base import LLMMessage
from myna.engines.llm.token_estimate import estimate_tokens
from myna.memory.clauses import LONGEST_PLAY, PASTED, begins_play
from myna.memory.forgetting import Last, last_of, request_in
from myna.memory.wording import language_of
from myna.memory.words import words_of
from myna.text.backchannels import is_backchannel

SAID = {
    "zh": "（更早的时候，用户说过：\n{lines}）\n",
    "en": "(Earlier in this conversation, the user said:\n{lines})\n",
}
"""How it stands before the first utterance that the prompt has."""
ANSWERED = {"zh": "被问到“{asked}”时：{text}", "en": 'when asked "{asked}": {text}'}
"""How a short answer is told, which says little without its question."""

MOST_CHARACTERS = 100_000
"""So much of what the user said is looked at, the newest: 10,000 characters take some 10 ms."""
NEWEST = 4
"""So many utterances are looked at for a wish to forget that may not have come true yet."""
LONGEST_UTTERANCE = 2_000
"""Characters that are looked at: what is longer was pasted."""
LONGEST_SENTENCE = 160
"""Characters: what is longer is left out."""
LONGEST_QUESTION = 60
"""Characters of a question that is told with its answer."""
SHORT_ANSWER = 3
"""So many words of an utterance, and no more, are told with the question they answer."""
LEAST_WORDS = 2
"""So many words that no other sentence has told yet: with fewer, a sentence is not worth its place."""
LEAST_PLAIN_WORDS = 3
"""So many where it is neither about the user nor has figures or names: else it is a greeting, or a nod."""

# Six conversations had 42 things to keep. 34 are told in 100 tokens, all in 150; half as much more of any of these
# changes that by two.
OWN, FIGURE, ASKED = 1.5, 1.3, 0.5
"""How much more a sentence tells that is about the user, for each figure or name in it, and if it asks."""
MOST_FIGURES = 3
LINE_TOKENS = 8
"""Of a line besides its text, so that not only the shortest sentences are told."""

_SENTENCE = re.compile(r"[^。！？!?\n；;…]+?(?:\.(?=\s|$)|[。！？!?\n；;…]+|$)")
_OWN = re.compile(r"[我俺咱]|\b(?:i|my|me|we|our|us)\b", re.IGNORECASE)
_FIGURE = re.compile(r"\d+|[一二两三四五六七八九十百千万]+[个點点号號月年岁歲块塊元天斤次张張]|(?<=[a-z,] )[A-Z][a-z]+")
_ASKS = re.compile(
    r"[?？]\s*$|[吗嗎呢么麼]$|什么|什麼|怎么|怎麼|多少|哪[里裡儿个個些位]|谁|誰|能不能|会不会|會不會|有没有|有沒有|是不是|几点|幾點"
    r"|^(?:那|好|嗯|[，, ])*(?:请|請|帮我|幫我|给我|給我|告诉我|告訴我|讲一?个|講一?個|再来|再來|换个|換個)"
    r"|^(?:(?:and|but|so|or|well|hey|ok|okay)[, ]+)*(?:do|does|did|is|are|was|were|can|could|will|would|should|what|who"
    r"|where|when|why|how|which|tell me|give me)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that may be told.

    Attributes:
        words: What it tells.
        weight: How much a word of it tells.
        tokens: About how many it takes.
    """

    text: str
    words: frozenset[str]
    weight: float
    tokens: int


def summary_of(left_out: Sequence[Message], *, most_tokens: int) -> str:
    """What is told of the messages that a prompt leaves out; "" where they tell nothing, or nothing has room.

    Args:
        left_out: The oldest messages of the conversation, or those of them that may be told.
        most_tokens: So many it takes at most, by estimate.
    """
    frame = max(_tokens(form) for form in SAID.values())
    chosen = _most_telling(told_in(left_out), most_tokens - frame)
    if not chosen:
        return ""
    lines = "\n".join(f"- {each.text}" for each in chosen)
    return SAID["en" if language_of(lines) == "en" else "zh"].replace("{lines}", lines)


def told_in(left_out: Sequence[Message]) -> Sequence[Sentence]:
    """The sentences in ``left_out`` that may be told, in their order.

    Nothing from before a wish to forget, whatever it was about, and nothing that was said in a play.
    """
    told: list[Sentence] = []
    last, heard, played, forgot = Last(), "", 0, False
    for message in _newest(left_out):
        if isinstance(message, AssistantMessage):
            heard = message.reply.heard if not forgot else ""
        if not isinstance(message, UserMessage):
            continue
        request = request_in(message.text, asked_everything=last.asked_everything)
        played = LONGEST_PLAY if begins_play(message.text) else max(0, played - 1)
        if request is not None:
            told = [] if request.is_final else told
        elif not played:
            told += _sentences(message.text, heard)
        last, heard, forgot = last_of(message, request), "", request is not None
    return told


def asks_to_forget(newest: Sequence[Message]) -> bool:
    """Whether one of the last `NEWEST` utterances asks to forget anything."""
    last = Last()
    for message in [message for message in newest if isinstance(message, UserMessage)][-NEWEST:]:
        request = request_in(message.text, asked_everything=last.asked_everything)
        if request is not None and request.is_final:
            return True
        last = last_of(message, request)
    return False


def _newest(messages: Sequence[Message]) -> Sequence[Message]:
    """The newest of them, with `MOST_CHARACTERS` of the user's."""
    left = MOST_CHARACTERS
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        left -= min(LONGEST_UTTERANCE, len(message.text)) if isinstance(message, UserMessage) else 0
        if left < 0:
            return messages[place + 1 :]
    return messages


def _sentences(utterance: str, heard: str) -> Iterator[Sentence]:
    said = utterance[:LONGEST_UTTERANCE]
    if asked := _asked(said, heard):
        form, answer = ANSWERED["en" if language_of(said) == "en" else "zh"], " ".join(said.split())
        text = form.format(asked=asked, text=answer)
        if len(text) <= LONGEST_SENTENCE:
            yield _sentence(text, words_of(f"{asked} {answer}"), ASKED)
        return
    for found in _SENTENCE.findall(PASTED.sub("\n", said)):
        text = " ".join(found.split())
        if len(text) <= LONGEST_SENTENCE and _says_something(text, words := words_of(text)):
            yield _sentence(text, words, ASKED if _ASKS.search(text) else 1.0)


def _says_something(text: str, words: Collection[str]) -> bool:
    special = _OWN.search(text) or _FIGURE.search(text)
    return len(words) >= (LEAST_WORDS if special else LEAST_PLAIN_WORDS) and not is_backchannel(text)


def _sentence(text: str, words: frozenset[str], weight: float) -> Sentence:
    weight *= FIGURE ** min(MOST_FIGURES, len(_FIGURE.findall(text)))
    return Sentence(text, words, weight * (OWN if _OWN.search(text) else 1.0), _tokens(f"- {text}\n"))


def _asked(said: str, heard: str) -> str:
    """The question that a short utterance answers; "" if it is none, or says no more than that somebody listens."""
    if not 0 < len(words_of(said)) <= SHORT_ANSWER or is_backchannel(said) or _ASKS.search(said):
        return ""
    question = " ".join(next(reversed(_SENTENCE.findall(heard)), "").split())
    return question if question.endswith(("?", "？")) and len(question) <= LONGEST_QUESTION else ""


def _most_telling(sentences: Sequence[Sentence], most_tokens: int) -> Sequence[Sentence]:
    """Those that tell the most for their length, each what the others have not told, in their order."""
    told: set[str] = set()
    chosen: list[int] = []
    left = most_tokens
    best = [(-_worth(each, told), place) for place, each in enumerate(sentences)]
    heapify(best)
    while best:
        was, place = heappop(best)
        each = sentences[place]
        if each.tokens > left or len(each.words - told) < LEAST_WORDS:
            continue
        worth = -_worth(each, told)
        if worth > was:  # since it was put there, others have told some of it: it may be worth less than the next
            heappush(best, (worth, place))
            continue
        chosen.append(place)
        left -= each.tokens
        told |= each.words
    return [sentences[place] for place in sorted(chosen)]


def _worth(sentence: Sentence, told: Collection[str]) -> float:
    return sentence.weight * len(sentence.words.difference(told)) / (sentence.tokens + LINE_TOKENS)


def _tokens(text: str) -> int:
    return estimate_tokens([LLMMessage("user", text)]) - estimate_tokens([LLMMessage("user", "")])
