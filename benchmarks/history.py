"""How long it takes to cut the history of a long conversation to the model's context.

``python -m benchmarks.history [--runs N] [--json] [--picture FILE]``

A conversation of 1,000 messages goes into one prompt, uncut by rounds; the embedded LLM's tokenizer counts. The first
time every message that matters is counted, later they are known, as in a conversation that goes on.
"""

import time
from argparse import Namespace
from collections.abc import Sequence

import anyio
from benchmarks.report import Report, Table, Target, medians, run

from myna.config.load import load_settings
from myna.core.ids import new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.core.reply import Reply
from myna.engines.base import Resources
from myna.engines.llm.llamacpp import LlamaCppOptions, open_llamacpp
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.session.budget import Budget, fit
from myna.session.history import recent
from myna.session.options import SessionOptions
from myna.session.prompt import build_prompt
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

ROUNDS = 500
LONGEST_MS = 10.0


def conversation(run: int) -> list[Message]:
    """1,000 messages that no other run has."""
    messages: list[Message] = []
    for number in range(ROUNDS):
        turn = new_turn_id()
        asked = f"{run}.{number}: what is the weather like where you are, and what will you do today?"
        said = f"[平静] {run}.{number}：今天天气很好，我打算去公园散步，顺便看看湖边的荷花开了没有。"
        messages += [
            UserMessage(new_message_id(), turn, asked),
            AssistantMessage(new_message_id(), turn, Reply(raw=said, display=said, heard=said), "completed"),
        ]
    return messages


async def cut(runs: int) -> list[Table]:
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    persona, options = Personas(None).find("assistant-zh"), SessionOptions()
    tables: list[Table] = []
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        open_llamacpp(LlamaCppOptions(), Resources(weights, scheduler)) as llm,
    ):
        budget = Budget.of(llm.info, options.sampling, options.max_context_tokens)
        for number in range(runs):
            messages = conversation(number)
            took_ms: list[float] = []
            for text in ("And now?", "And then?"):
                began = time.perf_counter()
                history = recent(messages, max_rounds=ROUNDS)
                prompt = build_prompt(persona, history, text, emotions=options.emotions, template=None)
                fitted = await fit(prompt, llm, budget)
                took_ms.append(1000 * (time.perf_counter() - began))
                assert 0 < len(fitted.rounds) < ROUNDS
            tables.append({"counted for the first time": {"cut, ms": took_ms[0]}, "later": {"cut, ms": took_ms[1]}})
    return tables


def measure(wanted: Namespace) -> Report:
    table = medians(anyio.run(cut, wanted.runs))
    return Report(
        "Cutting a history of 1,000 messages",
        table,
        packages=("xllamacpp",),
        targets=(Target("cut, once counted, ms", table["later"]["cut, ms"], "at most", LONGEST_MS),),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run("history", measure, arguments, runs=7)


if __name__ == "__main__":
    main()
