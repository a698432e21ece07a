"""Tools of the server's and of the client's in a persona's answer, by the official SDK."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from tests.server.openai.chatting import HELLO, WEATHER, ask, refused, streamed, text
from tests.server.serving import serving, until

from myna.config.settings import Settings, ToolsSettings
from myna.core.tools import NamedTool, ToolCall, ToolSpec
from myna.engines.base import LLM, LLMMessage, LLMRequest, ToolCallDelta
from myna.personas.load import Personas
from myna.server.guest import NOBODY, Guest
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.base import Tool, Work
from myna.tools.rounds import call_tools
from myna.tools.toolbox import Tools
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

WUKONG = "myna/wukong"
ALL = Settings(tools=ToolsSettings(for_all=("*",)))
CLOCK = ToolCallDelta(0, "call_1", "clock", '{"city": "东京"}')
FORECAST = ToolCallDelta(1, "call_2", "weather", '{"city": "Oslo"}')


@asynccontextmanager
async def client_with(
    llm: LLM, weights: Weights, *tools: Tool, settings: Settings = ALL, guest: Guest = NOBODY
) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with (
        serving(llm, weights, settings, tools=[Tools(tools)], guest=guest) as server,
        openai.AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def runs(chunks: Sequence[ChatCompletionChunk]) -> list[dict[str, Any]]:
    """What a stream tells of the server's tools."""
    deltas: list[Any] = [choice.delta.to_dict() for chunk in chunks for choice in chunk.choices]
    return [delta["myna"]["tool"] for delta in deltas if "tool" in delta.get("myna", {})]


def newest(llm: ScriptedLLM, call: int) -> list[LLMMessage]:
    """What the model was shown last: from the newest utterance on."""
    messages = llm.calls[call].request.messages
    last = max(at for at, message in enumerate(messages) if message.role == "user")
    return list(messages[last:])


# --------------------------------------------------------------------------------------------------------- the server's


async def test_a_tool_of_the_server_s_runs_within_the_answer(weights: Weights) -> None:
    llm, clock = ScriptedLLM(["[平静] 俺看看。", CLOCK], ["现在", "六点。"]), ScriptedTool("clock", "18:05")
    async with client_with(llm, weights, clock) as client:
        chunks = await streamed(client, model=WUKONG, stream_options={"include_usage": True})
    assert text(chunks) == "俺看看。现在六点。"
    started, ended = runs(chunks)
    assert started == {"call_id": "call_1", "name": "clock", "arguments": '{"city": "东京"}'}
    assert ended.pop("took_ms") >= 0
    assert ended == {"call_id": "call_1", "name": "clock", "status": "ok", "output": "18:05"}
    *_, end, usage = chunks
    assert end.choices[0].finish_reason == "stop"
    assert all(not choice.delta.tool_calls for chunk in chunks for choice in chunk.choices)
    assert usage.usage is not None
    assert usage.usage.completion_tokens == 3, "of both rounds"
    assert clock.calls[0].arguments == {"city": "东京"}
    assert [spec.name for spec in llm.calls[0].request.tools] == ["clock"]
    *_, call, result = newest(llm, 1)
    assert call.tool_calls == (ToolCall("call_1", "clock", '{"city": "东京"}'),)
    assert (result.role, result.content, result.tool_call_id) == ("tool", "18:05", "call_1")


async def test_an_answer_that_is_not_streamed_tells_the_runs_in_one_list(weights: Weights) -> None:
    llm = ScriptedLLM([CLOCK, FORECAST], "[开心] 六点，下雨。")
    async with client_with(llm, weights, ScriptedTool("clock", "18:05"), ScriptedTool("weather", OSError())) as client:
        message = (await ask(client, model=WUKONG)).choices[0].message
    assert message.content == "六点，下雨。"
    assert message.tool_calls is None
    assert message.myna["emotion"] == "开心"
    first, second = sorted(message.myna["tools"], key=lambda run: run["call_id"])
    assert (first["name"], first["arguments"], first["status"]) == ("clock", '{"city": "东京"}', "ok")
    assert (second["name"], second["status"]) == ("weather", "failed")


async def test_the_llm_as_it_is_has_no_tools_of_the_server_s(weights: Weights) -> None:
    llm = ScriptedLLM("yes")
    async with client_with(llm, weights, ScriptedTool("clock")) as client:
        await ask(client)
        await ask(client, model="scripted", tools=[WEATHER])
    assert [[spec.name for spec in call.request.tools] for call in llm.calls] == [[], ["weather"]]


async def test_a_persona_has_those_that_it_names_and_those_for_all(weights: Weights) -> None:
    llm = ScriptedLLM("[平静] 好。")
    settings = Settings(tools=ToolsSettings(for_all=("cl*",)))
    async with client_with(llm, weights, ScriptedTool("clock"), ScriptedTool("bomb"), settings=settings) as client:
        await ask(client, model=WUKONG)
    assert [spec.name for spec in llm.calls[0].request.tools] == ["clock"]


async def test_secrets_are_shown_to_no_client(weights: Weights) -> None:
    call = ToolCallDelta(0, "call_1", "clock", '{"city": "Oslo", "key": "s3cret"}')
    clock = ScriptedTool("clock", "18:05", secret=["key"])
    async with client_with(ScriptedLLM([call], "[平静] 好。"), weights, clock) as client:
        message = (await ask(client, model=WUKONG)).choices[0].message
    assert clock.calls[0].arguments["key"] == "s3cret"
    assert json.loads(message.myna["tools"][0]["arguments"]) == {"city": "Oslo", "key": "***"}


async def test_when_the_client_leaves_its_tool_is_cancelled(weights: Weights) -> None:
    clock = ScriptedTool("clock", [HANG])
    async with client_with(ScriptedLLM([CLOCK]), weights, clock) as client:
        with pytest.raises(openai.APITimeoutError):
            await ask(client.with_options(timeout=0.5), model=WUKONG)
        await until(lambda: bool(clock.calls and clock.calls[0].ended))
    assert clock.calls[0].ended == "cancelled"


async def test_a_model_that_calls_without_end_is_asked_to_answer(weights: Weights) -> None:
    calls = [[ToolCallDelta(0, None, "clock", f'{{"city": "{city}"}}')] for city in "abc"]
    llm = ScriptedLLM(*calls, "[平静] 够了。")
    settings = Settings(tools=ToolsSettings(for_all=("*",), most_rounds=3))
    async with client_with(llm, weights, ScriptedTool("clock"), settings=settings) as client:
        message = (await ask(client, model=WUKONG)).choices[0].message
    assert (message.content, len(message.myna["tools"])) == ("够了。", 3)
    assert llm.calls[3].request.tools == ()


# --------------------------------------------------------------------------------------------------------- the client's


async def test_a_call_of_the_client_s_tool_ends_the_answer(weights: Weights) -> None:
    llm = ScriptedLLM(["[平静] 等等。", FORECAST])
    async with client_with(llm, weights, ScriptedTool("clock")) as client:
        whole = (await ask(client, model=WUKONG, tools=[WEATHER])).choices[0]
        chunks = await streamed(client, model=WUKONG, tools=[WEATHER])
        async with client.chat.completions.stream(model=WUKONG, messages=HELLO, tools=[WEATHER]) as stream:
            joined = (await stream.get_final_completion()).choices[0]
    for answer in (whole, joined):
        assert (answer.message.content, answer.finish_reason) == ("等等。", "tool_calls")
        (call,) = answer.message.tool_calls or ()
        assert (call.id, call.function.name) == ("call_2", "weather")
        assert json.loads(call.function.arguments) == {"city": "Oslo"}
    (delta,) = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert (delta.index, delta.id, delta.type) == (0, "call_2", "function")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert {spec.name for spec in llm.calls[0].request.tools} == {"weather", "clock"}


async def test_where_both_are_called_the_server_s_run_and_the_client_s_are_told(weights: Weights) -> None:
    clock = ScriptedTool("clock", "18:05")
    llm = ScriptedLLM([CLOCK, FORECAST], "[开心] 六点，下雨。")
    async with client_with(llm, weights, clock) as client:
        first = (await ask(client, model=WUKONG, tools=[WEATHER])).choices[0]
        assert [call.function.name for call in first.message.tool_calls] == ["weather"]
        assert [run["output"] for run in first.message.myna["tools"]] == ["18:05"]
        told = [
            *HELLO,
            {
                "role": "assistant",
                "content": first.message.content,
                "tool_calls": first.message.to_dict()["tool_calls"],
            },
            {"role": "tool", "tool_call_id": "call_2", "content": "rain"},
        ]
        second = (await ask(client, model=WUKONG, tools=[WEATHER], messages=told)).choices[0]
    assert (second.message.content, second.finish_reason) == ("六点，下雨。", "stop")
    shown = newest(llm, 1)
    assert {call.name for message in shown for call in message.tool_calls} == {"clock", "weather"}
    assert {message.content for message in shown if message.role == "tool"} == {"18:05", "rain"}
    assert len(clock.calls) == 1


async def test_results_of_the_client_s_tools_are_answered(weights: Weights) -> None:
    llm = ScriptedLLM("[平静] 二十二度。")
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "东京"}'}}
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        *HELLO,
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "22 °C"}]},
    ]
    async with client_with(llm, weights) as client:
        answer = await ask(client, model=WUKONG, messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "二十二度。"
    utterance, called, result = newest(llm, 0)
    assert utterance.content.startswith("hello")
    assert (called.content, called.tool_calls) == ("Let me see.", (ToolCall("c1", "weather", '{"city": "东京"}'),))
    assert (result.content, result.tool_call_id) == ("22 °C", "c1")


async def test_a_client_s_tool_takes_the_place_of_the_server_s_of_its_name(weights: Weights) -> None:
    llm, mine = ScriptedLLM([FORECAST]), ScriptedTool("weather", "rain")
    async with client_with(llm, weights, mine) as client:
        answer = (await ask(client, model=WUKONG, tools=[WEATHER])).choices[0]
    assert answer.finish_reason == "tool_calls"
    assert mine.calls == []
    assert llm.calls[0].request.tools == (ToolSpec("weather", "The weather.", {"type": "object"}),)


# ----------------------------------------------------------------------------------------------------------- the choice


@pytest.mark.parametrize(("choice", "meant"), [
    ("auto", "auto"),
    ("required", "required"),
    ({"type": "function", "function": {"name": "clock"}}, NamedTool("clock")),
    ({"type": "function", "function": {"name": "weather"}}, NamedTool("weather")),
])  # fmt: skip
async def test_the_choice_holds_for_the_first_round(weights: Weights, choice: Any, meant: Any) -> None:
    llm = ScriptedLLM([CLOCK], "[平静] 六点。")
    async with client_with(llm, weights, ScriptedTool("clock")) as client:
        await ask(client, model=WUKONG, tools=[WEATHER], tool_choice=choice)
    assert [call.request.tool_choice for call in llm.calls] == [meant, "auto"]


async def test_with_the_choice_none_no_tool_is_offered(weights: Weights) -> None:
    llm = ScriptedLLM("[平静] 好。")
    async with client_with(llm, weights, ScriptedTool("clock")) as client:
        await ask(client, model=WUKONG, tools=[WEATHER], tool_choice="none")
    assert llm.calls[0].request.tools == ()


@pytest.mark.parametrize("model", ["myna", WUKONG])
async def test_with_the_choice_none_a_call_that_is_written_all_the_same_is_not_shown(
    weights: Weights, model: str
) -> None:
    """OpenAI's clients ask so in their last round, and the model has calls before its eyes."""
    written = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    messages = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]
    async with client_with(ScriptedLLM(["22 °C.\n", *written]), weights) as client:
        chunks = await streamed(client, model=model, messages=messages, tools=[WEATHER], tool_choice="none")
    assert text(chunks).strip() == "22 °C."
    assert not any(choice.delta.tool_calls for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_required_needs_no_tools_of_the_client_s_where_the_server_has_some(weights: Weights) -> None:
    llm = ScriptedLLM([CLOCK], "[平静] 六点。")
    async with client_with(llm, weights, ScriptedTool("clock")) as client:
        answer = await ask(client, model=WUKONG, tool_choice="required")
    assert answer.choices[0].message.content == "六点。"


RESULT: Any = {"role": "tool", "content": "22", "tool_call_id": "c1"}
CALL: Any = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


@pytest.mark.parametrize(("more", "param"), [
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "clock"}}}, "tool_choice"),
    ({"tools": [WEATHER, WEATHER]}, "tools"),
    ({"messages": [*HELLO, RESULT]}, "messages[1].tool_call_id"),
    ({"messages": [{"role": "assistant", "tool_calls": [CALL]}, RESULT]}, "messages"),
    ({"messages": [*HELLO, {"role": "assistant", "tool_calls": [CALL]}]}, "messages"),
])  # fmt: skip
async def test_what_cannot_be_is_refused_by_name(weights: Weights, more: Any, param: str) -> None:
    llm = ScriptedLLM("yes")
    async with client_with(llm, weights) as client:
        problem = await refused(client, model=WUKONG, **more)
    assert (problem.status_code, problem.param, llm.calls) == (400, param, [])


async def test_a_form_holds_for_what_is_said_after_a_tool_too(weights: Weights) -> None:
    """What `response_format` and `reasoning_effort` say reaches every round."""
    llm, seen = ScriptedLLM([CLOCK], "[平静] {}"), list[LLMRequest]()

    async def watched(request: LLMRequest, work: Work) -> None:
        seen.append(request)
        await call_tools(request, work)

    wukong = Personas(None).find("wukong")
    guest = Guest(persona=wukong.model_copy(update={"id": "agent", "tools": ("*",)}), strategy=watched)
    async with client_with(llm, weights, ScriptedTool("clock"), guest=guest) as client:
        await ask(client, model="myna", reasoning_effort="none", seed=5)
    assert [call.request.reasoning for call in llm.calls] == [False] * 2
    assert [call.request.sampling.seed for call in llm.calls] == [5, 5]
    assert [request.reasoning for request in seen] == [False]


@pytest.mark.parametrize("model", ["myna", WUKONG])
@pytest.mark.parametrize("parallel", [True, False, None])
async def test_one_call_at_most_is_made_where_the_client_wants_that(
    weights: Weights, model: str, parallel: bool | None
) -> None:
    script = [ToolCallDelta(0, "call_1", "weather", "{}"), ToolCallDelta(1, "call_2", "weather", '{"city": "Oslo"}')]
    async with client_with(ScriptedLLM(script), weights) as client:
        answer = await ask(client, model=model, tools=[WEATHER], parallel_tool_calls=parallel)
    made = [call.id for call in answer.choices[0].message.tool_calls]
    assert made == (["call_1"] if parallel is False else ["call_1", "call_2"])


async def test_several_choices_would_run_the_server_s_tools_as_often_and_are_refused(weights: Weights) -> None:
    llm, clock = ScriptedLLM("[平静] 好。"), ScriptedTool("clock", "18:05")
    async with client_with(llm, weights, clock) as client:
        problem = await refused(client, model=WUKONG, n=2)
        assert (problem.status_code, problem.param, problem.code, llm.calls) == (400, "n", "unsupported_parameter", [])
        for more in ({"tool_choice": "none"}, {"model": "scripted"}):  # nothing of the server's is run
            assert len((await ask(client, **{"model": WUKONG, "n": 2, **more})).choices) == 2


# ------------------------------------------------------------------------------------------------ what the server keeps


def said_before(answer: str, then: str) -> list[Any]:
    return [*HELLO, {"role": "assistant", "content": answer}, {"role": "user", "content": then}]


@pytest.mark.parametrize("stream", [True, False])
async def test_what_a_tool_gave_is_known_in_the_next_request(weights: Weights, stream: bool) -> None:
    llm = ScriptedLLM([CLOCK], "[平静] 六点。", "[开心] 东京。")
    async with client_with(llm, weights, ScriptedTool("clock", "18:05")) as client:
        if stream:
            said = text(await streamed(client, model=WUKONG))
        else:
            said = (await ask(client, model=WUKONG)).choices[0].message.content
        await ask(client, model=WUKONG, messages=said_before(said, "where?"))
    before, after = (call.request.messages for call in llm.calls[1:])
    assert after[: len(before)] == before, "the KV cache serves it"
    assert after[len(before)].content == "[平静] 六点。"


async def test_it_is_known_to_nobody_else(weights: Weights) -> None:
    llm = ScriptedLLM([CLOCK], "[平静] 六点。", "[开心] 东京。")
    async with client_with(llm, weights, ScriptedTool("clock", "18:05")) as client:
        said = (await ask(client, model=WUKONG)).choices[0].message.content
        await ask(client.with_options(api_key="other"), model=WUKONG, messages=said_before(said, "where?"))
        another = [{"role": "user", "content": "another"}, *said_before(said, "where?")[1:]]
        await ask(client, model=WUKONG, messages=another)
    for call in llm.calls[2:]:
        assert not any(message.tool_calls or message.role == "tool" for message in call.request.messages)


@pytest.mark.parametrize("then", ["好的", "不要"])
async def test_a_tool_that_asks_is_not_run_whatever_is_said(weights: Weights, then: str) -> None:
    """The client keeps the conversation: each time that it sends the same yes, the tool would run again."""
    bomb = ScriptedTool("clock", "18:05", confirm=True)
    llm = ScriptedLLM([CLOCK], "[平静] 要看钟吗？", "[平静] 不行。")
    async with client_with(llm, weights, bomb) as client:
        first = (await ask(client, model=WUKONG)).choices[0].message
        assert (first.content, [run["status"] for run in first.myna["tools"]]) == ("要看钟吗？", ["refused"])
        assert "cannot be asked for here" in first.myna["tools"][0]["output"]
        for _ in range(2):
            await ask(client, model=WUKONG, messages=said_before(first.content, then))
    assert bomb.calls == []


# ------------------------------------------------------------------------------------------------------------ the guest


async def test_a_guest_is_who_the_model_myna_is(weights: Weights) -> None:
    llm = ScriptedLLM([CLOCK], "[平静] 六点。", "[平静] 裸。")
    wukong = Personas(None).find("wukong")
    guest = Guest(persona=wukong.model_copy(update={"id": "agent", "tools": ("clock",)}))
    async with client_with(llm, weights, ScriptedTool("clock", "18:05"), settings=Settings(), guest=guest) as client:
        answer = await ask(client)
        bare = await ask(client, model="scripted")
        names = [model.id async for model in client.models.list()]
        named = await ask(client, model="myna/agent")
    assert (answer.model, answer.choices[0].message.content) == ("myna/agent", "六点。")
    assert (bare.model, bare.choices[0].message.content) == ("scripted", "[平静] 裸。")
    assert named.model == "myna/agent"
    assert names[:3] == ["myna", "scripted", "myna/agent"]
