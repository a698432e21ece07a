"""Facts about the user by rule: the floor that needs no model. Pure.

Made for few errors before many finds: a rule takes what is stated in the first person and plainly, and leaves the rest.
"""
# ruff: noqa: E501 - patterns stay in one piece

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from myna.memory.base import Kind, NewMemory
from myna.memory.claims import claims_of
from myna.memory.clauses import LONGEST, Statement, is_played_to, statements, with_subject
from myna.memory.rules_en import ENGLISH
from myna.memory.rules_zh import CHINESE
from myna.memory.wording import language_of, simplified, third_person, user_of, with_dates, without_ending

LONGEST_MEMORY = 300
"""Characters of a memory that is made from what was said."""
ASKED_FOR = 1.0
"""How sure a memory is that the user asked to be kept."""
PLAIN = 0.9
"""How sure a memory is that was said plainly."""

MOST_LEFT = 4
"""Claims of one utterance that are left to others."""

_REMEMBER = re.compile(
    r"(?:^|[，,。.！!\n]\s*)(?:(?:请|请你|麻烦|麻烦你|帮我|你|要|你要|一定|一定要|千万|千万要|帮忙|那|那就|好的?|ok|哦|对了|另外|顺便|myna)[，, ]*){0,6}"
    r"(?:记住|记一下|记下来?|记好|牢记|记着|备注一下|记得(?=我))(?:了|哦|啊|哈|一下|这个|这点|这件事|一点)?\s*[，,：:。 ]*(?P<what>[^\n]+)"
    r"|(?:^|[,.!;\n]\s*)(?:(?:please|pls|also|and|just|so|hey|ok|okay|oh|can you|could you|would you|i want you to"
    r"|i'd like you to|you should|always|btw|by the way|myna)[, ]+){0,6}"
    r"(?:(?:remember|don't forget|do not forget|never forget|keep in mind|make a note|take note|note|note down|memorize)"
    r"(?: this| for (?:me|later|next time))?(?:\s*[:,-]\s*| that (?!time|day|one\b|night|song|movie|when)| (?=to |my |i |i'm |i've |our |we ))"
    r"(?P<what_en>[^\n]+))",
    re.IGNORECASE,
)
_NO_ORDER = re.compile(
    r"[吗么?？][。.！!]*$|[?？]|记不住|没记住|不要记|别记|不用记|^我|怎么记|\b(?:do|did|don't|can't|cannot|couldn't|i|you) remember\b|^remember (?:when|how|the time)"
)
_NOTHING = re.compile(
    r"^(?:我?(?:刚才|刚刚|刚|之前)?说的?(?:话|这些|内容)?|这个|这些|那个|了|它|吧|this|that|it|me)[。.！!吧了哦]*$",
    re.IGNORECASE,
)
_RULE_ZH = re.compile(
    r"^(?:请|请你|拜托|麻烦你?)?(?:你)?(?:以后|从现在(?:起|开始)|从今以后|从今天起|今后|往后|下次起|永远|每次(?=都?要|都?请))(?:请|你|请你)?[，,]?"
    r"(?P<rule>(?:都|就|要|不要|别|不许|只|用|尽量|不用|跟我|和我|叫我|回答|说话|对我|一律|必须|少|多)[^。！!]{2,60})$"
)
_RULE_LATER_ZH = re.compile(
    r"^(?:请|请你)?(?:以后|今后|从现在起|从今以后|往后)(?P<rule>[^，。我他她]{0,8}(?:用|别|不要|都要?|尽量|少|只|一律)[^。！!我]{1,40}?)$"
    r"|^(?P<never>(?:千万|永远|再也|以后)?(?:别|不要)(?:再)?(?:给我|跟我|对我)(?:再)?(?:放|推荐|提|播|讲|说|念|看|读|叫)[^，。！!]{1,20})(?=[，,](?:我)?[^，。]{0,4}(?:不惯|受不了|不喜欢|不爱|讨厌|烦|怕)|$)"
)
_RULE_EN = re.compile(
    r"^(?:please )?(?:(?:from now on|in the future|in future|going forward|from today on)[, ]+(?P<rule>[^.!]{4,120})"
    r"|(?P<always>(?:always|never) (?:answer|reply|respond|speak|talk|use|call|write|address|keep|explain|start|end|say"
    r"|give|tell|ask|show|be|swear|mention)\b[^.!]{2,120}))$",
    re.IGNORECASE,
)


_NEVER_EN = re.compile(
    r"^(?:please )?(?P<rule>(?:don't|do not|never|stop|quit) (?:ever )?(?:(?:call|calling) me [^.!,]{2,30}|(?:read|reading|play|playing|show|tell"
    r"|recommend|suggest|suggesting|give|use|using|say|mention|bring up|wake) [^.!,]{2,80}?))(?:$|,? (?:ever again|anymore|any more|ever|again|in general|from now on)"
    r"|(?: okay| ok)?, (?:in general|ever|i (?:hate|can't stand|don't like)|they|it)\b.*)",
    re.IGNORECASE,
)
_BEHIND_EN = re.compile(
    r"^(?:please )?(?P<rule>(?:use|speak|talk|answer|reply|respond|keep|give|tell|say|write|call|be|stick|skip|read|address|stop|don't) [^.!]{3,80}?),? (?:from now on|in (?:the )?future|going forward|every time)(?:,? please)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the rules took from an utterance, and what they left to others.

    Attributes:
        left: Claims about the user that no rule takes anything from. There are none where he said what to keep.
    """

    memories: tuple[NewMemory, ...]
    left: tuple[str, ...] = ()


def take(utterance: str, today: date, *, before: str = "") -> Taken:
    """The memories that the rules find in what a user said ``today``, each once.

    ``before`` is the reply that he answers. Nothing is taken from it, but it may show that this is a play.
    """
    order = _ordered(utterance[:LONGEST], today)
    if order:
        return Taken(tuple(order))
    if is_played_to(before):
        return Taken(())
    memories: list[NewMemory] = []
    left: list[str] = []
    for statement in statements(utterance):
        memories += _found_in(statement, today)
        left += [claim for claim in claims_of(statement) if not _found_in(Statement(claim, language_of(claim)), today)]
    return Taken(tuple({each.text: each for each in memories}.values()), tuple(left[:MOST_LEFT]))


def _found_in(statement: Statement, today: date) -> list[NewMemory]:
    return [new for each in (statement, *with_subject(statement)) for new in _of(each, today)]


def _of(statement: Statement, today: date) -> Iterator[NewMemory]:
    for rules in (ENGLISH,) if statement.language == "en" else (CHINESE, ENGLISH):
        seen: set[tuple[int, int]] = set()
        for rule in rules:
            for match in rule.pattern.finditer(statement.plain):
                if statement.past and not rule.lasts:
                    continue
                made = rule.make(match, statement)
                if made is None or any(begin < match.end() and match.start() < end for begin, end in seen):
                    continue
                seen.add(match.span())
                yield NewMemory(with_dates(_short(made), today), rule.kind, PLAIN)
    yield from _how_to_treat(statement)


def _how_to_treat(statement: Statement) -> Iterator[NewMemory]:
    plain = statement.plain.strip(" 。.！!，,")
    at = statement.text.find(plain[:1]) if plain else 0
    if match := _RULE_ZH.match(plain):
        start, end = match.span("rule")
        yield NewMemory(
            f"{_asks(statement.text)}{without_ending(statement.text[at + start : at + end])}", "rule", PLAIN
        )
    elif match := _RULE_LATER_ZH.match(plain):
        start, end = match.span("rule" if match["rule"] else "never")
        yield NewMemory(
            f"{_asks(statement.text)}{without_ending(statement.text[at + start : at + end])}", "rule", PLAIN
        )
    elif match := _BEHIND_EN.match(plain) or _NEVER_EN.match(plain):
        yield NewMemory(f"The user asks: {without_ending(match['rule'])}", "rule", PLAIN)
    elif match := _RULE_EN.match(plain):
        yield NewMemory(f"The user asks: {without_ending(match['rule'] or match['always'])}", "rule", PLAIN)


def _ordered(utterance: str, today: date) -> list[NewMemory]:
    """What follows "remember that": all of it is kept, better said where a rule knows how."""
    plain = simplified(utterance).replace("’", "'").strip()
    match = _REMEMBER.search(plain)
    if match is None or _NO_ORDER.search(plain):
        return []
    group = "what" if match["what"] is not None else "what_en"
    offset = len(utterance) - len(utterance.lstrip())
    what = utterance[match.start(group) + offset : match.end(group) + offset].strip(" “”\"「」'")
    if len(without_ending(what)) < 2 or _NOTHING.match(simplified(what)):
        return []
    known = [found for each in statements(what) for found in _found_in(each, today)]
    if known:
        return [NewMemory(each.text, each.kind, ASKED_FOR) for each in known]
    text, kind = _as_told(without_ending(what))
    return [NewMemory(with_dates(_short(text), today), kind, ASKED_FOR)]


def _as_told(what: str) -> tuple[str, Kind]:
    plain = simplified(what)
    if re.match(r"(?:你|要|不要|别|不能|用|请|to |not to |never |always |you )", plain, re.IGNORECASE):
        told = re.sub(r"^to ", "", what, flags=re.IGNORECASE)
        return f"{_asks(what)}{told}", "rule"
    return third_person(what), "fact"


def _asks(text: str) -> str:
    language = language_of(text)
    return "The user asks: " if language == "en" else f"{user_of(language)}要求："


def _short(text: str) -> str:
    bare = re.sub(r"\s+", " ", text).strip()
    return bare if len(bare) <= LONGEST_MEMORY else f"{bare[: LONGEST_MEMORY - 1]}…"
