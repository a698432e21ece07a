"""What is remembered from what users say: by rule, and with the starter model.

100 turns (``extraction_turns.toml``) that were written by somebody who knew neither the rules nor the prompt. A fact is
found if a memory has all of its words; a memory is right if it is one of a fact. What may be remembered or not counts
neither way.

``python -m benchmarks.extraction [--turns FILE] [--each] [--json]``
"""

import sys
import time
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import anyio
from benchmarks.report import Report, Table, Target, run

from myna.config.load import load_settings
from myna.engines.base import LLM, Resources
from myna.engines.llm.llamacpp import LlamaCppOptions, open_llamacpp
from myna.engines.scheduler import open_scheduler
from myna.memory.extraction import extract
from myna.memory.rules import take
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

TURNS = Path(__file__).with_name("extraction_turns.toml")
TODAY = date(2026, 3, 2)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A fact: of each group a memory of it has one text, and none of ``wrong_if``."""

    must_have: tuple[tuple[str, ...], ...]
    wrong_if: tuple[str, ...]

    def is_met_by(self, memory: str) -> bool:
        """Whether a memory is one of this fact."""
        text = _folded(memory)
        return all(any(_folded(part) in text for part in group) for group in self.must_have) and not any(
            _folded(part) in text for part in self.wrong_if
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user said, and what is to be remembered of it."""

    user: str
    before: str
    facts: tuple[Wanted, ...]
    optional: tuple[Wanted, ...]


@dataclass(slots=True)
class Counts:
    """How many facts were found, and how many memories were right."""

    facts: int = 0
    found: int = 0
    memories: int = 0
    right: int = 0

    def add(self, turn: Turn, memories: Sequence[str]) -> None:
        """Count one turn."""
        right = [memory for memory in memories if any(fact.is_met_by(memory) for fact in turn.facts)]
        free = [memory for memory in memories if any(fact.is_met_by(memory) for fact in turn.optional)]
        self.facts += len(turn.facts)
        self.found += sum(any(fact.is_met_by(memory) for memory in memories) for fact in turn.facts)
        self.memories += len(memories) - len([memory for memory in free if memory not in right])
        self.right += len(right)

    @property
    def row(self) -> dict[str, float]:
        """As the report has it."""
        return {
            "precision": self.right / self.memories if self.memories else 1.0,
            "recall": self.found / self.facts if self.facts else 1.0,
            "memories": self.memories,
            "right": self.right,
            "facts": self.facts,
            "found": self.found,
        }


def load_turns(path: Path = TURNS) -> list[Turn]:
    """The turns of a file."""
    turns = cast("list[dict[str, Any]]", tomllib.loads(path.read_text(encoding="utf-8"))["turns"])
    return [
        Turn(each["user"], each.get("before", ""), _wanted(each["facts"]), _wanted(each.get("optional", [])))
        for each in turns
    ]


async def one_run(llm: LLM, turns: Sequence[Turn], *, each: bool = False) -> Table:
    """By rule, and with the model; and what the model took."""
    rules, both = Counts(), Counts()
    asked_s: list[float] = []
    for turn in turns:
        taken = take(turn.user, TODAY, before=turn.before)
        memories = [memory.text for memory in taken.memories]
        rules.add(turn, memories)
        for claim in taken.left:
            began = time.perf_counter()
            new = await extract(llm, claim, TODAY)
            asked_s.append(time.perf_counter() - began)
            memories += [new.text] if new else []
        both.add(turn, memories)
        if each:
            wrong = [
                text for text in memories if not any(fact.is_met_by(text) for fact in (*turn.facts, *turn.optional))
            ]
            missed = [fact.must_have for fact in turn.facts if not any(fact.is_met_by(text) for text in memories)]
            if wrong or missed:
                print(f"{turn.user}\n    wrong {wrong}\n    missed {missed}\n    asked {taken.left}")
    return {
        "rules alone": rules.row,
        "rules and model": {
            **both.row,
            "asked": len(asked_s),
            "s a claim": sum(asked_s) / len(asked_s) if asked_s else 0.0,
        },
    }


async def _measure(path: Path, *, each: bool) -> Table:
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        open_llamacpp(LlamaCppOptions(), Resources(weights, scheduler, "cpu")) as llm,
    ):
        return await one_run(llm, load_turns(path), each=each)


def measure(wanted: Namespace) -> Report:
    table = anyio.run(lambda: _measure(wanted.turns, each=wanted.each))
    both = table["rules and model"]
    return Report(
        "Remembering: what is taken from turns that were not seen before, with the starter model at temperature 0",
        table,
        packages=("xllamacpp",),
        targets=(
            Target("precision", both["precision"], "at least", 0.9),
            Target("recall", both["recall"], "at least", 0.6),
        ),
    )


def _wanted(facts: Sequence[dict[str, Any]]) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(tuple(tuple(group) for group in fact["must_have"]), tuple(fact.get("wrong_if", ()))) for fact in facts
    )


def _folded(text: str) -> str:
    return text.replace("’", "'").casefold()


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--turns", type=Path, default=TURNS, help="other turns, such as extraction_dev.toml")
    parser.add_argument("--each", action="store_true", help="print each turn that went wrong; not for unseen ones")


def main(arguments: Sequence[str] | None = None) -> None:
    run("extraction", measure, arguments, runs=1, add_options=_options)


if __name__ == "__main__":
    sys.exit(main())
