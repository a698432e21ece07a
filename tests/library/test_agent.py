import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest
from tests.library.scripted import CALLED, call

import myna
from myna.core.errors import BadInput, Busy, EngineUnavailable, UnknownName
from myna.core.tools import ToolCall
from myna.engines.base import Finished, LLMRequest, TextDelta
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.base import CallEnded, CallStarted, Step, Work


@myna.tool
def add(one: int, other: int) -> int:
    """Add two numbers.

    Args:
        one: The one.
        other: The other.
    """
    return one + other


ADDS = [call("add", {"one": 1, "other": 2}), CALLED]


def test_an_agent_calls_its_tools_and_answers_with_what_they_gave() -> None:
    engine = ScriptedLLM(ADDS, ["It is ", "3."])
    reply = myna.Agent(engine, [add]).run("1 + 2?")
    assert reply.text == "It is 3."
    (run,) = reply.tool_calls
    assert (run.name, run.arguments, run.result, run.status) == ("add", {"one": 1, "other": 2}, "3", "ok")
    assert run.took_ms > 0
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 7
    assert [message.role for message in engine.calls[1].request.messages] == ["user", "assistant", "tool"]


def test_functions_need_no_decorator_and_stay_functions() -> None:
    def double(number: int) -> int:
        """Double a number.

        Args:
            number: Which.
        """
        return 2 * number

    agent = myna.Agent(ScriptedLLM([call("double", {"number": 4}), CALLED], "8"), [double])
    assert agent.run("2 x 4?").tool_calls[0].result == "8"
    assert double(3) == 6
    assert add(1, 2) == 3


def test_what_is_said_before_and_after_a_call_is_two_paragraphs() -> None:
    agent = myna.Agent(ScriptedLLM(["Let me see.", *ADDS], "It is 3."), [add])
    stream = agent.stream("1 + 2?")
    assert list(stream) == ["Let me see.", "\nIt is 3."]
    assert stream.reply.text == "Let me see.\nIt is 3."


def test_each_step_is_told_where_and_in_the_order_in_which_it_is_read() -> None:
    told: list[tuple[Step, int]] = []
    agent = myna.Agent(
        ScriptedLLM(["Hm.", *ADDS], "It is 3."),
        [add],
        on_step=lambda step: told.append((step, threading.get_ident())),
    )
    pieces = list(agent.stream("1 + 2?"))
    assert pieces == ["Hm.", "\nIt is 3."]
    assert {thread for _, thread in told} == {threading.get_ident()}
    kinds = [type(step).__name__ for step, _ in told]
    assert kinds == ["TextDelta", "CallStarted", "CallEnded", "RoundEnded", "TextDelta", "Finished"]


def test_an_async_watcher_of_a_blocking_stream_is_waited_for() -> None:
    told: list[str] = []

    async def watch(step: Step) -> None:
        await anyio.lowlevel.checkpoint()
        told.append(type(step).__name__)

    assert myna.Agent(ScriptedLLM("ok"), on_step=watch)("Hello") == "ok"
    assert told == ["TextDelta", "Finished"]


def test_instructions_are_the_system_prompt() -> None:
    engine = ScriptedLLM("ok")
    myna.Agent(engine, instructions="Be brief.")("Hello")
    first, second = engine.calls[0].request.messages
    assert (first.role, first.content, second.content) == ("system", "Be brief.", "Hello")


def test_a_persona_speaks_with_its_own_prompt_and_its_tags_are_not_shown() -> None:
    engine = ScriptedLLM("[开心] 俺老孙来也！")
    agent = myna.Agent(engine, persona="wukong")
    assert agent("你好") == "俺老孙来也！"
    assert "孙悟空" in engine.calls[0].request.messages[0].content


def test_a_tool_that_asks_is_refused_where_nobody_can_be_asked() -> None:
    tool = ScriptedTool("delete", "gone", confirm=True)
    agent = myna.Agent(ScriptedLLM([call("delete"), CALLED], "I may not."), [tool])
    (run,) = agent.run("Delete it").tool_calls
    assert run.status == "refused"
    assert tool.calls == []


@pytest.mark.parametrize("kind", ["plain", "async", "blocks"])
@pytest.mark.parametrize("leave", [True, False])
def test_whoever_confirms_decides(kind: str, leave: bool) -> None:
    asked: list[ToolCall] = []

    def plain(call: ToolCall) -> bool:
        asked.append(call)
        return leave

    async def later(call: ToolCall) -> bool:
        await anyio.sleep(0.01)
        return plain(call)

    def blocks(call: ToolCall) -> bool:
        threading.Event().wait(0.05)
        return plain(call)

    confirm: Callable[[ToolCall], Any] = {"plain": plain, "async": later, "blocks": blocks}[kind]
    tool = ScriptedTool("delete", "gone", confirm=True)
    agent = myna.Agent(ScriptedLLM([call("delete"), CALLED], "Done."), [tool], confirm=confirm)
    (run,) = agent.run("Delete it").tool_calls
    assert [each.name for each in asked] == ["delete"]
    assert run.status == ("ok" if leave else "refused")
    assert len(tool.calls) == int(leave)


def test_an_error_of_the_one_who_confirms_comes_out_as_itself() -> None:
    def confirm(_call: ToolCall) -> bool:
        raise ZeroDivisionError

    tool = ScriptedTool("delete", "gone", confirm=True)
    agent = myna.Agent(ScriptedLLM([call("delete"), CALLED], "Done."), [tool], confirm=confirm)
    with pytest.raises(ZeroDivisionError):
        agent.run("Delete it")


@pytest.mark.anyio
async def test_async_tools_run_in_the_callers_loop() -> None:
    mine = asyncio.get_running_loop()
    ran_in: list[asyncio.AbstractEventLoop] = []

    @myna.tool
    async def where() -> str:
        """Say where you are."""
        await asyncio.sleep(0)
        ran_in.append(asyncio.get_running_loop())
        return "here"

    agent = myna.Agent(ScriptedLLM([call("where"), CALLED], "Here."), [where])
    assert (await agent.arun("Where?")).text == "Here."
    assert ran_in == [mine]


@pytest.mark.anyio
async def test_a_blocking_question_in_a_loop_has_its_tools_and_questions_run_elsewhere() -> None:
    """As a notebook's cell asks: its loop stands still meanwhile."""
    ran_in: list[asyncio.AbstractEventLoop | None] = []

    @myna.tool(confirm=True, timeout_s=5)
    async def where() -> str:
        """Say where you are."""
        ran_in.append(asyncio.get_running_loop())
        return "here"

    async def confirm(_call: ToolCall) -> bool:
        ran_in.append(asyncio.get_running_loop())
        return True

    calls = [call("where"), call("add", {"one": 1, "other": 2}, index=1, id_="call_2"), CALLED]
    agent = myna.Agent(ScriptedLLM(*[calls, "Here."] * 2), [where, add], confirm=confirm)
    for runs in (agent.run("Where?").tool_calls, agent.conversation().run("Where?").tool_calls):
        assert {run.result for run in runs} == {"here", "3"}
    assert len(ran_in) == 4
    assert asyncio.get_running_loop() not in ran_in


def test_async_tools_run_also_where_the_caller_has_no_loop() -> None:
    @myna.tool
    async def where() -> str:
        """Say where you are."""
        await asyncio.sleep(0)
        return "here"

    agent = myna.Agent(ScriptedLLM([call("where"), CALLED], "Here."), [where])
    assert agent.run("Where?").tool_calls[0].result == "here"


def test_an_async_tool_may_ask_another_agent_and_a_blocking_question_there_is_refused() -> None:
    helper = myna.Agent(ScriptedLLM("42"))

    @myna.tool
    async def ask() -> str:
        """Ask the other."""
        with pytest.raises(BadInput, match="async"):
            helper.run("What is it?")
        return (await helper.arun("What is it?")).text

    @myna.tool
    def ask_too() -> str:
        """Ask the other."""
        return helper.run("What is it?").text

    engine = ScriptedLLM([call("ask"), call("ask_too", index=1, id_="call_2"), CALLED], "It is 42.")
    runs = myna.Agent(engine, [ask, ask_too]).run("What is it?").tool_calls
    assert [run.result for run in runs] == ["42", "42"]


def test_closing_a_stream_cancels_the_tool_that_runs() -> None:
    tool = ScriptedTool("wait", [HANG])
    stream = myna.Agent(ScriptedLLM(["Wait.", call("wait"), CALLED], "Done."), [tool]).stream("Go")
    assert next(stream) == "Wait."
    while not tool.calls:
        threading.Event().wait(0.01)
    stream.close()
    assert [run.ended for run in tool.calls] == ["cancelled"]


def test_a_conversation_keeps_what_was_said_called_and_given() -> None:
    engine = ScriptedLLM(ADDS, "It is 3.", "You are welcome.")
    conversation = myna.Agent(engine, [add]).conversation()
    assert conversation.run("1 + 2?").text == "It is 3."
    assert "".join(conversation.stream("Thanks")) == "You are welcome."
    assert conversation.history == [("1 + 2?", "It is 3."), ("Thanks", "You are welcome.")]
    roles = [message.role for message in engine.calls[2].request.messages]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    conversation.clear()
    assert conversation.history == []


def test_a_conversation_takes_one_question_at_a_time() -> None:
    conversation = myna.Agent(ScriptedLLM(["One, ", HANG], "Fine.")).conversation()
    stream = conversation.stream("Count")
    assert next(stream) == "One, "
    with pytest.raises(Busy, match="before"):
        conversation.run("And?")
    stream.close()
    assert conversation.run("And?").text == "Fine."
    assert conversation.history == [("Count", "One,"), ("And?", "Fine.")]


def test_a_reply_that_failed_leaves_the_conversation_as_it_was() -> None:
    conversation = myna.Agent(ScriptedLLM([EngineUnavailable("It broke.")], "Fine.")).conversation()
    with pytest.raises(EngineUnavailable):
        conversation.run("Hello")
    assert conversation.history == []
    assert conversation.run("Hello").text == "Fine."


@pytest.mark.anyio
async def test_a_conversation_goes_on_in_an_event_loop() -> None:
    conversation = myna.Agent(ScriptedLLM("Hi.", "Bye.")).conversation()
    assert (await conversation.arun("Hello")).text == "Hi."
    assert [piece async for piece in conversation.astream("Bye")] == ["Bye."]
    assert conversation.history == [("Hello", "Hi."), ("Bye", "Bye.")]


def test_a_strategy_may_be_a_function_of_ones_own() -> None:
    async def shout(request: LLMRequest, work: Work) -> None:
        await work.tell(TextDelta(request.messages[-1].content.upper()))
        await work.tell(Finished("stop"))

    assert myna.Agent(ScriptedLLM(), strategy=shout)("hello") == "HELLO"


@pytest.mark.parametrize("strategy", ["tools", "react", "plan"])
def test_there_are_three_strategies(strategy: Any) -> None:
    assert myna.Agent(ScriptedLLM("x"), strategy=strategy).strategy is not None


def test_the_rounds_have_a_limit() -> None:
    engine = ScriptedLLM(
        *([call("add", {"one": n, "other": 2}, id_=f"call_{n}"), CALLED] for n in range(2)), "It is 3."
    )
    reply = myna.Agent(engine, [add], max_rounds=2).run("1 + 2?")
    assert reply.text == "It is 3."
    assert engine.calls[2].request.tools == ()


@pytest.mark.parametrize(
    ("options", "error", "wrong"),
    [
        ({"tools": [add, add]}, BadInput, "Two tools"),
        ({"tools": [3]}, BadInput, "no tool"),
        ({"tools": [lambda: 3]}, BadInput, "cannot be a tool"),
        ({"strategy": "guess"}, UnknownName, "guess"),
        ({"persona": "nobody-there"}, UnknownName, "nobody-there"),
        ({"max_rounds": 0}, BadInput, "round"),
    ],
)
def test_what_cannot_be_is_refused_when_the_agent_is_made(
    options: dict[str, Any], error: type[myna.MynaError], wrong: str
) -> None:
    with pytest.raises(error, match=wrong):
        myna.Agent(ScriptedLLM(), **options)


FILE = '''
import myna

@myna.tool
def home_light(on: bool) -> str:
    """Switch the light.

    Args:
        on: Whether it is to shine.
    """
    return "on" if on else "off"
'''


def test_tools_are_had_by_name_from_the_users_files(tmp_path: Path) -> None:
    (tmp_path / "home.py").write_text(FILE, encoding="utf-8")
    engine = ScriptedLLM([call("home_light", {"on": True}), CALLED], "It shines.")
    llm = myna.LLM(engine, settings={"tools": {"folder": str(tmp_path)}})
    (run,) = myna.Agent(llm, ["home_*", add]).run("Light!").tool_calls
    assert (run.name, run.result) == ("home_light", "on")
    assert [tool.name for tool in engine.calls[0].request.tools] == ["add", "home_light"]
    with pytest.raises(UnknownName, match="home_light"):
        myna.Agent(llm, ["garage"]).run("Open!")


def test_arguments_reach_the_function_as_its_types_say() -> None:
    seen: list[object] = []

    @myna.tool
    def note(when: Annotated[float, "Hours from now."], tags: list[str] | None = None) -> str:
        """Note something."""
        seen.extend((when, tags))
        return "noted"

    engine = ScriptedLLM([call("note", {"when": 2, "tags": ["a"]}), CALLED], "ok")
    assert myna.Agent(engine, [note]).run("Note!").tool_calls[0].status == "ok"
    assert seen == [2.0, ["a"]]


def test_a_tool_that_raises_is_told_to_the_model_and_shown() -> None:
    steps: list[Step] = []
    agent = myna.Agent(
        ScriptedLLM([call("fails"), CALLED], "It failed."),
        [ScriptedTool("fails", ValueError("No such city."))],
        on_step=steps.append,
    )
    (run,) = agent.run("Go").tool_calls
    assert run.status == "failed"
    assert "No such city." in run.result
    assert [type(step) for step in steps if isinstance(step, CallStarted | CallEnded)] == [CallStarted, CallEnded]
