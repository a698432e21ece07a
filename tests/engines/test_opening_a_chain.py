"""An LLM with fallbacks is held as a chain: each engine by a task of its own, and up as soon as one of them is."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio
import pytest
from tests.engines.test_opening import Damaged, Failing, NoOptions, Scripted, until

from myna.core.errors import EngineUnavailable, WeightsMissing
from myna.engines.base import FailedOver, LLMDelta, LLMMessage, LLMRequest, Resources, TextDelta
from myna.engines.held import Choice
from myna.engines.llm.chain import ChainLLM
from myna.engines.llm.tool_calling import ToolCallingLLM
from myna.engines.opening import Engines, Supply, open_engines
from myna.engines.scheduler import open_scheduler
from myna.testing.llm import ScriptedLLM, Step
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


class Living(ScriptedLLM):
    """One that tells whether it lives."""

    def __init__(self, *replies: str | Sequence[Step]) -> None:
        super().__init__(*replies)
        self.alive: bool | Exception = True

    async def is_alive(self, within_s: float) -> bool:
        if isinstance(self.alive, Exception):
            raise self.alive
        return self.alive


@dataclass(frozen=True)
class Opening:
    """A plugin of an engine that opens when it may."""

    llm: ScriptedLLM
    may: anyio.Event | None = None
    needs: tuple[str, ...] = ()
    options_model: type[NoOptions] = NoOptions
    opened: list[str] = field(default_factory=list[str])

    def weights(self, options: NoOptions) -> Sequence[str]:
        return self.needs

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[ScriptedLLM]:
        if self.may is not None:
            await self.may.wait()
        self.opened.append("opened")
        try:
            yield self.llm
        finally:
            self.opened.append("closed")


@asynccontextmanager
async def opened(
    weights: Weights, *plugins: Opening | Failing, supply: Supply | None = None
) -> AsyncGenerator[Engines]:
    """A chain of engines that are called a, b, c."""
    first, *others = (Choice(name, plugin, NoOptions()) for name, plugin in zip("abc", plugins, strict=False))
    async with open_scheduler({"cpu": 1}) as scheduler:
        chosen = replace(first, fallbacks=tuple(others))
        async with open_engines({"llm": chosen}, Resources(weights, scheduler), supply=supply) as engines:
            yield engines


async def ask(engines: Engines) -> list[LLMDelta]:
    async with aclosing(engines.llm.generate(LLMRequest((LLMMessage("user", "Hello."),)))) as deltas:
        return [delta async for delta in deltas]


def text(told: Sequence[LLMDelta]) -> str:
    return "".join(delta.text for delta in told if isinstance(delta, TextDelta))


def standing(engines: Engines) -> list[tuple[str, str, str | None]]:
    return [(each.engine, each.status, each.breaker) for each in engines.states["llm"].members]


async def test_each_of_them_calls_tools_itself_and_they_are_closed_in_the_end(weights: Weights) -> None:
    a, b = Opening(ScriptedLLM("Hi.")), Opening(ScriptedLLM("Ho."))
    async with opened(weights, a, b) as engines:
        await engines.settled()
        assert isinstance(engines.llm, ChainLLM)
        assert engines.llm is engines.llm
        assert all(isinstance(member.get(), ToolCallingLLM) for member in engines.llm.members)
        assert engines.llm.members[0].get() is engines.llm.members[0].get()
        assert text(await ask(engines)) == "Hi."
        await until(lambda: b.opened == ["opened"])
    assert (a.opened, b.opened) == (["opened", "closed"], ["opened", "closed"])


async def test_one_without_fallbacks_is_no_chain(weights: Weights) -> None:
    async with opened(weights, Opening(ScriptedLLM("Hi."))) as engines:
        await engines.settled()
        assert isinstance(engines.llm, ToolCallingLLM)
        state = engines.states["llm"]
        assert (state.members, state.breaker, state.answers) == ((), None, None)


async def test_the_next_one_answers_while_the_first_still_loads(weights: Weights) -> None:
    may = anyio.Event()
    async with opened(weights, Opening(ScriptedLLM("Hi."), may), Opening(ScriptedLLM("Ho."))) as engines:
        await until(lambda: engines.is_up("llm"))
        state = engines.states["llm"]
        assert (state.engine, state.status, state.answers) == ("a", "ready", "b")
        assert standing(engines) == [("a", "loading", "closed"), ("b", "ready", "closed")]
        assert (engines.ready, engines.loads, state.settled) == (True, True, False)
        first, *others = await ask(engines)
        assert isinstance(first, FailedOver)
        assert first.problem.message == "The llm engine a is still loading."
        assert text(others) == "Ho."
        may.set()
        await engines.settled()
        assert text(await ask(engines)) == "Hi."
        assert [member.failovers for member in engines.states["llm"].members] == [1, 0]


async def test_weights_of_a_fallback_that_still_come_hold_nobody(weights: Weights) -> None:
    supply = Scripted(lacks={"large"})
    late = Opening(ScriptedLLM("Ho."), needs=("large",))
    async with opened(weights, Opening(ScriptedLLM("Hi."), needs=("small",)), late, supply=supply) as engines:
        await engines.settled()
        assert text(await ask(engines)) == "Hi."
        assert [(each.status, each.missing) for each in engines.states["llm"].members] == [
            ("ready", ()),
            ("fetching", ["large"]),
        ]
        supply.bring("large")
        await until(lambda: standing(engines)[1] == ("b", "ready", "closed"))


async def test_while_all_weights_still_come_the_chain_says_so(weights: Weights) -> None:
    supply = Scripted(lacks={"large", "small"})
    a, b = Opening(ScriptedLLM("Hi."), needs=("large",)), Opening(ScriptedLLM("Ho."), needs=("small",))
    async with opened(weights, a, b, supply=supply) as engines:
        await until(lambda: engines.states["llm"].status == "fetching")
        assert engines.states["llm"].missing == ["large"]
        with pytest.raises(EngineUnavailable, match="weights of the llm engine a are still being fetched"):
            _ = engines.llm
        supply.bring("small")
        await until(lambda: engines.is_up("llm"))
        assert text(await ask(engines)) == "Ho."


async def test_one_that_does_not_load_leaves_the_chain_up_and_says_why(weights: Weights) -> None:
    async with opened(weights, Failing(WeightsMissing("No weights.")), Opening(ScriptedLLM("Ho."))) as engines:
        await engines.settled()
        assert standing(engines)[0][:2] == ("a", "failed")
        assert str(engines.states["llm"].members[0].problem) == "No weights."
        assert engines.states["llm"].problem is None
        assert text(await ask(engines)) == "Ho."


async def test_if_none_of_them_loads_the_first_says_why(weights: Weights) -> None:
    async with opened(weights, Failing(WeightsMissing("No weights.")), Failing(OSError("gone"))) as engines:
        with pytest.raises(WeightsMissing, match="No weights"):
            await engines.settled()
        with pytest.raises(WeightsMissing, match="No weights"):
            _ = engines.llm
        assert engines.states["llm"].status == "failed"


async def test_one_that_failed_joins_again_when_its_weights_were_brought_anew(weights: Weights) -> None:
    supply, mended = Scripted(), Damaged(needs=("a",))
    async with opened(weights, mended, Opening(ScriptedLLM("Ho.")), supply=supply) as engines:
        await engines.settled()
        llm = engines.llm
        assert text(await ask(engines)) == "Ho."
        mended.is_whole.set()
        supply.bring("a")
        await until(lambda: standing(engines)[0] == ("a", "ready", "closed"))
        assert engines.llm is llm
        assert text(await ask(engines)) == ""  # the scripted one's own answer


async def test_the_engine_itself_is_asked_whether_it_lives_and_may_fail_at_it(weights: Weights) -> None:
    a = Living([EngineUnavailable("Gone.")], "Hi.")
    async with opened(weights, Opening(a), Opening(ScriptedLLM("Ho."))) as engines:
        await until(lambda: all(status == "ready" for _, status, _ in standing(engines)))
        assert isinstance(engines.llm, ChainLLM)
        first, second = engines.llm.members
        assert await first.is_alive(1)
        assert not await second.is_alive(1)
        a.alive = ValueError("a bug of its makers")
        assert not await first.is_alive(1)
        assert standing(engines)[0] == ("a", "ready", "closed")
