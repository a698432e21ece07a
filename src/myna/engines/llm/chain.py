"""LLM engines in a row: who does not answer is passed over, and the next one is asked.

Another engine answers only as long as nothing of an answer has come: a reply that has begun ends with its error.
"""

import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from copy import copy
from dataclasses import dataclass, field

import anyio

from myna.core.errors import (
    BadInput,
    EngineTimeout,
    EngineUnavailable,
    MynaError,
    PromptTooLong,
    RequestRefused,
)
from myna.core.tools import ToolSpec
from myna.engines.base import (
    LLM,
    FailedOver,
    Finished,
    LLMDelta,
    LLMInfo,
    LLMMessage,
    LLMRequest,
    Loading,
    ReadsAhead,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from myna.engines.llm.breaker import Breaker, BreakerState, Failure
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.task_group import open_task_group

log = logging.getLogger(__name__)

FAILOVER_AFTER_S = 8.0
"""How long an engine may be silent while another one could answer."""
PROBE_EVERY_S = 5.0
PROBE_S = 3.0
LOAD_S = 900.0
"""How long one that is being loaded is waited for at most; engines have shorter limits of their own."""
STALLED_S = 10.0
"""Who is given up in the middle of an answer, having been silent for so long, has failed."""
COUNT_S = 5.0
"""How long counting tokens may take before an estimate has to do: the one that counts may hang."""
LONGEST_PROBLEM = 200
"""Characters of what another engine said, in the error of the first."""


async def _unknown(_within_s: float) -> bool:
    return False


async def _at_once() -> None:
    pass


@dataclass(slots=True, eq=False)
class Member:
    """An engine of a chain.

    Attributes:
        name: As the settings have it.
        get: Gives it; raises the `MynaError` why it is not up.
        is_alive: See `myna.engines.base.TellsLife`.
        loads: Whether it is not up because it is being loaded.
        until_loaded: Waits until that is over.
        failovers: How often another one was asked in its place.
        problem: Why it failed last, until it answers; without words of its server.
    """

    name: str
    get: Callable[[], LLM]
    is_alive: Callable[[float], Awaitable[bool]] = _unknown
    loads: Callable[[], bool] = lambda: False
    until_loaded: Callable[[], Awaitable[None]] = _at_once
    breaker: Breaker = field(default_factory=Breaker)
    failovers: int = 0
    problem: MynaError | None = None

    @property
    def is_up(self) -> bool:
        """Whether it is open."""
        with suppress(MynaError):
            self.get()
            return True
        return False

    @property
    def breaker_state(self) -> BreakerState:
        """Where its breaker stands."""
        return self.breaker.state(anyio.current_time())

    @property
    def is_wanted(self) -> bool:
        """Whether it may be asked now."""
        return self.breaker.permits(anyio.current_time()) and self.is_up


class ChainLLM:
    """An LLM that answers with the first of several that does. Its members call tools themselves, each by its method.

    A member fails when it raises an `EngineError`, is `Busy` or the like, or, while another one could answer, gives no
    sign of life for ``failover_after_s``. A request that it cannot use (`RequestRefused`, `PromptTooLong`) goes to the
    next one as well, and is no failure of it; any other `BadInput` is raised. Nor is it one that its model has to be
    loaded first; who is just loading is waited for when nobody else has answered. Who fails is passed over for a while
    (`Breaker`); if that is so of all of them, all are asked.

    Args:
        members: In the order in which they are asked.
    """

    def __init__(self, members: Sequence[Member], failover_after_s: float = FAILOVER_AFTER_S) -> None:
        self.members = members
        self._failover_after_s = failover_after_s
        self._known: LLMInfo | None = None
        self._failed = anyio.Event()

    @property
    def answering(self) -> Member | None:
        """The one that would answer now; None: none of them is up."""
        return next((member for member in self.members if member.is_wanted), None) or next(
            (member for member in self.members if member.is_up), None
        )

    @property
    def info(self) -> LLMInfo:
        """What the one is that would answer now: prompts are made for it."""
        if (member := self.answering) is not None:
            self._known = member.get().info
        if self._known is None:
            return self.members[0].get().info
        return self._known

    def model_of(self, name: str) -> str:
        """What the model of the member of this name is called; its own name if it is not up."""
        with suppress(MynaError):
            return next(member.get().info.model for member in self.members if member.name == name)
        return name

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer, behind a `FailedOver` for each member that was asked in vain or passed over.

        Raises:
            MynaError: None of them answered; the error is that of the first, with what the others said. Or the one that
                answered failed in the middle.
        """
        missed = _Missed()
        late: list[Member] = []
        insists = not any(member.is_wanted for member in self.members)
        for member, waits in self._queue(late):
            if waits:
                yield Loading(f"the LLM engine {member.name}")
                with anyio.move_on_after(LOAD_S):
                    await member.until_loaded()
            llm = _askable(member, insists=insists or waits)
            if isinstance(llm, MynaError):
                missed.add(member, llm)
                continue
            hurries = not waits and self._others(member, insists=insists)
            attempt = _Attempt(member, self._failover_after_s if hurries else math.inf)
            try:
                for failed_over in missed.told(member):
                    yield failed_over
                async with aclosing(llm.generate(request)) as deltas:
                    while (delta := await attempt.next(deltas)) is not None:
                        yield delta
            except MynaError as error:
                attempt.failed(error)
                self._failed.set()
                if attempt.begun or not _goes_on(error):
                    raise
                missed.add(member, _bare(error))
                if attempt.late:
                    late.append(member)
            else:
                attempt.answered()
                return
            finally:
                attempt.left()
        raise missed.error()

    def _queue(self, late: list[Member]) -> Iterator[tuple[Member, bool]]:
        """The members in their order, and then those that were just being loaded, which are to be waited for."""
        for member in self.members:
            if member.loads():
                late.append(member)
            yield member, False
        for member in late:
            yield member, True

    def _others(self, member: Member, *, insists: bool) -> bool:
        """Whether one behind this member could answer."""
        behind = self.members[self.members.index(member) + 1 :]
        return any(each.is_up if insists else each.is_wanted for each in behind)

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """As the one counts that would answer now; an estimate if it does not. Never fails."""
        if (member := self.answering) is not None:
            with anyio.move_on_after(COUNT_S), suppress(MynaError):
                return await member.get().count_tokens(messages)
        return estimate_tokens(messages)

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """Have the one that would answer now read a prompt, if it does that; see `ReadsAhead`."""
        if (member := self.answering) is not None:
            with suppress(MynaError):
                if isinstance(llm := member.get(), ReadsAhead):
                    await llm.read_ahead(messages, tools=tools, everywhere=everywhere)

    async def watch(self) -> None:
        """Ask those that were gone whether they are back, until cancelled. To be run beside."""
        while True:
            gone = [member for member in self.members if member.breaker.wants_probe and member.is_up]
            if not gone:
                self._failed = anyio.Event()
                await self._failed.wait()
                continue
            await anyio.sleep(PROBE_EVERY_S)
            async with open_task_group() as probes:
                for member in gone:
                    probes.start_soon(_probe, member)


async def _probe(member: Member) -> None:
    with anyio.move_on_after(PROBE_S), suppress(MynaError):
        if await member.is_alive(PROBE_S) and member.breaker.wants_probe:
            member.breaker.alive()
            log.info("an LLM engine is back", extra={"engine": member.name})


@dataclass(slots=True, eq=False)
class _Attempt:
    """A request to a member, and what its breaker is told of it.

    Attributes:
        limit_s: How long the member may be silent before its answer; endless where nobody else could answer.
        begun: Whether the answer has begun.
        late: Whether it was left since a model has to be loaded first, and somebody else could answer.
    """

    member: Member
    limit_s: float
    begun: bool = False
    late: bool = False
    _trial: bool = field(init=False)
    _over: bool = False
    _loads: bool = False
    _asked_s: float | None = None

    def __post_init__(self) -> None:
        self._trial = self.member.breaker.begin(anyio.current_time())

    async def next(self, deltas: AsyncGenerator[LLMDelta]) -> LLMDelta | None:
        """The next delta; None: there is none.

        Raises:
            EngineTimeout: Nothing of an answer came for ``limit_s``.
            EngineUnavailable: A model has to be loaded first, and somebody else could answer.
        """
        delta, self._asked_s = None, anyio.current_time()
        with anyio.move_on_after(math.inf if self.begun or self._loads else self.limit_s) as waiting:
            delta = await anext(deltas, None)
        self._asked_s = None
        if waiting.cancelled_caught:
            raise EngineTimeout(
                f"The LLM engine {self.member.name} gave no sign of an answer within {self.limit_s:g} s.",
                hint="llm.failover_after_s in the settings is how long it may take.",
            )
        self._loads = isinstance(delta, Loading)
        if isinstance(delta, Loading) and not delta.each_time and not math.isinf(self.limit_s):
            self.late = True
            raise EngineUnavailable(
                f"The LLM engine {self.member.name} still loads {delta.what}.", hint="It is asked again next time."
            )
        if delta is not None and _is_answer(delta):
            self.begun = True
            self.answered()
        return delta

    def answered(self) -> None:
        """It answers."""
        if not self._over:
            self._over, self.member.problem = True, None
            self.member.breaker.succeeded()

    def failed(self, error: MynaError) -> None:
        """It failed, before it answered or in the middle of it; not if it was only late."""
        if not self.late and (how := _failure(error)) is not None:
            member, self._over = self.member, True
            member.problem = _without_words(error)
            member.breaker.failed(anyio.current_time(), how, trial=self._trial and not self.begun)
            told = {"engine": member.name, "code": error.code, "breaker": member.breaker_state}
            log.info("an LLM engine failed", extra=told)
            log.debug("problem", extra={"content": error.message})  # an upstream may quote the prompt

    def left(self) -> None:
        """Nobody waits for it any more: it is answered, or was given up."""
        if self.begun and self._asked_s is not None and anyio.current_time() - self._asked_s >= STALLED_S:
            self.member.breaker.failed(anyio.current_time(), "silent", trial=False)
        if not self._over:
            self.member.breaker.left(trial=self._trial)


def _askable(member: Member, *, insists: bool) -> LLM | MynaError:
    """The LLM of a member that may be asked, or why it may not."""
    try:
        llm = member.get()
    except MynaError as problem:
        return _bare(problem)
    if insists or member.is_wanted:
        return llm
    return member.problem or EngineUnavailable(f"The LLM engine {member.name} is just being tried again.")


def _failure(error: MynaError) -> Failure | None:
    """What an error says of the engine; None: it is the request that is no good."""
    if isinstance(error, BadInput | RequestRefused):
        return None
    if isinstance(error, EngineTimeout):
        return "silent"
    return "gone" if isinstance(error, EngineUnavailable) else "refused"


def _is_answer(delta: LLMDelta) -> bool:
    """Whether it is part of an answer: after it no other engine can begin."""
    match delta:
        case TextDelta(text):
            return bool(text)
        case Loading() | FailedOver():
            return False
        case ReasoningDelta() | ToolCallDelta() | Finished():
            return True


def _goes_on(error: MynaError) -> bool:
    """Whether another engine may answer where this is what one said."""
    return isinstance(error, PromptTooLong) or not isinstance(error, BadInput)


@dataclass(slots=True)
class _Missed:
    """Who did not answer, and why, in the order in which they were to."""

    _problems: dict[Member, MynaError] = field(default_factory=dict[Member, MynaError])
    _untold: list[Member] = field(default_factory=list[Member])

    def add(self, member: Member, problem: MynaError) -> None:
        """One more; of one that was there before, what it said last counts."""
        self._problems[member] = problem
        self._untold.append(member)

    def told(self, answers: Member) -> Iterator[FailedOver]:
        """What is to be said of those that nothing was said of yet, now that another one is asked."""
        untold, self._untold = self._untold, []
        for member in untold:
            if member is answers:
                continue
            problem = self._problems[member]
            member.failovers += 1
            told = {"engine": member.name, "code": problem.code, "answers": answers.name}
            log.warning("another LLM engine is asked", extra=told)
            yield FailedOver(member.name, problem, answers.name)

    def error(self) -> MynaError:
        """An error of the same kind, code and hint as the first, with what the others said."""
        (_, first), *others = self._problems.items()
        error = copy(first)
        if others:
            said = "; ".join(f"{member.name}: {_short(problem.message)}" for member, problem in others)
            error.message = f"{first.message} The others did not answer either. {said}"
        return error


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_PROBLEM else f"{text[:LONGEST_PROBLEM]}…"


def _without_words(error: MynaError) -> MynaError:
    """The error as others may see it: behind a colon stand the words of a server, which may quote the prompt."""
    kept = copy(error)
    kept.message = f"{error.message.partition(': ')[0].rstrip('.')}."
    return _bare(kept)


def _bare(error: MynaError) -> MynaError:
    """The error without what led to it: it would keep the frames of the request that met it."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
