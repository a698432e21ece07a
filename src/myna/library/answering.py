"""Making a reply in the library's event loop: prompt in, steps out."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields, replace

from myna.config.load import Loaded
from myna.config.settings import PROFILES
from myna.core.emotion import Emotions
from myna.core.messages import Message
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import LLM, LLMDelta, LLMMessage, LLMRequest, Sampling
from myna.library.flow import Clock, Tell
from myna.personas.model import BaseVoice, Persona
from myna.session.bounds import Limits, within
from myna.session.budget import Budget, fit
from myna.session.history import History, rounds
from myna.session.prompt import Prompt, build_prompt
from myna.session.think import deltas_of
from myna.tools.base import Strategy, Toolset, Work
from myna.tools.rounds import call_tools

FIRST_TOKEN_S = 300.0
REPLY_S = 900.0
"""Of a program nobody waits in silence: many agents may wait for one model, unless the settings give shorter times."""

NOBODY = Persona(id="nobody", name="nobody", language="en", voice=BaseVoice.model_validate({"voice": "none"}))

Allow = Callable[[ToolCall], Awaitable[ToolResult | None]]


async def allow_all(_call: ToolCall) -> ToolResult | None:
    """For tools that ask for nobody's leave."""
    return None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom.

    Attributes:
        talk: What was said so far; the last of it is to be answered.
        system: The system prompt; None is the persona's, or none.
        persona: Who answers; None is the model as it is.
        sampling: How tokens are drawn; what is None is as the persona has it, or as configured.
    """

    talk: Sequence[Message]
    system: str | None = None
    persona: Persona | None = None
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class Means:
    """How it is answered.

    Attributes:
        open: Gives the model, loaded.
        loaded: The settings.
        tools: Gives the tools.
        allow: See `myna.tools.base.Work`.
        most_rounds: See `myna.tools.base.Work`.
    """

    open: Callable[[], Awaitable[LLM]]
    loaded: Loaded
    tools: Callable[[], Awaitable[Toolset]]
    allow: Allow = allow_all
    strategy: Strategy = call_tools
    most_rounds: int = 8


async def answer(question: Question, means: Means, tell: Tell, clock: Clock) -> None:
    """Answer ``question``, telling each step.

    Raises:
        MynaError: The model does not load, failed, or has no room for the question.
    """
    llm = await means.open()
    clock.ready = time.perf_counter()
    tools = await means.tools()
    limits = limits_of(means.loaded)

    def generate(request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        return deltas_of(llm, request, limits)

    request = await request_for(question, means.loaded, llm, limits)
    work = Work(
        generate,
        tools,
        tell,
        allow=means.allow,
        most_rounds=means.most_rounds,
        constrains=llm.info.output_schema,
        clients=frozenset(),
    )
    await means.strategy(replace(request, tools=tools.specs), work)


async def request_for(question: Question, loaded: Loaded, llm: LLM, limits: Limits) -> LLMRequest:
    """The request, with as much of what went before as the model's context holds."""
    sampling = sampling_of(question, loaded)
    budget = Budget.of(llm.info, sampling, loaded.settings.session.max_context_tokens)
    fitting = fit(_prompt(question, loaded), llm, budget)
    fitted = await within(limits.first_token_s, fitting, f"The LLM {llm.info.model}")
    messages = tuple(message for message in fitted.messages if message.role != "system" or message.content)
    return LLMRequest(messages, budget.sampling(sampling))


def emotions_of(persona: Persona | None, loaded: Loaded) -> Emotions | None:
    """What a persona's reply may show; None of a model's as it is."""
    return None if persona is None else persona.emotions_spoken(loaded.settings.session.emotions())


def sampling_of(question: Question, loaded: Loaded) -> Sampling:
    """As the question asks, else as the persona does, else as configured."""
    sampling = loaded.settings.llm.sampling()
    if question.persona is not None:
        overrides = question.persona.llm
        if overrides.profile is not None:
            sampling = replace(sampling, **PROFILES[overrides.profile])
        own = Sampling(temperature=overrides.temperature, max_tokens=overrides.max_tokens)
        sampling = merged(sampling, own)
    return merged(sampling, question.sampling)


def merged(sampling: Sampling, over: Sampling) -> Sampling:
    """``sampling``, with what ``over`` says in the place of it."""
    said = {each.name: value for each in fields(over) if (value := getattr(over, each.name)) not in (None, ())}
    return replace(sampling, **said)


def limits_of(loaded: Loaded) -> Limits:
    """How long the model may take."""
    limits = loaded.settings.session.limits()
    if not loaded.is_given("session", "first_token_timeout_s"):
        limits = replace(limits, first_token_s=FIRST_TOKEN_S)
    if not loaded.is_given("session", "generation_timeout_s"):
        limits = replace(limits, reply_s=REPLY_S)
    return limits


def _prompt(question: Question, loaded: Loaded) -> Prompt:
    *before, newest = rounds(question.talk)
    session = loaded.settings.session
    persona = question.persona or NOBODY
    prompt = build_prompt(
        persona,
        History(tuple(before)),
        newest,
        emotions=persona.emotions_spoken(session.emotions()),
        template=session.system_prompt_template,
        system=question.system,
    )
    if question.persona is not None:
        return prompt
    return replace(prompt, system=LLMMessage("system", question.system or ""), examples=())
