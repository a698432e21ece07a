"""One engine that does not do leaves the process and its other engines alone."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.lowlevel
import pytest
from pydantic import BaseModel

from myna.core.errors import EngineUnavailable, MynaError
from myna.engines.base import Resources
from myna.engines.opening import Choice, Engines, open_engines
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

    def weights(self, options: NoOptions) -> Sequence[str]:
        return ()

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
async def opened(weights: Weights, embed: Failing) -> AsyncGenerator[Engines]:
    """An LLM that works, and an embedder."""
    choices = {"llm": Failing(None), "embed": embed}
    async with open_scheduler({"cpu": 1}) as scheduler:
        chosen = {kind: Choice("fake", plugin, NoOptions()) for kind, plugin in choices.items()}
        async with open_engines(chosen, Resources(weights, scheduler)) as engines:  # pyright: ignore[reportArgumentType]
            yield engines


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
