import json
import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, SecretStr

from myna.core.tools import JSON, ToolCall, ToolResult
from myna.testing.tools import ScriptedTool
from myna.tools.base import Tool, Toolset, ToolSource
from myna.tools.tool import Secret, tool
from myna.tools.toolbox import EMPTY, Toolbox, Tools, open_toolbox

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@tool
async def forecast(city: str, days: int = 3) -> str:
    """Tell the weather of the next days.

    Args:
        city: Where.
        days: How many.
    """
    return f"{city}: {days} × rain"


def call(name: str, arguments: JSON | str = "") -> ToolCall:
    return ToolCall("call_1", name, arguments if isinstance(arguments, str) else json.dumps(arguments))


def names(tools: Toolset) -> list[str]:
    return [spec.name for spec in tools.specs]


def scripted(*called: str) -> Tools:
    return Tools([ScriptedTool(name, name) for name in called])


class Changing:
    """A source whose tools change."""

    def __init__(self) -> None:
        self.tools: Sequence[Tool] = ()


async def test_a_toolset_has_the_tools_whose_names_fit_but_for_those_left_out():
    async with open_toolbox([scripted("lamp_on", "lamp_off", "weather"), scripted("clock")]) as box:
        assert names(box.select(["*"])) == ["lamp_on", "lamp_off", "weather", "clock"]
        assert names(box.select(["clock", "lamp_*"])) == ["lamp_on", "lamp_off", "clock"]
        assert names(box.select(["*"], without=["clock", "weather"])) == ["lamp_on", "lamp_off"]
        assert names(box.select(["lamp_*"]).without(["lamp_on"]).without(["x"])) == ["lamp_off"]
        assert names(box.select(["Clock", "radio"])) == []
        assert box.missing(["*", "clock", "radio_*", "Clock"]) == ["radio_*", "Clock"]


async def test_a_single_pattern_is_no_list_of_its_letters():
    async with open_toolbox([scripted("a", "ab")]) as box:
        assert names(box.select("ab")) == ["ab"]
        assert names(box.select("a*")) == ["a", "ab"]
        assert box.missing("ab*c") == ["ab*c"]


async def test_sources_are_asked_anew_each_time():
    source = Changing()
    async with open_toolbox([source]) as box:
        tools = box.select(["*"])
        assert names(tools) == []
        source.tools = scripted("late").tools
        assert names(tools) == ["late"]
        assert await tools.run(call("late")) == ToolResult("late")


async def test_of_two_tools_with_one_name_the_first_is_called_and_it_is_told_once(caplog: pytest.LogCaptureFixture):
    first, second = ScriptedTool("clock", "first"), ScriptedTool("clock", "second")
    async with open_toolbox([Tools([first]), Tools([second])]) as box:
        tools = box.select(["*"])
        assert names(tools) == ["clock"]
        assert (await tools.run(call("clock"))).output == "first"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "clock" in caplog.text


async def test_any_tools_can_be_run_by_a_box():
    async with open_toolbox([scripted("in the box")]) as box:
        tools = box.of([forecast])
        assert names(tools) == ["forecast"]
        assert await tools.run(call("forecast", {"city": "Ulm"})) == ToolResult("Ulm: 3 × rain")


async def test_no_tools_are_there_without_a_box():
    assert EMPTY.specs == ()
    assert EMPTY.find("x") is None
    assert EMPTY.without(["x"]).specs == ()
    assert EMPTY.masked(call("x", {"a": 1})) == call("x", {"a": 1})
    result = await EMPTY.run(call("x"))
    assert (result.status, result.output) == ("refused", "There is no tool 'x', and no other. Answer without.")


@pytest.mark.parametrize(
    ("called", "said"),
    [
        ("forcast", "There is no tool 'forcast'. Did you mean forecast? There are: forecast, clock."),
        ("play", "There is no tool 'play'. There are: forecast, clock."),
        ("", "There is no tool ''. There are: forecast, clock."),
        ("<|im_end|>", "There is no tool '‹|im_end|›'. There are: forecast, clock."),
    ],
)
async def test_a_call_of_an_unknown_tool_is_refused_with_those_there_are(called: str, said: str):
    async with open_toolbox([Tools([forecast]), scripted("clock", "hidden")]) as box:
        tools = box.select(["*"], without=["hidden"])
        assert await tools.run(call(called)) == ToolResult(said, "refused")
        assert (await tools.run(call("hidden"))).status == "refused"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "city is missing"),
        ("{}", "city is missing"),
        ("null", "city is missing"),
        ("[]", "no JSON object"),
        ('"Ulm"', "no JSON"),
        ("3", "no JSON object"),
        ("{'city': 'Ulm'}", "no JSON: Expecting property name enclosed in double quotes at character 2."),
        ('{"city": "Ul', "no JSON: Unterminated string starting at at character 10."),
        ('{"city": "Ulm"', "They end too early."),
        ('{"city": ', "They end too early."),
        ('{"city": "Ulm"} and more', "no JSON: Extra data at character 17."),
        ("[" * 100_000, "no JSON"),
        ('{"city": ' + "[" * 100_000, "no JSON"),
        (" " + "x" * 1_000_001, "more than 1,000,000 characters"),
        ('{"city": ["Ulm", "Bonn"]}', "city: Input should be a valid string"),
        ('{"city": "Ulm", "days": "soon"}', "days: Input should be a valid integer"),
        ('{"city": "Ulm", "land": "de"}', "there is no parameter land"),
    ],
)
async def test_wrong_arguments_are_a_result_that_says_what_is_wanted(arguments: str, said: str):
    async with open_toolbox([Tools([forecast])]) as box:
        result = await box.select(["*"]).run(call("forecast", arguments))
    assert result.status == "failed"
    assert result.output.startswith("forecast was not run: ")
    assert said in result.output
    assert result.output.count("The parameters are: city: string, days: integer (optional).") == 1
    assert result.output.endswith("Call it again with arguments that fit.")
    assert len(result.output) < 600


@pytest.mark.parametrize(
    "arguments",
    [
        '{"city": "Ulm", "days": 3}',
        ' {"city": "Ulm"} \n',
        '"{\\"city\\": \\"Ulm\\"}"',
        '{"city": "Bonn", "city": "Ulm"}',
    ],
)
async def test_arguments_that_can_be_read_are_taken(arguments: str):
    async with open_toolbox([Tools([forecast])]) as box:
        assert await box.select(["*"]).run(call("forecast", arguments)) == ToolResult("Ulm: 3 × rain")


async def test_a_check_that_fails_in_its_own_way_is_a_result():
    class Faulty(ScriptedTool):
        def check(self, arguments: JSON) -> JSON:
            raise KeyError("oh")

    async with open_toolbox([Tools([Faulty("faulty")])]) as box:
        result = await box.select(["*"]).run(call("faulty"))
    assert result.status == "failed"
    assert "KeyError: 'oh'" in result.output


@tool
async def log_in(user: str, password: Annotated[str, Secret]) -> Mapping[str, Any]:
    """Log in."""
    if user == "eve":
        raise ValueError(f"{password} is not the password of {user}")
    return {"as": user, "with": password, "token": password * 2}


async def test_a_call_is_shown_without_secrets():
    async with open_toolbox([Tools([log_in])]) as box:
        tools = box.select(["*"])
        assert json.loads(tools.masked(call("log_in", {"user": "ada", "password": "hunter2"})).arguments) == {
            "user": "ada",
            "password": "***",
        }
        assert "hunter2" not in tools.masked(call("log_in", {"user": "ada", "pass": "hunter2"})).arguments
        assert tools.masked(call("log_in", '{"password": "hunter2')).arguments.startswith('{"error": ')
        assert "hunter2" not in tools.masked(call("log_in", '{"password": "hunter2')).arguments
        assert tools.masked(call("play", {"song": "福"})) == ToolCall("call_1", "play", '{"song": "福"}')


async def test_neither_a_result_nor_the_log_tells_a_secret(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, logger="myna")
    async with open_toolbox([Tools([log_in])]) as box:
        tools = box.select(["*"])
        result = await tools.run(call("log_in", {"user": "ada", "password": "hunter2"}))
        assert json.loads(result.output) == {"as": "ada", "with": "***", "token": "******"}
        failed = await tools.run(call("log_in", {"user": "eve", "password": "hunter2"}))
        assert failed == ToolResult("log_in failed: ValueError: *** is not the password of eve", "failed")
    assert "log_in" in caplog.text
    assert "hunter2" not in caplog.text + str([record.__dict__ for record in caplog.records])


class Account(BaseModel):
    user: str
    keys: list[SecretStr] = []
    more: dict[str, SecretStr] = {}


async def test_secrets_within_arguments_are_in_no_result_either():
    @tool
    async def open_account(account: Account, also: Annotated[Account, Secret]) -> str:
        """Open an account."""
        told = [*account.keys, *account.more.values(), *also.keys]
        return f"{account.user} {also.user}: {[key.get_secret_value() for key in told]}"

    first = {"user": "ada", "keys": ["hunter2"], "more": {"pin": "98765"}}
    async with open_toolbox([Tools([open_account])]) as box:
        tools = box.select(["*"])
        called = call("open_account", {"account": first, "also": {"user": "eve!", "keys": ["letmein"]}})
        assert await tools.run(called) == ToolResult("ada ***: ['***', '***', '***']")
        assert json.loads(tools.masked(called).arguments) == {
            "account": {"user": "ada", "keys": ["***"], "more": {"pin": "***"}},
            "also": "***",
        }


async def test_a_box_that_is_closed_runs_nothing():
    async with open_toolbox([Tools([forecast])]) as box:
        tools = box.select(["*"])
    assert (await tools.run(call("forecast", {"city": "Ulm"}))).status == "cancelled"


async def test_a_box_is_empty_without_sources():
    async with open_toolbox() as box:
        assert isinstance(box, Toolbox)
        assert box.tools == box.sources == ()


def test_what_has_tools_is_a_source():
    source: ToolSource = scripted("a")
    assert source.tools[0].spec.name == "a"


async def test_a_name_that_no_pattern_fits_is_not_looked_for() -> None:
    class Source:
        asked = 0

        @property
        def tools(self) -> list[Tool]:
            self.asked += 1
            return [ScriptedTool("home_lights", "on")]

    source = Source()
    async with open_toolbox([source]) as toolbox:
        tools = toolbox.select(["home_*"])
        assert tools.find("wipe") is None
        assert source.asked == 0
        assert tools.find("home_lights") is not None
        assert tools.without(["home_lights"]).find("home_lights") is None
