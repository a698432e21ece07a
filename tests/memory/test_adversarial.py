"""No text makes the patterns over what users say run for long: they run on the event loop of everybody."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from myna.memory import claims, clauses, forgetting, rules, topics, wording
from myna.memory.forgetting import request_in
from myna.memory.rules import take
from myna.memory.rules_en import ENGLISH
from myna.memory.rules_zh import CHINESE

LIMIT_S = 100.0
"""Generous: it takes some seconds. A pattern of exponential time would take years."""
LONG = 100
"""Characters: more than exponential time needs."""

_REPEATED = re.compile(r"\(\?:((?:[^()]|\([^()]*\))*)\)(?:[*+]|\{[01],\d\})")


def _patterns() -> list[str]:
    values = [
        value for module in (claims, clauses, forgetting, rules, topics, wording) for value in vars(module).values()
    ]
    patterns: list[re.Pattern[str]] = [value for value in values if isinstance(value, re.Pattern)]
    return [each.pattern for each in (*patterns, *(rule.pattern for rule in (*CHINESE, *ENGLISH)))]


def _units() -> list[str]:
    """What the patterns let be said again and again: each alternative, with what is optional in it and without."""
    bodies = {match[1] for pattern in _patterns() for match in _REPEATED.finditer(pattern)}
    parts = {part for body in bodies for part in re.split(r"[|()]", re.sub(r"\[(.)[^\]]*\]\*?", r"\1", body))}
    bare = {re.sub(r"\?:|[*+^$]", "", part) for part in parts}
    said = {each for part in bare for each in (re.sub(r".\?", "", part), part.replace("?", ""))}
    return sorted(each for each in said if each and not re.search(r"[\\{}]", each))


def run_all() -> None:
    """Say all of it, in a process that can be ended."""
    units = _units()
    assert len(units) > 200
    for unit in units:
        for beginning in ("", "我", "忘掉", "I ", "please "):
            request_in((beginning + unit * LONG)[:150] + "呀")
        for beginning in ("", "我"):
            take((beginning + unit * LONG)[:LONG] + "呀", date(2026, 1, 1))


def test_what_is_said_again_and_again_takes_no_time() -> None:
    code = "import test_adversarial as each; each.run_all()"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, timeout=LIMIT_S, check=True)
