"""Tools of the server's and of the client's over a real Realtime socket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.server.serving import until
from tests.server.sockets import Talker, talker, talking
from tests.server.test_realtime import PATH, RESPOND, created, user_says

from myna.config.settings import Settings, ToolsSettings
from myna.core.tools import NamedTool
from myna.engines.base import ToolCallDelta
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.toolbox import Tools
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

ALL = Settings(tools=ToolsSettings(for_all=("*",)))
CLOCK = ToolCallDelta(0, "call_1", "clock", '{"city": "东京"}')
FORECAST = ToolCallDelta(1, "call_2", "weather", "{}")
WEATHER = {"type": "function", "name": "weather", "description": "The weather.", "parameters": {"type": "object"}}


@asynccontextmanager
async def client_of(weights: Weights, llm: ScriptedLLM, *tools: ScriptedTool, **session: Any) -> AsyncGenerator[Talker]:
    """One who is told of tools, and whose session has these settings."""
    async with (
        talking(weights, settings=ALL, llm=llm, tools=[Tools(tools)]) as clients,
        talker(clients, PATH) as client,
    ):
        await created(client)
        myna = {"events": ["tools"], **session.pop("myna", {})}
        await client.send({"type": "session.update", "session": {"type": "realtime", **session, "myna": myna}})
        await client.until("session.updated")
        yield client


async def asked(client: Talker, text: str) -> list[dict[str, Any]]:
    """All that is told of the answer to a text."""
    await client.send(user_says(text))
    await client.send(RESPOND)
    return await until_done(client)


async def until_done(client: Talker) -> list[dict[str, Any]]:
    told = [await client.next()]
    while told[-1]["type"] != "response.done":
        told.append(await client.next())
    return told


def said(told: list[dict[str, Any]]) -> str:
    return "".join(part["transcript"] for item in told[-1]["response"]["output"] for part in item.get("content", ()))


def of(kind: str, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in told if event["type"] == kind]


async def test_a_tool_runs_within_the_response_and_is_no_item(weights: Weights) -> None:
    llm, clock = ScriptedLLM(["[平静] 俺看看。", CLOCK], "六点。", "[平静] 不客气。"), ScriptedTool("clock", "18:05")
    async with client_of(weights, llm, clock) as client:
        told = await asked(client, "几点了？")
        await asked(client, "谢谢")
    assert said(told) == "俺看看。六点。"
    (started,) = of("myna.tool.started", told)
    (ended,) = of("myna.tool.ended", told)
    assert (started["name"], started["arguments"], started["asks"]) == ("clock", '{"city": "东京"}', False)
    assert (ended["call_id"], ended["status"], ended["output"]) == (started["call_id"], "ok", "18:05")
    assert started["response_id"] == ended["response_id"] == told[-1]["response"]["id"]
    assert "function_call" not in str(told)
    results = [message.content for message in llm.calls[2].request.messages if message.role == "tool"]
    assert results == ["18:05"], "the conversation keeps it"


@pytest.mark.parametrize(("allowed", "status", "calls"), [(True, "ok", 1), (False, "refused", 0)])
async def test_a_tool_waits_until_the_user_has_answered(
    weights: Weights, allowed: bool, status: str, calls: int
) -> None:
    llm, clock = ScriptedLLM([CLOCK], "[平静] 好。"), ScriptedTool("clock", "18:05", confirm=True)
    async with client_of(weights, llm, clock, myna={"allows_tools": True}) as client:
        await client.send(user_says("几点了？"))
        await client.send(RESPOND)
        started = await client.until("myna.tool.started")
        assert started["asks"] is True
        assert clock.calls == []
        answer = {"type": "myna.tool.allow", "call_id": started["call_id"], "allowed": allowed}
        await client.send(answer)
        told = await until_done(client)
        assert of("myna.tool.ended", told)[0]["status"] == status
        assert said(told) == "好。"
        assert len(clock.calls) == calls
        await client.send({**answer, "event_id": "evt_late"})
        refusal = (await client.until("error"))["error"]
    assert refusal["event_id"] == "evt_late"
    assert "call_1" in refusal["message"]


async def test_an_answer_that_is_taken_back_takes_its_calls_with_it_though_nothing_was_said(weights: Weights) -> None:
    llm, clock = ScriptedLLM([CLOCK], [HANG], "[平静] 好。"), ScriptedTool("clock", "18:05")
    async with client_of(weights, llm, clock) as client:
        await client.send(user_says("几点了？"))
        await client.send(RESPOND)
        started = await client.until("myna.tool.started")
        await client.until("myna.tool.ended")
        await client.send({"type": "response.cancel"})
        await until_done(client)
        await client.send({"type": "conversation.item.delete", "item_id": started["item_id"]})
        assert (await client.until("conversation.item.deleted"))["item_id"] == started["item_id"]
        await client.send(RESPOND)
        assert said(await until_done(client)) == "好。"
    assert [message.role for message in llm.calls[-1].request.messages[-1:]] == ["user"]
    assert not [message for message in llm.calls[-1].request.messages if message.role == "tool"]


async def test_a_client_that_cannot_ask_lets_the_model_do_so(weights: Weights) -> None:
    llm = ScriptedLLM([CLOCK], "[平静] 要看钟吗？", "[开心] 六点。")
    clock = ScriptedTool("clock", "18:05", confirm=True)
    async with client_of(weights, llm, clock) as client:
        first = await asked(client, "几点了？")
        assert clock.calls == []
        second = await asked(client, "好的。")
    assert [event["asks"] for event in of("myna.tool.started", first)] == [False]
    assert of("myna.tool.ended", first)[0]["status"] == "refused"
    assert (said(first), said(second)) == ("要看钟吗？", "六点。")
    assert of("myna.tool.ended", second)[0]["output"] == "18:05"


async def test_a_response_that_is_cancelled_takes_its_tool_with_it(weights: Weights) -> None:
    llm, clock = ScriptedLLM([CLOCK], "[平静] 好。"), ScriptedTool("clock", [HANG])
    async with client_of(weights, llm, clock) as client:
        await client.send(user_says("几点了？"))
        await client.send(RESPOND)
        await client.until("myna.tool.started")
        await until(lambda: bool(clock.calls))
        await client.send({"type": "response.cancel"})
        told = await until_done(client)
        assert [event["status"] for event in of("myna.tool.ended", told)] == ["cancelled"]
        assert told[-1]["response"]["status"] == "cancelled"
        assert clock.calls[0].ended == "cancelled"
        assert said(await asked(client, "那算了")) == "好。"


async def test_the_server_s_run_and_the_client_s_end_the_response(weights: Weights) -> None:
    llm, clock = ScriptedLLM([CLOCK, FORECAST], "[平静] 六点，下雨。"), ScriptedTool("clock", "18:05")
    async with client_of(weights, llm, clock, tools=[WEATHER]) as client:
        told = await asked(client, "几点了，天气呢？")
        (call,) = told[-1]["response"]["output"]
        assert (call["type"], call["name"], call["call_id"]) == ("function_call", "weather", "call_2")
        assert of("myna.tool.ended", told)[0]["output"] == "18:05"
        output = {"type": "function_call_output", "call_id": "call_2", "output": "rain"}
        await client.send({"type": "conversation.item.create", "item": output})
        await client.send(RESPOND)
        assert said(await until_done(client)) == "六点，下雨。"
    results = [message.content for message in llm.calls[1].request.messages if message.role == "tool"]
    assert sorted(results) == ["18:05", "rain"]
    assert len(clock.calls) == 1


async def test_a_client_may_choose_a_tool_of_the_server_s_and_may_turn_them_off(weights: Weights) -> None:
    llm, clock = ScriptedLLM([CLOCK], "[平静] 六点。"), ScriptedTool("clock", "18:05")
    choice = {"type": "function", "name": "clock"}
    async with client_of(weights, llm, clock, tool_choice=choice) as client:
        assert said(await asked(client, "喂")) == "六点。"
        await client.send({"type": "session.update", "session": {"type": "realtime", "myna": {"server_tools": False}}})
        updated = (await client.until("session.updated"))["session"]
        assert (updated["tool_choice"], updated["myna"]["server_tools"]) == ("auto", False)
        await asked(client, "喂")
    assert llm.calls[0].request.tool_choice == NamedTool("clock")
    assert [[spec.name for spec in call.request.tools] for call in llm.calls] == [["clock"], ["clock"], []]
