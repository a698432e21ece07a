"""Plan and solve: the model writes a plan, does its steps one by one, with tools, and answers with what it found.

After Wang et al., "Plan-and-Solve Prompting", 2023. Of use for questions that take several different steps, which small
models lose sight of.
"""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, cast

from myna.core.tools import JSON, ToolCall
from myna.engines.base import (
    FailedOver,
    Finished,
    LLMRequest,
    Loading,
    ReasoningDelta,
    Sampling,
    TextDelta,
    Usage,
)
from myna.engines.usage import added
from myna.tools.base import CallEnded, CallStarted, RoundEnded, Step, Work
from myna.tools.results import shorten
from myna.tools.rounds import ask, call_tools
from myna.tools.strategy_prompts import (
    LONGEST_FINDING,
    ask_apart,
    asking,
    finding,
    in_a_line,
    instructed,
    listed,
    with_findings,
)

MOST_STEPS = 6
PLAN_TOKENS = 400
_PLAN = """Do not answer yet. Write a plan of how to answer the user's last message: a numbered list of at most \
{most} steps. Each step is one short sentence that says one thing to find out or to do, with all names and numbers \
that it needs, and can be done with one of the tools or by thinking. The last step is not the answer itself. Write no \
steps where the message can be answered at once: greetings, talk, general knowledge.

The tools:
{tools}"""

_SCHEMA: JSON = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "maxItems": MOST_STEPS,
            "items": {"type": "string", "minLength": 1, "maxLength": 160},
        }
    },
    "required": ["steps"],
    "additionalProperties": False,
}

_DO = """{task}

(This is part of a bigger task. Do this alone, and say in a sentence what you found. {found})"""

_NUMBER = r"\d{1,2}[.)、：:]|[-*•]|第[一二三四五六七八九]步[:：、]?|step \d{1,2}[.:]"
_NUMBERED = re.compile(rf"^[ \t]*(?:{_NUMBER})[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)


async def plan_and_solve(request: LLMRequest, work: Work) -> None:
    """Answer ``request`` as `myna.tools.base.Strategy` says.

    The plan, and what each step found, are told as `ReasoningDelta`; the text is the answer's alone. The steps share
    ``work.most_rounds``. A client's own tool ends the reply. Where no plan is needed, or the tool is chosen already,
    this is `myna.tools.rounds.call_tools`.

    Raises:
        EngineError: The LLM failed.
    """
    if not request.tools or request.tool_choice != "auto":
        await call_tools(request, work)
        return
    steps, planned = await _plan(request, work)
    await work.tell(RoundEnded(planned))
    if len(steps) < 2:
        await call_tools(request, _counting(work, planned.usage))
        return
    await work.tell(ReasoningDelta("".join(f"{place}. {step}\n" for place, step in enumerate(steps, 1))))
    usage = planned.usage
    found: list[str] = []
    left = work.most_rounds
    for step in steps:
        if left <= 0:
            found.append(f"{step} There was no time left for this.")
            continue
        doing = _Doing(work)
        task = _DO.format(task=step, found="Known so far: " + " ".join(found) if found else "").strip()
        await call_tools(
            replace(request, messages=asking(request.messages, task)),
            replace(work, tell=doing.tell, most_rounds=left),
        )
        usage = added(usage, doing.finished.usage)
        left -= max(doing.rounds, 1)
        if doing.ended:
            await work.tell(Finished("tool_calls", usage))
            return
        await work.tell(RoundEnded(doing.finished))
        found.append(shorten(f"{step} → {doing.finding}", LONGEST_FINDING))
        await work.tell(ReasoningDelta(f"{found[-1]}\n"))
    answer = await ask(replace(request, messages=with_findings(request.messages, found), tool_choice="none"), work)
    await work.tell(Finished(answer.finished.reason, added(usage, answer.finished.usage)))


async def _plan(request: LLMRequest, work: Work) -> tuple[list[str], Finished]:
    rules = _PLAN.format(most=MOST_STEPS, tools=listed(request.tools, parameters=False))
    asked = replace(
        request,
        messages=instructed(request.messages, rules),
        sampling=Sampling(temperature=0, max_tokens=PLAN_TOKENS, seed=request.sampling.seed),
        output_schema=_SCHEMA if work.constrains else None,
        reasoning=False,
    )
    answer = await ask_apart(asked, work)
    return read_plan(answer.text), answer.finished


def read_plan(text: str) -> list[str]:
    """The steps that the model wrote, as JSON or as a list of lines; one that is written twice counts once."""
    start = text.find("{")
    steps: Any
    try:
        steps = json.JSONDecoder().raw_decode(text, max(start, 0))[0]["steps"]
    except (ValueError, TypeError, KeyError, RecursionError):
        steps = _NUMBERED.findall(text)
    written = cast("list[Any]", steps) if isinstance(steps, list) else []
    lines = (in_a_line(step) for step in written if isinstance(step, str))
    return [*dict.fromkeys(line for line in lines if line)][:MOST_STEPS]


@dataclass(slots=True)
class _Doing:
    """A step of the plan, as it is done: what the user sees of it is its calls.

    Attributes:
        ended: A client's tool was called.
        rounds: How often tools were called.
    """

    work: Work
    ended: bool = False
    rounds: int = 0
    finished: Finished = field(default_factory=lambda: Finished("stop"))
    said: list[str] = field(default_factory=list[str])
    gave: list[str] = field(default_factory=list[str])

    @property
    def finding(self) -> str:
        """What its tools gave, and what the model made of it."""
        return in_a_line("; ".join([*self.gave, *filter(None, ["".join(self.said)])])) or "nothing"

    async def tell(self, step: Step) -> None:
        match step:
            case TextDelta(text):
                self.said.append(text)
            case Finished():
                self.finished = step
            case CallEnded(call, result):
                self.gave.append(finding(call, result))
                await self.work.tell(step)
            case ToolCall():
                self.ended = True
                await self.work.tell(step)
            case RoundEnded():
                self.rounds += 1
                self.said.clear()
                await self.work.tell(step)
            case CallStarted() | ReasoningDelta() | Loading() | FailedOver():
                await self.work.tell(step)


def _counting(work: Work, usage: Usage | None) -> Work:
    """``work`` whose last step tells the tokens of the plan too."""

    async def tell(step: Step) -> None:
        await work.tell(replace(step, usage=added(usage, step.usage)) if isinstance(step, Finished) else step)

    return replace(work, tell=tell)
