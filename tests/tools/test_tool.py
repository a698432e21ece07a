import functools
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextvars import ContextVar
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import SecretStr

from myna.core.errors import BadInput
from myna.core.tools import ToolResult, ToolSpec
from myna.tools.base import Tool
from myna.tools.results import MOST_ITEMS
from myna.tools.tool import FunctionTool, Secret, tool

pytestmark = pytest.mark.anyio


@tool
def get_current_weather(location: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Get the current weather in a given location.

    Args:
        location: The city and state, e.g. San Francisco, CA.
        unit: The temperature unit to use.
    """
    return f"{location}: 22 {unit}"


async def run(called: Tool, arguments: Mapping[str, Any] | None = None) -> object:
    return await called.call(called.check(arguments or {}))


def test_a_tool_is_described_by_its_signature_and_its_docstring():
    assert get_current_weather.spec == ToolSpec(
        "get_current_weather",
        "Get the current weather in a given location.",
        {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA."},
                "unit": {
                    "type": "string",
                    "enum": ["celsius", "fahrenheit"],
                    "default": "celsius",
                    "description": "The temperature unit to use.",
                },
            },
            "required": ["location"],
        },
    )
    assert (get_current_weather.timeout_s, get_current_weather.confirm, get_current_weather.cancellable) == (
        30.0,
        False,
        True,
    )


def test_a_decorated_function_is_called_and_inspected_as_before():
    assert get_current_weather("Oslo", unit="celsius") == "Oslo: 22 celsius"
    assert get_current_weather.__name__ == "get_current_weather"
    assert list(inspect.signature(get_current_weather).parameters) == ["location", "unit"]
    assert repr(get_current_weather) == "<tool get_current_weather>"


async def test_a_model_s_call_gives_what_the_function_returns():
    assert await run(get_current_weather, {"location": "Oslo"}) == "Oslo: 22 celsius"


def test_a_decorator_with_options_sets_them():
    @tool(name="drop-table", description="Forget it all.", timeout_s=5, confirm=True, cancellable=False)
    def drop() -> None: ...

    assert drop.spec == ToolSpec("drop-table", "Forget it all.", {"type": "object", "properties": {}})
    assert (drop.timeout_s, drop.confirm, drop.cancellable) == (5, True, False)


def test_a_tool_of_a_tool_is_that_tool():
    assert tool(get_current_weather) is get_current_weather


def test_a_description_given_beside_the_docstring_keeps_the_parameters_of_that():
    described = tool(get_current_weather.__wrapped__, description="天气")
    assert described.spec.description == "天气"
    assert described.spec.parameters == get_current_weather.spec.parameters


async def test_an_async_function_runs_on_the_event_loop():
    @tool
    async def where() -> int:
        """Where it runs."""
        return threading.get_ident()

    assert await run(where) == str(threading.get_ident())
    assert await where() == threading.get_ident()


async def test_any_other_function_runs_in_a_thread_and_sees_the_context_of_its_caller():
    who = ContextVar("who", default="nobody")
    who.set("Ada")

    @tool
    def where() -> tuple[bool, str]:
        """Where it runs."""
        return threading.get_ident() == here, who.get()

    here = threading.get_ident()
    assert await run(where) == '[false,"Ada"]'


class Robot:
    """Moves."""

    def __init__(self) -> None:
        self.at = 0

    @tool
    def move(self, metres: int) -> str:
        """Move forward.

        Args:
            metres: How far.
        """
        self.at += metres
        return f"at {self.at}"

    @tool
    async def turn(self, degrees: int) -> str:
        """Turn."""
        return f"{degrees} at {self.at}"

    @staticmethod
    @tool
    def stop() -> str:
        """Stop."""
        return "stopped"

    def look(self, far: bool) -> str:
        """Look around."""
        return f"{far} at {self.at}"

    def __call__(self, word: str) -> str:
        """Obey a word."""
        return f"{word} at {self.at}"


async def test_a_method_is_a_tool_of_its_object():
    one, other = Robot(), Robot()
    assert list(one.move.spec.parameters["properties"]) == ["metres"]
    assert await run(one.move, {"metres": 2}) == "at 2"
    assert await run(other.move, {"metres": 5}) == "at 5"
    assert await run(one.turn, {"degrees": 90}) == "90 at 2"
    assert one.move(1) == "at 3"
    assert await run(Robot.stop) == "stopped"
    assert await run(tool(one.look), {"far": True}) == "True at 3"
    assert await run(tool(one, name="obey"), {"word": "sit"}) == "sit at 3"
    assert tool(one, name="obey").spec.description == "Obey a word."


async def test_a_partial_function_is_a_tool_of_what_is_left_open():
    def add(one: int, other: int) -> int:
        """Add two numbers."""
        return one + other

    added = tool(functools.partial(add, other=3), name="add_three")
    assert await run(added, {"one": 4}) == "7"


async def test_positional_only_parameters_and_others_by_name_reach_the_function():
    @tool
    def note(text: str, /, *, copies: int = 1, **more: int) -> str:
        """Write it down."""
        return f"{text} {copies} {more}"

    assert await run(note, {"text": "a", "copies": 2, "extra": 3}) == "a 2 {'extra': 3}"


async def test_names_that_are_nobody_s_business_are_parameters():
    @tool
    def odd(_hidden: int, model_config: int, json: int, 城市: str, copy: int = 0) -> str:  # noqa: N803, PLC2401
        """Take odd names."""
        return f"{_hidden} {model_config} {json} {城市} {copy}"

    assert await run(odd, {"_hidden": 1, "model_config": 2, "json": 3, "城市": "北京"}) == "1 2 3 北京 0"


async def test_a_function_that_returns_something_to_await_has_it_awaited():
    async def later() -> str:
        return "later"

    @tool
    def now() -> object:
        """Do it."""
        return later()

    assert await run(now) == "later"


async def test_a_generator_gives_the_list_of_its_items():
    @tool
    def count() -> Generator[int]:
        """Count."""
        yield from range(3)

    @tool
    async def count_slowly() -> AsyncGenerator[int]:
        """Count."""
        for number in range(3):
            yield number

    assert await run(count) == await run(count_slowly) == "[0,1,2]"


async def test_a_generator_without_an_end_ends():
    @tool
    def count() -> Generator[int]:
        """Count."""
        number = 0
        while True:
            yield (number := number + 1)

    assert str(await run(count)).endswith(f",{MOST_ITEMS}]")


async def test_a_result_with_a_status_of_its_own_is_kept():
    @tool
    def fail() -> ToolResult:
        """Fail politely."""
        return ToolResult("Not today.", "failed")

    assert await run(fail) == ToolResult("Not today.", "failed")


async def test_what_a_function_raises_comes_out():
    @tool
    def divide() -> float:
        """Divide by nothing."""
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        await run(divide)


def test_secrets_are_masked_and_the_model_is_told_nothing_of_it():
    @tool
    def log_in(user: str, password: Annotated[str, Secret], pin: SecretStr | None = None) -> str:
        """Log in."""
        return user

    assert "writeOnly" not in str(log_in.spec)
    assert "'format': 'password'" not in str(log_in.spec)
    assert log_in.mask({"user": "ada", "password": "hunter2", "pin": "1234"}) == {
        "user": "ada",
        "password": "***",
        "pin": "***",
    }


# --------------------------------------------------------------------------------------------------- what is no tool


def no_docstring(city: str) -> str:
    return city


def no_type(city: str) -> None:
    """Find a city."""


del no_type.__annotations__["city"]


def empty_docstring() -> None:
    """ """


def others(*cities: str) -> None:
    """Find cities."""


def described_wrongly(city: str) -> None:
    """Find a city.

    Args:
        town: The city.
    """


def described_in_part(city: str, country: str) -> None:
    """Find a city.

    Args:
        city: The city.
    """


def no_json(callback: Callable[[], None]) -> None:
    """Call back."""


def no_json_either(where: threading.Lock) -> None:
    """Lock."""


def class_variable(count: int) -> None:
    """Count."""


class_variable.__annotations__["count"] = ClassVar[int]


def unknown_type(city: str) -> None:
    """Find a city."""


unknown_type.__annotations__["city"] = "Citty"


def only_arguments(city: str) -> None:
    """
    Args:
        city: The city.
    """


NO_TOOLS: list[tuple[Callable[..., object], str, str]] = [
    (no_docstring, "no docstring", "what the function does"),
    (empty_docstring, "no docstring", "what the function does"),
    (only_arguments, "does not say what it does", "sentence"),
    (no_type, "no type for city", "city: str"),
    (others, "*cities", "list"),
    (described_wrongly, "describes town", "city"),
    (described_in_part, "not country", "Describe it"),
    (no_json, "type for callback", "dataclasses"),
    (class_variable, "type for count", "dataclasses"),
    (no_json_either, "type for where", "dataclasses"),
    (unknown_type, "Citty", "import it"),
]


@pytest.mark.parametrize(("function", "fault", "hint"), NO_TOOLS)
def test_a_function_that_is_no_tool_is_refused_with_what_to_do(function: Callable[..., object], fault: str, hint: str):
    with pytest.raises(BadInput) as error:
        tool(function)
    assert error.value.message.startswith(f"{function.__name__} cannot be a tool: it ")
    assert fault in error.value.message
    assert hint in error.value.hint


@pytest.mark.parametrize("name", ["查询天气", "get weather", "a" * 65, ""])
def test_a_name_that_no_model_may_call_is_refused(name: str):
    def weather() -> None:
        """Get the weather."""

    weather.__name__ = name
    with pytest.raises(BadInput, match="letters, digits") as error:
        tool(weather)
    assert "@tool(name=" in error.value.hint
    assert tool(weather, name="weather").spec.name == "weather"


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan")])
def test_a_time_out_that_is_none_is_refused(timeout_s: float):
    with pytest.raises(BadInput, match="timeout_s"):
        tool(no_type, timeout_s=timeout_s)


@pytest.mark.parametrize("nothing", [Robot, str, 3, "get_weather"])
def test_what_is_no_function_is_refused(nothing: Any):
    with pytest.raises(BadInput, match="no function"):
        tool(nothing)


def test_a_function_without_a_signature_is_refused():
    with pytest.raises(BadInput, match="signature"):
        tool(dict[str, int].pop, name="pop")


@pytest.mark.parametrize("method", [classmethod, staticmethod])
def test_a_class_or_static_method_is_refused_with_what_to_do(method: Callable[..., Callable[..., str]]):
    with pytest.raises(BadInput, match="between @classmethod or @staticmethod and"):
        tool(method(no_docstring))


def test_a_function_tool_is_a_tool():
    checked: Tool = get_current_weather
    assert isinstance(checked, FunctionTool)
