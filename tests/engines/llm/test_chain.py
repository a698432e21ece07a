"""Chains of scripted LLMs, on the virtual clock."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
import pytest

from myna.core.errors import (
    BadInput,
    Busy,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    MynaError,
    PromptTooLong,
    RequestRefused,
    WeightsMissing,
)
from myna.engines.base import (
    LLM,
    FailedOver,
    Finished,
    LLMDelta,
    LLMInfo,
    LLMMessage,
    LLMRequest,
    Loading,
    ReasoningDelta,
    TextDelta,
)
from myna.engines.llm.chain import ChainLLM, Member
from myna.engines.llm.tool_calling import tool_calling
from myna.engines.task_group import open_task_group
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM, Step

REQUEST = LLMRequest((LLMMessage("user", "Hello."),))
GONE = EngineUnavailable("It is out of reach.", hint="Start it.")
REFUSED = EngineRefused("It answered with status 500.")


def of(name: str, llm: LLM, is_alive: Callable[[float], Awaitable[bool]] | None = None) -> Member:
    return Member(name, lambda: llm, is_alive) if is_alive else Member(name, lambda: llm)


def chain(*llms: ScriptedLLM, failover_after_s: float = 8.0) -> ChainLLM:
    """They are called a, b, c."""
    return ChainLLM([of(name, llm) for name, llm in zip("abc", llms, strict=False)], failover_after_s)


async def ask(llm: LLM) -> list[LLMDelta]:
    async with aclosing(llm.generate(REQUEST)) as deltas:
        return [delta async for delta in deltas]


def text(told: Sequence[LLMDelta]) -> str:
    return "".join(delta.text for delta in told if isinstance(delta, TextDelta))


def passed(told: Sequence[LLMDelta]) -> list[tuple[str, str, str]]:
    return [(each.engine, each.problem.code, each.answers) for each in told if isinstance(each, FailedOver)]


def states(llm: ChainLLM) -> list[str]:
    return [member.breaker_state for member in llm.members]


# ------------------------------------------------------------------------------------------------------ failing over


@on_virtual_clock
async def test_the_first_answers_and_nobody_else_is_asked() -> None:
    a, b = ScriptedLLM("Hi."), ScriptedLLM("Ho.")
    told = await ask(chain(a, b))
    assert (text(told), passed(told), len(b.calls)) == ("Hi.", [], 0)
    assert isinstance(told[-1], Finished)


@pytest.mark.parametrize(
    "problem", [GONE, REFUSED, EngineTimeout("Late."), Busy("Full."), WeightsMissing("Not here.")], ids=lambda p: p.code
)
@on_virtual_clock
async def test_what_fails_before_its_answer_is_followed_by_the_next_and_says_so_first(problem: MynaError) -> None:
    told = await ask(chain(ScriptedLLM([problem]), ScriptedLLM("Ho.")))
    assert told[0] == FailedOver("a", problem, "b")
    assert text(told) == "Ho."


@pytest.mark.parametrize("before", [TextDelta(""), Loading("a model", each_time=True)], ids=["sign of life", "loading"])
@on_virtual_clock
async def test_signs_of_life_are_no_part_of_an_answer(before: LLMDelta) -> None:
    told = await ask(chain(ScriptedLLM([before, GONE]), ScriptedLLM("Ho.")))
    assert (told[0], passed(told), text(told)) == (before, [("a", "engine_unavailable", "b")], "Ho.")


@pytest.mark.parametrize("begins", ["Hi", ReasoningDelta("Hm.")], ids=["text", "reasoning"])
@on_virtual_clock
async def test_an_answer_that_has_begun_ends_with_its_error_and_never_begins_anew(begins: Step) -> None:
    b = ScriptedLLM("Ho.")
    llm = chain(ScriptedLLM([begins, GONE], "Hi."), b)
    async with aclosing(llm.generate(REQUEST)) as deltas:
        assert await anext(deltas) == (TextDelta(begins) if isinstance(begins, str) else begins)
        with pytest.raises(EngineUnavailable, match="out of reach"):
            await anext(deltas)
    assert b.calls == []
    assert text(await ask(llm)) == "Ho.", "who died in the middle of an answer is not asked for the next one"


@on_virtual_clock
async def test_who_is_silent_while_another_could_answer_is_passed_over_in_time() -> None:
    a, b = ScriptedLLM([HANG]), ScriptedLLM([Pause(20), "Ho."])
    began = anyio.current_time()
    told = await ask(chain(a, b))
    assert passed(told) == [("a", "engine_timeout", "b")]
    assert text(told) == "Ho."
    assert anyio.current_time() - began == pytest.approx(28), "the last one has all the time that it needs"
    assert a.calls[0].ended == "closed"


@on_virtual_clock
async def test_a_sign_of_life_gives_more_time_and_loading_for_each_answer_gives_all() -> None:
    loading, b = Loading("it", each_time=True), ScriptedLLM("Ho.")
    slow = ScriptedLLM([Pause(7), TextDelta(""), Pause(7), loading, Pause(600), TextDelta(""), Pause(7), "Hi."])
    assert text(await ask(chain(slow, b))) == "Hi."
    slow = ScriptedLLM([loading, Pause(600), TextDelta(""), Pause(9), "Hi."])
    assert text(await ask(chain(slow, b))) == "Ho."


@on_virtual_clock
async def test_who_has_to_load_its_model_is_passed_over_and_has_not_failed() -> None:
    llm = chain(ScriptedLLM([Pause(1), Loading("it"), Pause(600), "Hi."]), ScriptedLLM("Ho."))
    began = anyio.current_time()
    for _ in range(3):
        told = await ask(llm)
        assert (passed(told), text(told)) == ([("a", "engine_unavailable", "b")], "Ho.")
    assert anyio.current_time() - began == pytest.approx(3)
    assert states(llm) == ["closed", "closed"]


@on_virtual_clock
async def test_where_nobody_else_answers_who_has_to_load_is_waited_for() -> None:
    llm = chain(ScriptedLLM([Loading("it"), Pause(600), "Hi."]), ScriptedLLM([GONE]))
    assert text(await ask(llm)) == "Hi."


@on_virtual_clock
async def test_who_is_given_up_in_the_middle_of_its_answer_is_not_asked_next() -> None:
    llm = chain(ScriptedLLM(["Hi", HANG]), ScriptedLLM("Ho."))
    async with aclosing(llm.generate(REQUEST)) as deltas:
        with anyio.move_on_after(15):
            async for _ in deltas:
                pass
    assert text(await ask(llm)) == "Ho."


@on_virtual_clock
async def test_who_waits_for_its_listener_is_not_taken_for_silent() -> None:
    llm = chain(ScriptedLLM(["Hi", "."]), ScriptedLLM("Ho."))
    async with aclosing(llm.generate(REQUEST)) as deltas:
        await anext(deltas)
        await anyio.sleep(60)
    assert text(await ask(llm)) == "Hi."


@on_virtual_clock
async def test_where_the_others_are_down_nobody_is_hurried() -> None:
    llm = chain(ScriptedLLM([Pause(20), "Hi."]), ScriptedLLM("Ho."))
    llm.members[1].breaker.failed(anyio.current_time(), "gone", trial=False)
    assert text(await ask(llm)) == "Hi."


@pytest.mark.parametrize("problem", [RequestRefused("No such schema."), PromptTooLong("Too long.")])
@on_virtual_clock
async def test_a_request_that_one_cannot_use_goes_to_the_next_and_is_no_failure(problem: MynaError) -> None:
    llm = chain(ScriptedLLM([problem]), ScriptedLLM("Ho."))
    for _ in range(5):
        assert passed(await ask(llm)) == [("a", problem.code, "b")]
    assert states(llm) == ["closed", "closed"]
    assert llm.members[0].problem is None


@on_virtual_clock
async def test_bad_input_is_raised_at_once() -> None:
    b = ScriptedLLM("Ho.")
    with pytest.raises(BadInput, match="no messages"):
        await ask(chain(ScriptedLLM([BadInput("There are no messages.")]), b))
    assert b.calls == []


@on_virtual_clock
async def test_when_all_fail_the_first_error_is_told_with_what_the_others_said() -> None:
    llm = chain(ScriptedLLM([GONE]), ScriptedLLM([PromptTooLong("x" * 1000)]), ScriptedLLM([Busy("Full.")]))
    with pytest.raises(EngineUnavailable) as raised:
        await ask(llm)
    assert raised.value.message.startswith("It is out of reach. The others did not answer either. b: xxx")
    assert raised.value.message.endswith("…; c: Full.")
    assert raised.value.hint == "Start it."
    assert len(raised.value.message) < 400
    assert GONE.message == "It is out of reach."


@on_virtual_clock
async def test_closing_closes_the_one_that_answers() -> None:
    a, b = ScriptedLLM([GONE]), ScriptedLLM(["Ho", Pause(1), "ho."])
    llm = chain(a, b)
    async with aclosing(llm.generate(REQUEST)) as deltas:
        async for delta in deltas:
            if delta == TextDelta("Ho"):
                break
    assert (a.calls[0].ended, b.calls[0].ended) == ("failed", "closed")
    c = ScriptedLLM([HANG])
    with anyio.move_on_after(3):
        await ask(chain(c, b))
    assert c.calls[0].ended == "closed"


# ------------------------------------------------------------------------------------------------------- the breaker


@on_virtual_clock
async def test_who_is_gone_is_passed_over_until_a_trial_finds_it_back() -> None:
    a, b = ScriptedLLM([GONE], [GONE], "Hi."), ScriptedLLM("Ho.")
    llm = chain(a, b)
    for at, asked, state in ((0, 1, "open"), (4, 1, "open"), (5, 2, "open"), (14, 2, "open"), (15.5, 3, "closed")):
        await anyio.sleep_until(at)
        told = await ask(llm)
        assert (len(a.calls), states(llm)[0]) == (asked, state)
        assert passed(told) == ([] if asked == 3 else [("a", "engine_unavailable", "b")])
    assert text(told) == "Hi."
    assert llm.members[0].failovers == 4
    assert llm.members[0].problem is None


@on_virtual_clock
async def test_one_refusal_does_not_open_it_and_two_in_a_row_do() -> None:
    a, b = ScriptedLLM([REFUSED], "Hi.", [REFUSED], [REFUSED], "Hi."), ScriptedLLM("Ho.")
    llm = chain(a, b)
    assert [text(await ask(llm)) for _ in range(5)] == ["Ho.", "Hi.", "Ho.", "Ho.", "Ho."]
    assert (len(a.calls), states(llm)) == (4, ["open", "closed"])


@on_virtual_clock
async def test_of_many_at_a_time_one_is_the_trial() -> None:
    a, b = ScriptedLLM([GONE], [Pause(1), "Hi."]), ScriptedLLM("Ho.")
    llm = chain(a, b)
    await ask(llm)
    await anyio.sleep(5)
    said: list[str] = []

    async def one() -> None:
        said.append(text(await ask(llm)))

    async with open_task_group() as users:
        for _ in range(10):
            users.start_soon(one)
    assert sorted(said) == ["Hi.", *["Ho."] * 9]
    assert states(llm) == ["closed", "closed"]


@on_virtual_clock
async def test_a_trial_that_is_given_up_leaves_it_to_the_next_one() -> None:
    a, b = ScriptedLLM([GONE], [HANG], "Hi."), ScriptedLLM("Ho.")
    llm = chain(a, b)
    await ask(llm)
    await anyio.sleep(5)
    with anyio.move_on_after(1):
        await ask(llm)
    assert text(await ask(llm)) == "Hi."


@on_virtual_clock
async def test_if_all_are_passed_over_all_are_asked() -> None:
    a, b = ScriptedLLM([GONE]), ScriptedLLM([GONE], "Ho.")
    llm = chain(a, b)
    with pytest.raises(EngineUnavailable):
        await ask(llm)
    assert states(llm) == ["open", "open"]
    assert text(await ask(llm)) == "Ho."
    assert states(llm) == ["open", "closed"]


@dataclass
class Pulse:
    """Whether a server lives, and when somebody asked."""

    alive: bool = False
    asked_at: list[float] = field(default_factory=list[float])

    async def is_alive(self, within_s: float) -> bool:
        self.asked_at.append(anyio.current_time())
        return self.alive


@on_virtual_clock
async def test_a_probe_closes_it_without_any_request() -> None:
    a, pulse = ScriptedLLM([GONE], "Hi."), Pulse()
    llm = ChainLLM([of("a", a, pulse.is_alive), of("b", ScriptedLLM("Ho."))])
    async with open_task_group() as tasks:
        tasks.start_soon(llm.watch)
        await anyio.sleep(100)
        assert pulse.asked_at == [], "nobody is asked as long as all is well"
        await ask(llm)
        await anyio.sleep(31)
        assert pulse.asked_at == [105, 110, 115, 120, 125, 130]
        pulse.alive = True
        await anyio.sleep(5)
        assert (states(llm), len(a.calls)) == (["closed", "closed"], 1)
        assert text(await ask(llm)) == "Hi."
        await anyio.sleep(100)
        assert len(pulse.asked_at) == 7
        tasks.cancel_scope.cancel()


@on_virtual_clock
async def test_who_lives_and_is_silent_is_not_believed() -> None:
    pulse = Pulse(alive=True)
    llm = ChainLLM([of("a", ScriptedLLM([HANG]), pulse.is_alive), of("b", ScriptedLLM("Ho."))])
    async with open_task_group() as tasks:
        tasks.start_soon(llm.watch)
        await ask(llm)
        await anyio.sleep(4)
        assert states(llm) == ["open", "closed"]
        tasks.cancel_scope.cancel()


@on_virtual_clock
async def test_a_probe_that_hangs_or_fails_harms_nobody() -> None:
    async def hang(_: float) -> bool:
        await anyio.sleep_forever()
        return True

    async def fail(_: float) -> bool:
        raise EngineUnavailable("What?")

    llm = ChainLLM([of("a", ScriptedLLM([GONE]), hang), of("b", ScriptedLLM([GONE]), fail)])
    async with open_task_group() as tasks:
        tasks.start_soon(llm.watch)
        with pytest.raises(EngineUnavailable):
            await ask(llm)
        await anyio.sleep(100)
        assert states(llm) == ["half_open", "half_open"]
        tasks.cancel_scope.cancel()


# ------------------------------------------------------------------------------------------------------- its members


class Sized(ScriptedLLM):
    """One with a context of its own, that counts."""

    def __init__(self, name: str, context: int, *replies: str | Sequence[Step]) -> None:
        super().__init__(*replies)
        self._info = LLMInfo(name, context, native_tools=True, output_schema=False)
        self.counts = True

    @property
    def info(self) -> LLMInfo:
        return self._info

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        if not self.counts:
            await anyio.sleep_forever()
        return 7

    async def read_ahead(self, messages: Sequence[LLMMessage], *, tools: object = (), everywhere: bool = False) -> None:
        self.calls.append(None)  # pyright: ignore[reportArgumentType]


@on_virtual_clock
async def test_it_is_described_by_who_would_answer_now() -> None:
    a, b = Sized("large", 32768, [GONE], "Hi."), Sized("small", 4096, "Ho.")
    llm = chain(a, b)
    assert (llm.info.model, llm.info.context_tokens) == ("large", 32768)
    await ask(llm)
    assert (llm.info.model, llm.info.context_tokens) == ("small", 4096)
    assert await llm.count_tokens(REQUEST.messages) == 7
    await llm.read_ahead(REQUEST.messages)
    assert (len(a.calls), len(b.calls)) == (1, 2)
    b.counts = False
    assert 0 < await llm.count_tokens(REQUEST.messages) < 7, "who does not count is not waited for"


@on_virtual_clock
async def test_who_is_not_up_is_passed_over_and_comes_back_when_it_is() -> None:
    up: list[LLM] = []

    def get() -> LLM:
        if not up:
            raise EngineUnavailable("The llm engine a is still loading.")
        return up[0]

    llm = ChainLLM([Member("a", get), of("b", ScriptedLLM("Ho."))])
    told = await ask(llm)
    assert [each.problem.message for each in told if isinstance(each, FailedOver)] == [
        "The llm engine a is still loading."
    ]
    assert text(told) == "Ho."
    up.append(ScriptedLLM("Hi."))
    assert text(await ask(llm)) == "Hi."
    assert states(llm) == ["closed", "closed"]


@on_virtual_clock
async def test_a_chain_calls_tools_by_itself() -> None:
    llm = chain(ScriptedLLM("Hi."))
    assert tool_calling(llm) is llm


@on_virtual_clock
async def test_failures_are_in_the_log_without_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    quoting = EngineRefused('The server answered with status 500: cannot read "I am ill".')
    with caplog.at_level(logging.INFO):
        await ask(chain(ScriptedLLM([quoting]), ScriptedLLM("Ho.")))
    told = [(record.levelname, record.message, getattr(record, "code", "")) for record in caplog.records]
    assert ("WARNING", "another LLM engine is asked", "engine_refused") in told
    assert "ill" not in caplog.text


@on_virtual_clock
async def test_who_is_passed_over_later_is_not_told_what_its_server_said_to_somebody_else() -> None:
    quoting = EngineUnavailable('The server is not ready: cannot read "I am ill".', hint="Try again.")
    llm = chain(ScriptedLLM([quoting]), ScriptedLLM("Ho."))
    first, second = [(await ask(llm))[0] for _ in range(2)]
    assert isinstance(first, FailedOver)
    assert first.problem is quoting
    assert isinstance(second, FailedOver)
    assert str(second.problem) == "The server is not ready. Try again."


@on_virtual_clock
async def test_problems_hold_on_to_no_frames() -> None:
    llm = chain(ScriptedLLM([GONE]), ScriptedLLM("Ho."))
    (first, *_) = await ask(llm)
    assert isinstance(first, FailedOver)
    for problem in (first.problem, llm.members[0].problem):
        assert problem is not None
        assert (problem.__traceback__, problem.__cause__, problem.__context__) == (None, None, None)


@on_virtual_clock
async def test_who_is_still_loaded_is_waited_for_when_nobody_else_has_answered() -> None:
    up: list[LLM] = []
    loaded = anyio.Event()

    def get() -> LLM:
        if not up:
            raise EngineUnavailable("The llm engine b is still loading.")
        return up[0]

    async def load() -> None:
        await anyio.sleep(100)
        up.append(ScriptedLLM("Ho."))
        loaded.set()

    late = Member("b", get, loads=lambda: not loaded.is_set(), until_loaded=loaded.wait)
    llm = ChainLLM([of("a", ScriptedLLM([GONE])), late])
    async with open_task_group() as tasks:
        tasks.start_soon(load)
        told = await ask(llm)
    assert told[0] == Loading("the LLM engine b")
    assert passed(told) == [("a", "engine_unavailable", "b")]
    assert text(told) == "Ho."
    assert anyio.current_time() == 100


@on_virtual_clock
async def test_who_is_loaded_in_vain_is_not_waited_for_twice() -> None:
    loaded = anyio.Event()

    def get() -> LLM:
        raise EngineUnavailable("The llm engine b does not load." if loaded.is_set() else "It is still loading.")

    async def fail() -> None:
        loaded.set()

    llm = ChainLLM([of("a", ScriptedLLM([GONE])), Member("b", get, loads=lambda: True, until_loaded=fail)])
    with pytest.raises(EngineUnavailable, match="b: The llm engine b does not load"):
        await ask(llm)
