import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna_ros.news import Call
from myna_ros.tool_thread import BUSY, MOST_HANGING, MOST_WAITING, STOPPED, ToolThread
from myna_ros.tools import LONGEST_OUTPUT, BadArguments, BadTool, Range, ToolSpec, output_of, tool, tools_of


class Robot:
    @tool
    def set_lamp(self, color: Literal["red", "green"], percent: Annotated[int, Range(0, 100)] = 100) -> str:
        """Switch the lamp on.

        Args:
            color: The colour,
                e.g. red.
            percent: How bright.

        Returns:
            What it did.
        """
        return f"{color} {percent}"

    def wave(self) -> None:
        """Wave: no tool."""


SPEC = ToolSpec.of(Robot.set_lamp)


def test_a_method_is_told_to_the_model_by_its_signature_and_docstring() -> None:
    ((spec, method),) = tools_of(Robot())
    assert spec == SPEC
    assert method(color="red") == "red 100"
    assert SPEC.told() == {
        "type": "function",
        "name": "set_lamp",
        "description": "Switch the lamp on.",
        "parameters": {
            "type": "object",
            "properties": {
                "color": {"type": "string", "enum": ["red", "green"], "description": "The colour, e.g. red."},
                "percent": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 100,
                    "description": "How bright.",
                    "default": 100,
                },
            },
            "required": ["color"],
            "additionalProperties": False,
        },
    }


def without_docstring(self: object, speed: float) -> None: ...


def of_lists(self: object, speeds: list[int]) -> None:
    """Drive."""


def stars(self: object, *speeds: int) -> None:
    """Drive."""


UNTYPED: Any = of_lists.__class__(of_lists.__code__, {}, "untyped")
UNTYPED.__doc__ = "Drive."


def told_of_another(self: object, speed: float) -> None:
    """Drive.

    Args:
        sped: How fast.
    """


@pytest.mark.parametrize("method", [without_docstring, UNTYPED, of_lists, stars, told_of_another])
def test_what_cannot_be_told_is_an_error_at_once(method: Callable[..., Any]) -> None:
    with pytest.raises(BadTool):
        tool(method)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ('{"color": "red"}', {"color": "red"}),
        ('{"color": "green", "percent": 3.0}', {"color": "green", "percent": 3}),
    ],
)
def test_what_fits_becomes_values(arguments: str, given: dict[str, Any]) -> None:
    assert SPEC.read(arguments) == given


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "[]",
        "red",
        '{"color": "blue"}',
        '{"color": 1}',
        '{"color": "red", "percent": 101}',
        '{"color": "red", "percent": "3"}',
        '{"color": "red", "percent": true}',
        '{"color": "red", "percent": 3.5}',
        '{"color": "red", "size": 1}',
        '{"color": null}',
        "[" * 15_000,
        '{"color": "red"}' + " " * 20_000,
    ],
)
def test_what_does_not_fit_is_told(arguments: str) -> None:
    with pytest.raises(BadArguments):
        SPEC.read(arguments)


@given(st.text(max_size=40))
def test_whatever_the_model_writes_is_values_or_told(arguments: str) -> None:
    with suppress(BadArguments):
        assert set(SPEC.read(arguments)) <= {"color", "percent"}


def test_any_result_becomes_text() -> None:
    assert output_of(None) == "Done."
    assert output_of("左") == "左"
    assert output_of({"a": "左"}) == '{"a": "左"}'
    assert output_of(object()).startswith("<object")
    assert len(output_of("x" * 100_000)) < LONGEST_OUTPUT + 10


class Slow:
    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.thread: ToolThread | None = None
        self.stopped: list[bool] = []

    @tool
    def work(self) -> str:
        """Work until it is let go."""
        self.begun.set()
        assert self.go.wait(60)
        assert self.thread is not None
        self.stopped.append(self.thread.stopped)
        return "worked"

    @tool
    def fail(self) -> None:
        """Fail."""
        raise RuntimeError("a wheel came off")


class Answers:
    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        self.failed: list[str] = []
        self._changed = threading.Condition()

    def answer(self, call_id: str, output: str) -> None:
        with self._changed:
            assert call_id not in self.told
            self.told[call_id] = output
            self._changed.notify_all()

    def fault(self, name: str, error: BaseException) -> None:
        self.failed.append(f"{name}: {error}")

    def wait(self, *call_ids: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: set(call_ids) <= set(self.told), 60), self.told


def thread_of(robot: Slow, answers: Answers, timeout_s: float = 60) -> ToolThread:
    robot.thread = ToolThread(list(tools_of(robot)), answers.answer, answers.fault, timeout_s)
    return robot.thread


def test_each_call_is_answered_once_whatever_becomes_of_it() -> None:
    robot, answers = Slow(), Answers()
    thread = thread_of(robot, answers)
    thread.run(Call("unknown", "fly", "{}"))
    thread.run(Call("wrong", "work", '{"speed": 1}'))
    thread.run(Call("fails", "fail", "{}"))
    answers.wait("unknown", "wrong", "fails")
    thread.run(Call("first", "work", "{}"))
    assert robot.begun.wait(60)
    for number in range(MOST_WAITING + 2):
        thread.run(Call(f"more {number}", "work", "{}"))
    answers.wait(f"more {MOST_WAITING}", f"more {MOST_WAITING + 1}")
    thread.forget()
    robot.go.set()
    answers.wait("first", *(f"more {number}" for number in range(MOST_WAITING)))
    thread.close()
    assert answers.told["unknown"] == "There is no tool fly. There is fail, work."
    assert answers.told["wrong"].startswith("Wrong arguments")
    assert answers.told["fails"] == "It failed: a wheel came off"
    assert answers.failed == ["fail: a wheel came off"]
    assert answers.told["first"] == "worked"
    assert answers.told["more 0"] == STOPPED
    assert robot.stopped == [True]


class Gated:
    """Tools that wait, each for a word of its own, and then move if they may."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.let_go: set[str] = set()
        self.moved: dict[str, bool] = {}
        self.changed = threading.Condition()
        self.thread: ToolThread | None = None

    @tool
    def move(self, where: str) -> None:
        """Move there once it is let go."""
        with self.changed:
            self.begun.add(where)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: where in self.let_go, 60)
            assert self.thread is not None
            self.moved[where] = not self.thread.stopped
            self.changed.notify_all()

    def until_begun(self, where: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: where in self.begun, 60)

    def let(self, where: str) -> bool:
        """Let it go; whether it moved."""
        with self.changed:
            self.let_go.add(where)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: where in self.moved, 60)
        return self.moved[where]


def to(where: str) -> Call:
    return Call(where, "move", f'{{"where": "{where}"}}')


def test_what_runs_at_a_stop_does_not_move_and_what_is_called_later_does() -> None:
    robot, answers = Gated(), Answers()
    robot.thread = ToolThread(list(tools_of(robot)), answers.answer, answers.fault, 60)
    robot.thread.run(to("left"))
    robot.until_begun("left")
    robot.thread.run(to("back"))
    robot.thread.forget()
    assert robot.thread.stopped, "whoever asks"
    robot.thread.run(to("right"))
    assert not robot.let("left")
    assert robot.let("right")
    answers.wait("left", "back", "right")
    robot.thread.close()
    assert answers.told["back"] == STOPPED
    assert "back" not in robot.begun


def test_what_was_given_up_does_not_move_though_another_runs_by_then() -> None:
    robot, answers = Gated(), Answers()
    robot.thread = ToolThread(list(tools_of(robot)), answers.answer, answers.fault, 0.05)
    robot.thread.run(to("left"))
    answers.wait("left")
    robot.thread.forget()
    robot.thread.run(to("right"))
    robot.until_begun("right")
    assert not robot.let("left")
    robot.let("right")
    robot.thread.close()


def test_tools_that_hang_are_left_and_the_next_ones_run() -> None:
    robot, answers = Slow(), Answers()
    thread = thread_of(robot, answers, timeout_s=0.05)
    for number in range(MOST_HANGING):
        thread.run(Call(f"hangs {number}", "work", "{}"))
        answers.wait(f"hangs {number}")
    thread.run(Call("fails", "fail", "{}"))
    answers.wait("fails")
    robot.go.set()
    thread.close()
    assert all("longer than" in answers.told[f"hangs {number}"] for number in range(MOST_HANGING))


def test_when_too_many_hang_none_is_run_until_one_comes_back() -> None:
    robot, answers = Slow(), Answers()
    thread = thread_of(robot, answers, timeout_s=0.2)
    for number in range(MOST_HANGING + 1):
        thread.run(Call(f"hangs {number}", "work", "{}"))
        if number == MOST_HANGING:
            thread.run(Call("waits", "work", "{}"))
        answers.wait(f"hangs {number}")
    answers.wait("waits")
    thread.run(Call("refused", "fail", "{}"))
    assert (answers.told["waits"], answers.told["refused"]) == (BUSY, BUSY)
    robot.go.set()
    ends_at = time.monotonic() + 60
    number = 0
    while "It failed: a wheel came off" not in answers.told.values() and time.monotonic() < ends_at:
        number += 1
        thread.run(Call(f"again {number}", "fail", "{}"))
        answers.wait(f"again {number}")
    thread.close()
    assert answers.failed == ["fail: a wheel came off"]
