"""``myna prompt``: what the model is given."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from myna.cli.terminal import Json, PersonaName, Setting, overrides, with_service
from myna.core.errors import BadInput
from myna.core.ids import MessageId, TurnId, new_message_id
from myna.core.messages import UserMessage
from myna.engines.base import LLM, LLMMessage
from myna.memory.summary import asks_to_forget, summary_of
from myna.server.history import message_told
from myna.server.llm import ChatMessage
from myna.server.service import Service
from myna.session.budget import Budget, fit, fit_and_sum_up
from myna.session.history import recent, rounds
from myna.session.prompt import Prompt, build_prompt

app = typer.Typer(help="What the model is given.", no_args_is_help=True)

_MESSAGES = TypeAdapter(list[ChatMessage])


@app.callback()
def _prompt() -> None:  # pyright: ignore[reportUnusedFunction] - makes `show` a command of its own
    pass


@app.command()
def show(
    text: Annotated[str, typer.Argument(help="What the user says; left out, the last of the messages.")] = "",
    persona: PersonaName = None,
    messages: Annotated[
        Path | None, typer.Option(metavar="FILE", help='What was said before: JSON, [{"role": …, "content": …}, …].')
    ] = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Print what would be sent, part by part, with the tokens of each; nothing is sent."""
    said = _read(messages) if messages else []

    async def work(service: Service) -> Shown:
        return await _show(service, persona, said, text)

    shown = with_service(overrides(settings), ("llm",), work)
    typer.echo(json.dumps(shown.as_json(), ensure_ascii=False, indent=2) if as_json else shown.as_text())


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a prompt and what it adds to the tokens of those before."""

    name: str
    messages: tuple[LLMMessage, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt as it would be sent."""

    persona: str
    parts: tuple[Part, ...]
    budget: Budget
    rounds_left_out: int

    @property
    def tokens(self) -> int:
        """Of the whole prompt."""
        return sum(part.tokens for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "persona": self.persona,
            "model": self.budget.model,
            "parts": [
                {
                    "part": part.name,
                    "tokens": part.tokens,
                    "messages": [{"role": message.role, "content": message.content} for message in part.messages],
                }
                for part in self.parts
            ],
            "tokens": self.tokens,
            "max_prompt_tokens": self.budget.prompt_tokens,
            "max_answer_tokens": self.budget.answer_tokens,
            "rounds_left_out": self.rounds_left_out,
        }

    def as_text(self) -> str:
        """For people."""
        lines: list[str] = []
        for part in self.parts:
            lines.append(f"── {part.name} · {part.tokens} tokens")
            lines += [f"{message.role}: {message.content}" for message in part.messages]
        if self.rounds_left_out:
            lines.append(f"── left out of the history: the oldest {self.rounds_left_out} rounds")
        budget = self.budget
        lines.append(
            f"── {self.tokens} of at most {budget.prompt_tokens} tokens for {budget.model}; "
            f"{budget.answer_tokens} more are kept for the answer"
        )
        return "\n".join(lines)


async def _show(service: Service, name: str | None, said: Sequence[ChatMessage], text: str) -> Shown:
    persona, llm = service.persona(name), service.engines.llm
    system = "\n\n".join(message.content for message in said if message.role == "system") or None
    options = service.session_options(persona, system_prompt=system)
    talk = [message for message in said if message.role != "system"]
    if not text and talk and talk[-1].role == "user":
        text = talk.pop().content
    history = [
        message_told(message.role, message.content, service.raw_replies, persona.id, new_message_id())
        for message in talk
    ]
    prompt = build_prompt(
        persona,
        recent(history, options.max_history_rounds),
        text,
        emotions=options.emotions,
        template=options.prompt_template,
        system=options.preferences.instructions,
    )
    budget = Budget.of(llm.info, options.sampling, options.max_context_tokens)

    async def sum_up(left_out: int, most_tokens: int) -> str:
        early = sum(map(len, rounds(history)[:left_out]))
        after = [*history[early:], UserMessage(MessageId(""), TurnId(""), text)]
        return "" if asks_to_forget(after) else summary_of(history[:early], most_tokens=most_tokens)

    remembers = service.settings.memory.enabled
    fitted = await (fit_and_sum_up(prompt, llm, budget, sum_up) if remembers else fit(prompt, llm, budget))
    return Shown(persona.id, await _parts(fitted, llm), budget, fitted.left_out)


async def _parts(prompt: Prompt, llm: LLM) -> tuple[Part, ...]:
    sent = prompt.messages
    ends = {
        "system prompt": 1,
        "examples": len(prompt.head),
        "history": len(sent) - 1,
        "input": len(sent),
    }
    counts = [0, *[await llm.count_tokens(sent[:end]) for end in ends.values()]]
    return tuple(
        Part(name, sent[start:end], after - before)
        for (name, end), (start, _), (before, after) in zip(
            ends.items(), pairwise([0, *ends.values()]), pairwise(counts), strict=True
        )
        if end > start
    )


def _read(file: Path) -> list[ChatMessage]:
    try:
        return _MESSAGES.validate_json(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        place, told = error.errors()[0]["loc"], error.errors()[0]["msg"]
        raise BadInput(
            f"{file} holds no list of messages: {'.'.join(map(str, place)) or 'it'}: {told}.",
            hint='For example: [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "[Happy] Hi!"}]',
        ) from error
