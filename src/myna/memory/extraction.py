"""What the rules leave: a language model says whether it is worth keeping.

A model of half a billion weights that is asked to write facts writes some that nobody stated. What it can do is to go
on with a pattern. So it is shown one claim of the user's after another, under a schema that its server enforces, and
says of each what it is: its first token decides. The memory is the claim itself, in the third person; nothing in it
comes from the model, so nothing is made up.
"""

import re
from contextlib import aclosing
from datetime import date

from myna.core.tools import JSON
from myna.engines.base import LLM, LLMMessage, LLMRequest, Sampling, TextDelta
from myna.memory.base import Kind, NewMemory
from myna.memory.wording import language_of, simplified, third_person, user_of, with_dates

CONFIDENCE = 0.7
"""How sure a memory is that the model chose."""

TALK_BIAS = 0.5
"""How much more likely talk is made. Of 62 claims (43 facts) 8 of talk were taken for facts without it, 2 with 1.0, but
then 12 facts for talk."""

INSTRUCTIONS = (
    "Is the sentence a lasting fact about the speaker's life that a friend would still know next month "
    "(habits, skills, possessions, work, family, health, taste, long projects)? Or is it passing talk (what happens "
    "now or today, feelings, wishes, requests, opinions)? Answer fact or talk."
)
EXAMPLES: tuple[tuple[str, bool], ...] = (
    ("I play the drums in a band", True),
    ("I'm waiting for the bus", False),
    ("我每个周末都去爬山", True),
    ("我今天有点不舒服", False),
    ("I've been learning Korean since spring", True),
    ("I need some help with this", False),
    ("我在准备司法考试", True),
    ("我想问一下路怎么走", False),
    ("I drive a red truck", True),
    ("I think that's a great idea", False),
    ("我家有个小院子，种了很多花", True),
    ("我觉得你说得对", False),
    ("I usually skip breakfast", True),
    ("I just came back from the shop", False),
    ("我会说一点法语", True),
    ("我马上就出门", False),
    ("I collect old stamps", True),
    ("I got the answer now", False),
    ("我戒烟三年了", True),
    ("我刚看完那部电影", False),
)


async def extract(llm: LLM, claim: str, today: date) -> NewMemory | None:
    """A claim as a memory, if the model says that it is worth keeping.

    Raises:
        EngineError: The model does not answer.
    """
    if not await _is_fact(llm, claim):
        return None
    text, language = third_person(claim), language_of(claim)
    if language != "en" and user_of(language) not in text:  # left out, as it may be in Chinese
        text = f"{user_of(language)}{text}"
    return NewMemory(with_dates(text, today), _kind_of(claim), CONFIDENCE)


def request_for(claim: str) -> LLMRequest:
    """Asks what a claim is. All but its last message is the same for all claims, so the KV cache has it."""
    messages = [LLMMessage("system", INSTRUCTIONS)]
    for said, is_fact in EXAMPLES:
        messages += [LLMMessage("user", said), LLMMessage("assistant", _answer(fact=is_fact))]
    return LLMRequest(
        (*messages, LLMMessage("user", claim)),
        Sampling(temperature=0.0, max_tokens=8, bias=(("talk", TALK_BIAS),)),
        output_schema=SCHEMA,
        reasoning=False,
    )


SCHEMA: JSON = {"enum": ["fact", "talk"]}


def _answer(*, fact: bool) -> str:
    return '"fact"' if fact else '"talk"'


async def _is_fact(llm: LLM, claim: str) -> bool:
    written = ""
    async with aclosing(llm.generate(request_for(claim))) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                written += delta.text
    return written.strip().strip('"') == "fact"


_HEALTH = re.compile(r"医生|吃药|手术|病|睡眠|\b(?:doctor|medication|surgery|injur\w+|sleep)\b", re.IGNORECASE)
_RELATION = re.compile(
    r"妈|爸|儿子|女儿|孩子|妻|丈夫|老公|老婆|哥|姐|弟|妹|奶奶|爷爷|猫|狗"
    r"|\b(?:mother|father|mom|dad|son|daughter|kids?|wife|husband|brother|sister|cat|dog)\b",
    re.IGNORECASE,
)


def _kind_of(claim: str) -> Kind:
    plain = simplified(claim)
    if _HEALTH.search(plain):
        return "health"
    return "relation" if _RELATION.search(plain) else "fact"
