"""How a rule for English makes a memory of what it matched. Pure."""

import re
from collections.abc import Callable

from myna.memory.base import Kind
from myna.memory.clauses import Statement
from myna.memory.rule import Rule
from myna.memory.wording import third_person, without_ending


def _make(form: str, refuse: re.Pattern[str] | None = None) -> Callable[[re.Match[str], Statement], str | None]:
    def make(match: re.Match[str], statement: Statement) -> str | None:
        groups = {
            key: without_ending(statement.text[slice(*match.span(key))]) if match[key] else ""
            for key in match.re.groupindex
        }
        if refuse and any(refuse.search(groups.get(key, "")) for key in ("name", "what", "place")):
            return None
        if any(not groups[key] for key in ("name", "what", "place", "day") if key in groups):
            return None
        if "name" in groups and groups["name"].islower():
            groups["name"] = groups["name"].title()
        if "what" in groups:
            groups["what"] = _about_the_user(groups["what"])
        return re.sub(r"\s+", " ", form.format(**groups)).strip()

    return make


def _about_the_user(what: str) -> str:
    """The words with "my" as "their", which `third_person` does behind a verb."""
    return third_person(f"I x {what}").removeprefix("The user xes ")


def _whole(refuse: re.Pattern[str] | None = None) -> Callable[[re.Match[str], Statement], str | None]:
    """The whole clause in the third person."""

    def make(match: re.Match[str], statement: Statement) -> str | None:
        text = without_ending(statement.text[match.start() : match.end()])
        return None if refuse and refuse.search(text) else third_person(text)

    return make


def rule(kind: Kind, pattern: str, form: str, refuse: re.Pattern[str] | None = None, *, lasts: bool = False) -> Rule:
    """A rule that fills a form with the groups of its pattern."""
    return Rule(kind, re.compile(pattern, re.IGNORECASE), _make(form, refuse), lasts)


def clause(kind: Kind, pattern: str, refuse: str | None = None) -> Rule:
    """A rule that takes the whole clause, in the third person, unless it has ``refuse`` in it."""
    return Rule(kind, re.compile(pattern, re.IGNORECASE), _whole(re.compile(refuse, re.IGNORECASE) if refuse else None))
