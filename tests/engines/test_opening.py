"""One engine that does not do leaves the process and its other engines alone."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from pydantic import BaseModel

from myna.core.errors import EngineUnavailable, MynaError, UnknownName, WeightsMissing
from myna.engines.base import Resources
from myna.engines.opening import Choice, Engines, Supply, open_engines
from myna.engines.scheduler import open_scheduler
from myna.engines.task_group import open_task_group
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


class NoOptions(BaseModel):
    pass


@dataclass(frozen=True)
class Failing:
    """A plugin whose engine fails with an error, as it opens or when ``later`` is set."""

    error: Exception | None
    later: anyio.Event | None = None
    options_model: type[NoOptions] = NoOptions
    needs: tuple[str, ...] = ()

    def weights(self, options: NoOptions) -> Sequence[str]:
        return self.needs

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[object]:
        if self.error is None:
            yield ScriptedLLM()
        elif self.later is None:
            raise self.error
        else:
            async with open_task_group() as group:
                group.start_soon(self._fail_later, self.later, self.error)
                yield ScriptedLLM()

    async def _fail_later(self, later: anyio.Event, error: Exception) -> None:
        await later.wait()
        raise error


@asynccontextmanager
async def opened(weights: Weights, embed: Failing, supply: Supply | None = None) -> AsyncGenerator[Engines]:
    """An LLM that works, and an embedder."""
    choices = {"llm": Failing(None), "embed": embed}
    async with open_scheduler({"cpu": 1}) as scheduler:
        chosen = {kind: Choice("fake", plugin, NoOptions()) for kind, plugin in choices.items()}
        resources = Resources(weights, scheduler)
        async with open_engines(chosen, resources, supply=supply) as engines:  # pyright: ignore[reportArgumentType]
            yield engines


@dataclass(frozen=True)
class Damaged(Failing):
    """A plugin whose engine opens once its weights are whole."""

    error: Exception | None = None
    is_whole: anyio.Event = field(default_factory=anyio.Event)
    tries: list[str] = field(default_factory=list[str])

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[object]:
        self.tries.append("good" if self.is_whole.is_set() else "bad")
        if not self.is_whole.is_set():
            raise OSError("damaged")
        yield ScriptedLLM()


@dataclass
class Scripted:
    """A supply that does as the test says."""

    lacks: set[str] = field(default_factory=set[str])
    why: MynaError | None = None
    brought: Counter[str] = field(default_factory=Counter[str])
    changed: anyio.Event = field(default_factory=anyio.Event)

    def missing(self, names: Sequence[str]) -> Sequence[str]:
        if "nowhere" in names:
            raise UnknownName("No weights are called nowhere.")
        return [name for name in names if name in self.lacks]

    def problem(self, names: Sequence[str]) -> MynaError | None:
        return self.why

    def landed(self, names: Sequence[str]) -> int:
        return sum(self.brought[name] for name in names)

    async def news(self) -> None:
        await self.changed.wait()

    def bring(self, *names: str) -> None:
        self.lacks -= set(names)
        self.brought.update(names)
        self.tell()

    def tell(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not true():
            await anyio.lowlevel.checkpoint()


async def problem_of(engines: Engines) -> MynaError:
    with anyio.fail_after(5), pytest.raises(MynaError) as caught:
        await engines.settled()
    return caught.value


@pytest.mark.parametrize("error", [ImportError("no module named x"), OSError("gone"), StopIteration()])
async def test_an_error_that_is_none_of_ours_fails_its_engine_alone(weights: Weights, error: Exception) -> None:
    async with opened(weights, Failing(error)) as engines:
        problem = await problem_of(engines)
        assert isinstance(problem, EngineUnavailable)
        assert str(problem).startswith("The embed engine fake does not load: ")
        await engines.settled(may_fail=("embed",))
        assert engines.llm.info.model == "scripted"
        with pytest.raises(EngineUnavailable, match="does not load"):
            _ = engines.embed


async def test_a_kind_that_is_no_part_of_the_run_is_unavailable_and_no_reason_to_wait(weights: Weights) -> None:
    async with opened(weights, Failing(None)) as engines:
        await engines.settled()
        assert engines.ready
        for kind in ("turn", "vad"):
            with pytest.raises(EngineUnavailable, match=f"No {kind} engine is part of this run"):
                getattr(engines, kind)


async def test_an_engine_that_fails_after_it_was_ready_is_failed(weights: Weights) -> None:
    later = anyio.Event()
    async with opened(weights, Failing(OSError("gone"), later)) as engines:
        await engines.settled()
        later.set()
        with anyio.fail_after(5):
            while engines.states["embed"].status == "ready":
                await anyio.lowlevel.checkpoint()
        with pytest.raises(EngineUnavailable, match="has failed: OSError: gone"):
            _ = engines.embed
        assert engines.llm.info.model == "scripted"


async def test_an_engine_is_opened_when_all_of_its_weights_are_here_and_the_others_wait_for_nobody(
    weights: Weights,
) -> None:
    supply = Scripted(lacks={"a", "b"})
    async with opened(weights, Failing(None, needs=("a", "b")), supply) as engines:
        await until(lambda: engines.is_up("llm"))
        state = engines.states["embed"]
        assert (state.status, state.missing, state.problem) == ("fetching", ["a", "b"], None)
        with pytest.raises(EngineUnavailable, match="still being fetched"):
            _ = engines.embed
        supply.bring("a")
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        assert (engines.states["embed"].status, engines.states["embed"].missing) == ("fetching", ["a", "b"])
        supply.bring("b")
        await engines.settled()
        assert engines.ready


async def test_weights_that_do_not_come_are_why_an_engine_has_failed_until_they_come(weights: Weights) -> None:
    supply = Scripted(lacks={"a"}, why=WeightsMissing("No source has a."))
    async with opened(weights, Failing(None, needs=("a",)), supply) as engines:
        assert str(await problem_of(engines)) == "No source has a."
        supply.why = None
        supply.tell()
        await until(lambda: engines.states["embed"].status == "fetching")
        supply.bring("a")
        await engines.settled()
        assert engines.ready


async def test_an_engine_that_failed_is_tried_anew_when_its_weights_were_brought_again(weights: Weights) -> None:
    supply = Scripted()
    embed = Damaged(needs=("a",))
    async with opened(weights, embed, supply) as engines:
        assert "damaged" in str(await problem_of(engines))
        supply.brought["other"] += 1
        supply.tell()
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        assert embed.tries == ["bad"]
        embed.is_whole.set()
        supply.bring("a")
        await until(lambda: engines.ready)
        assert embed.tries == ["bad", "good"]


async def test_weights_that_there_are_not_fail_their_engine_alone(weights: Weights) -> None:
    async with opened(weights, Failing(None, needs=("nowhere",)), Scripted()) as engines:
        assert (await problem_of(engines)).code == "unknown_name"
        assert engines.llm.info.model == "scripted"


async def test_an_error_that_is_told_often_does_not_grow(weights: Weights) -> None:
    async def ask(meets: Callable[[], object]) -> BaseException:
        with pytest.raises(MynaError) as caught:
            async with open_task_group():
                meets()
        return caught.value

    async with opened(weights, Failing(EngineUnavailable("gone"))) as engines:
        await problem_of(engines)
        sizes = [size(await ask(lambda: engines.embed)) for _ in range(20)]
    assert sizes[-1] == sizes[1]


def size(error: BaseException | None) -> int:
    """How many frames and errors hang on an error."""
    seen: set[int] = set()
    count = 0
    waiting = [error]
    while waiting:
        if (one := waiting.pop()) is None or id(one) in seen:
            continue
        seen.add(id(one))
        count += 1
        trace = one.__traceback__
        while trace is not None:
            count, trace = count + 1, trace.tb_next
        waiting += [one.__context__, one.__cause__, *getattr(one, "exceptions", ())]
    return count
