"""What is kept of the beginning of long conversations when it no longer fits into a prompt.

Six conversations of 14 rounds, in Chinese and English, with seven things each to keep, summed up in 100, 150 and 200
tokens; and how long summing up 1,000 messages takes. With ``--answers`` the starter model is asked two things of each,
seeing its last three rounds with the summary and without.

``python -m benchmarks.summary [--answers] [--runs N] [--json]``
"""

import time
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from benchmarks.report import Report, Table, Target, medians, run

from myna.config.load import load_settings
from myna.core.emotion import Emotions
from myna.core.ids import MessageId, TurnId
from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.core.reply import Reply
from myna.engines.base import LLM, LLMMessage, LLMRequest, Resources, Sampling, TextDelta
from myna.engines.llm.llamacpp import LlamaCppOptions, open_llamacpp
from myna.engines.scheduler import open_scheduler
from myna.memory.summary import summary_of
from myna.personas.load import Personas
from myna.session.budget import EARLY_TOKENS
from myna.session.history import recent, rounds
from myna.session.prompt import build_prompt, has_chinese
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

TALKS = tomllib.loads(Path(__file__).with_name("long_talks.toml").read_text(encoding="utf-8"))["talks"]
ROUNDS = 500
SEEN = 3
"""Rounds that the model sees when it is asked."""


def messages_of(talk: dict[str, Any]) -> list[Message]:
    """A conversation, with the emotion tag that replies begin with."""
    messages: list[Message] = []
    for number, (said, replied) in enumerate(zip(talk["u"], talk["a"], strict=True)):
        turn_id, tag = TurnId(f"turn_{number}"), "[平静]" if has_chinese(said) else "[Calm]"
        reply = Reply(f"{tag} {replied}", replied, replied)
        messages.append(UserMessage(MessageId(f"msg_{number}"), turn_id, said))
        messages.append(AssistantMessage(MessageId(f"reply_{number}"), turn_id, reply, "completed"))
    return messages


def has_one(text: str, wanted: Sequence[str]) -> bool:
    return any(each.casefold() in text.casefold() for each in wanted)


def kept(most_tokens: int) -> float:
    """Of the things to keep, the share that is told."""
    told = [
        has_one(summary_of(messages_of(talk), most_tokens=most_tokens), wanted)
        for talk in TALKS
        for wanted in talk["keep"]
    ]
    return sum(told) / len(told)


def long_ms() -> float:
    """How long 1,000 messages take."""
    said = [text for talk in TALKS for text in talk["u"]]
    messages: list[Message] = []
    for number in range(ROUNDS):
        turn_id, text = TurnId(f"turn_{number}"), f"{said[number % len(said)]} {number}"
        messages.append(UserMessage(MessageId(f"msg_{number}"), turn_id, text))
        messages.append(
            AssistantMessage(MessageId(f"reply_{number}"), turn_id, Reply("好。", "好。", "好。"), "completed")
        )
    began = time.perf_counter()
    summary_of(messages, most_tokens=EARLY_TOKENS)
    return 1000 * (time.perf_counter() - began)


async def answered() -> dict[str, float]:
    """The share of the questions that the starter model answers, with a summary and without."""
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    right = {"with": 0, "without": 0}
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        open_llamacpp(LlamaCppOptions(), Resources(weights, scheduler)) as llm,
    ):
        for talk in TALKS:
            for asked in talk["asked"]:
                for how in right:
                    answer = await _answer(llm, messages_of(talk), asked["q"], summed_up=how == "with")
                    right[how] += has_one(answer, asked["a"])
    return {how: count / sum(len(talk["asked"]) for talk in TALKS) for how, count in right.items()}


async def _answer(llm: LLM, messages: Sequence[Message], question: str, *, summed_up: bool) -> str:
    whole = rounds(messages)
    left_out = len(whole) - SEEN
    early = sum(map(len, whole[:left_out]))
    persona = Personas(None).find("assistant")
    prompt = build_prompt(persona, recent(messages, len(whole)), question, emotions=Emotions(), template=None)
    told = summary_of(messages[:early], most_tokens=EARLY_TOKENS) if summed_up else ""
    sent = replace(prompt.without(left_out), earlier=told).messages
    written = ""
    async with aclosing(llm.generate(_request(sent))) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                written += delta.text
    return written


def _request(messages: tuple[LLMMessage, ...]) -> LLMRequest:
    return LLMRequest(messages, Sampling(temperature=0.0, max_tokens=60))


def measure(wanted: Namespace) -> Report:
    table: dict[str, dict[str, float]] = {f"{most} tokens": {"kept": kept(most)} for most in (100, 150, EARLY_TOKENS)}
    took: Table = medians([{"1,000 messages": {"ms": long_ms()}} for _ in range(wanted.runs)])
    notes = [f"1,000 messages take {took['1,000 messages']['ms']:.0f} ms, once, beside the event loop."]
    if wanted.answers:
        right = anyio.run(answered)
        notes.append(f"The starter model knows {right['with']:.0%} with a summary, {right['without']:.0%} without.")
    return Report(
        "What is kept of the beginning of a long conversation",
        table,
        targets=(Target("kept in 200 tokens", table[f"{EARLY_TOKENS} tokens"]["kept"], "at least", 0.9),),
        notes=tuple(notes),
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--answers", action="store_true", help="ask the starter model too, which takes minutes")


def main(arguments: Sequence[str] | None = None) -> None:
    run("summary", measure, arguments, runs=5, add_options=add_options)


if __name__ == "__main__":
    main()
