"""What `ToolCallingLLM` makes of the answers of LLMs, here scripted ones."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import anyio
import pytest

from myna.core.errors import EngineRefused, EngineUnavailable
from myna.core.tools import NamedTool, ToolCall, ToolChoice, ToolSpec
from myna.engines.base import (
    Finished,
    LLMDelta,
    LLMInfo,
    LLMMessage,
    LLMRequest,
    ReadsAhead,
    Sampling,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from myna.engines.llm.tool_calling import Method, ToolCallingLLM, tool_calling
from myna.testing.llm import HANG, Pause, ScriptedLLM, Step

pytestmark = pytest.mark.anyio

WEATHER = ToolSpec(
    "get_weather",
    "Get the weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
LIGHT = ToolSpec(
    "turn_light",
    "Turn the light on or off.",
    {"type": "object", "properties": {"state": {"type": "string", "enum": ["on", "off"]}}, "required": ["state"]},
)
TOOLS = (WEATHER, LIGHT)
ASKED = (LLMMessage("user", "What is the weather in Oslo?"),)
OSLO = '{"city": "Oslo"}'


def request(
    choice: ToolChoice = "auto", messages: Sequence[LLMMessage] = ASKED, tools: Sequence[ToolSpec] = TOOLS
) -> LLMRequest:
    return LLMRequest(tuple(messages), Sampling(temperature=0.7), tuple(tools), choice)


async def deltas(llm: ToolCallingLLM, asked: LLMRequest) -> list[LLMDelta]:
    with anyio.fail_after(10):
        async with aclosing(llm.generate(asked)) as stream:
            return [delta async for delta in stream]


def text(told: Sequence[LLMDelta]) -> str:
    return "".join(delta.text for delta in told if isinstance(delta, TextDelta))


def calls(told: Sequence[LLMDelta]) -> list[tuple[str | None, str]]:
    found = [delta for delta in told if isinstance(delta, ToolCallDelta)]
    assert [delta.index for delta in found] == list(range(len(found)))
    assert len({delta.id for delta in found}) == len(found)
    return [(delta.name, delta.arguments) for delta in found]


def reason(told: Sequence[LLMDelta]) -> str:
    assert isinstance(told[-1], Finished)
    assert sum(isinstance(delta, Finished) for delta in told) == 1
    return told[-1].reason


def written(*calls: tuple[str, str]) -> str:
    """Calls as the model writes them under a schema."""
    return "[" + ",".join(f'{{"name": "{name}", "arguments": {arguments}}}' for name, arguments in calls) + "]"


NEEDED = '["get'
OSLO_CALL = written(("get_weather", OSLO))


class SchemaLLM:
    """A small model whose server enforces schemas: what is asked under one gets the next of ``choices``."""

    def __init__(
        self, reply: str | Sequence[Step], *choices: str | Sequence[Step], parameters: int = 500_000_000
    ) -> None:
        self.talk = ScriptedLLM(reply)
        self.choice = ScriptedLLM(*choices)
        self.info = LLMInfo("small", 8192, native_tools=True, output_schema=True, parameters=parameters)
        self.read: list[tuple[Sequence[LLMMessage], Sequence[ToolSpec]]] = []

    def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        return (self.talk if request.output_schema is None else self.choice).generate(request)

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return len(messages)

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        self.read.append((messages, tools))


class BareLLM(ScriptedLLM):
    """One whose server has no place for tools, and enforces nothing."""

    @property
    def info(self) -> LLMInfo:
        return LLMInfo("bare", None, native_tools=False, output_schema=False)


# ---------------------------------------------------------------------------------------------------------- native


async def test_a_request_without_tools_passes_through_as_it_is() -> None:
    llm = ScriptedLLM(['{"name": "get_weather", "arguments": {}}'])
    asked = LLMRequest(ASKED)
    assert text(await deltas(ToolCallingLLM(llm), asked)) == '{"name": "get_weather", "arguments": {}}'
    assert llm.calls[0].request is asked


async def test_the_pieces_of_a_native_call_come_as_one() -> None:
    llm = ScriptedLLM(
        [
            "Let me see.",
            ToolCallDelta(0, "a1", "get_weather", '{"city"'),
            ToolCallDelta(1, "a2", "turn_light", ""),
            ToolCallDelta(0, None, None, ': "Oslo"}'),
            Finished("tool_calls"),
        ]
    )
    told = await deltas(ToolCallingLLM(llm), request())
    assert text(told) == "Let me see."
    assert told[-3:] == [
        ToolCallDelta(0, "a1", "get_weather", OSLO),
        ToolCallDelta(1, "a2", "turn_light", "{}"),
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize(
    "written",
    [
        f'<tool_call>\n{{"name": "get_weather", "arguments": {OSLO}}}\n</tool_call>',
        f'{{"name": "get_weather", "arguments": {OSLO}}}',
        f'```json\n{{"name": "get_weather", "arguments": {OSLO}}}\n```',
    ],
)
async def test_a_call_that_is_written_as_text_is_a_call(written: str) -> None:
    told = await deltas(ToolCallingLLM(ScriptedLLM(["Sure. ", *written])), request())
    assert text(told).strip() == "Sure."
    assert [(name, json.loads(arguments)) for name, arguments in calls(told)] == [("get_weather", {"city": "Oslo"})]
    assert reason(told) == "tool_calls"


async def test_a_call_that_the_limit_cut_off_comes_as_far_as_it_came() -> None:
    for script in (
        ['<tool_call>{"name": "get_weather", "arguments": {"city": "Pa', Finished("length")],
        [ToolCallDelta(0, "a", "get_weather", '{"city": "Pa'), Finished("length")],
    ):
        told = await deltas(ToolCallingLLM(ScriptedLLM(script)), request())
        assert calls(told) == [("get_weather", '{"city": "Pa')]
        assert reason(told) == "length"
        assert text(told) == ""


async def test_of_a_call_that_was_cut_off_before_its_name_nothing_is_told() -> None:
    told = await deltas(ToolCallingLLM(ScriptedLLM(['<tool_call>{"na', Finished("length")])), request())
    assert told[-1] == Finished("length")
    assert text(told) == ""
    assert calls(told) == []


async def test_each_piece_of_a_call_is_a_sign_of_life_for_who_waits() -> None:
    for pieces in (
        ['<tool_call>{"name": "get_weather", "arguments": ', '{"city": ', '"Oslo"}}</tool_call>'],
        [ToolCallDelta(0, "a", "get_weather", '{"city"'), ToolCallDelta(0, None, None, ': "Oslo"}')],
    ):
        for choice in ("auto", "none"):
            told = await deltas(ToolCallingLLM(ScriptedLLM(pieces)), request(choice))
            assert told[: len(pieces)] == [TextDelta("")] * len(pieces)


async def test_no_tools_means_none_in_the_request_and_none_in_the_reply() -> None:
    llm = ScriptedLLM([f'Well. <tool_call>{{"name": "get_weather", "arguments": {OSLO}}}</tool_call>'])
    told = await deltas(ToolCallingLLM(llm), request("none"))
    assert text(told) == "Well."
    assert reason(told) == "stop"
    assert llm.calls[0].request.tools == ()


async def test_a_native_model_that_has_to_call_and_does_not_is_refused_without_schemas() -> None:
    for choice in ("required", NamedTool("turn_light")):
        with pytest.raises(EngineRefused, match="called no tool"):
            await deltas(ToolCallingLLM(ScriptedLLM("No.")), request(choice))


async def test_a_native_model_that_has_to_call_and_does_not_is_asked_again_under_a_schema() -> None:
    llm = SchemaLLM("No.", OSLO_CALL)
    told = await deltas(ToolCallingLLM(llm, "native"), request("required"))
    assert calls(told) == [("get_weather", OSLO)]
    assert reason(told) == "tool_calls"


async def test_a_model_without_a_place_for_tools_is_told_of_them_in_its_prompt() -> None:
    llm = BareLLM([f'<tool_call>{{"name": "get_weather", "arguments": {OSLO}}}</tool_call>'])
    call = ToolCall("c1", "turn_light", '{"state": "on"}')
    before = (
        LLMMessage("system", "You are a bird."),
        LLMMessage("user", "Light!"),
        LLMMessage("assistant", "", (call,)),
        LLMMessage("tool", "done", tool_call_id="c1"),
        LLMMessage("assistant", "It is on."),
    )
    told = await deltas(ToolCallingLLM(llm), request(NamedTool("get_weather"), (*before, *ASKED)))
    assert calls(told) == [("get_weather", OSLO)]
    sent = llm.calls[0].request
    assert sent.tools == ()
    assert sent.messages[0].content.startswith("You are a bird.")
    assert '"get_weather"' in sent.messages[0].content
    assert "You have to call the function get_weather now." in sent.messages[0].content
    assert [message.role for message in sent.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert sent.messages[2].content == '<tool_call>\n{"name": "turn_light", "arguments": {"state": "on"}}\n</tool_call>'
    assert sent.messages[3].content == "<tool_response>\ndone\n</tool_response>"


# ----------------------------------------------------------------------------------------------------- constrained


async def test_a_small_model_that_chooses_no_tool_just_talks() -> None:
    llm = SchemaLLM(["[Happy]", " Hello", "!"], ["[]", HANG])
    told = await deltas(ToolCallingLLM(llm), request())
    assert text(told) == "[Happy] Hello!"
    assert reason(told) == "stop"
    assert llm.talk.calls[0].request == replace(request(), tools=())
    assert llm.choice.calls[0].request.sampling.temperature == 0
    assert llm.choice.calls[0].ended == "closed"


async def test_the_first_words_wait_for_the_choice() -> None:
    llm = SchemaLLM(["Hello!", Pause(0.05), " How are you?"], [Pause(0.2), "[]"])
    began = anyio.current_time()
    async with aclosing(ToolCallingLLM(llm).generate(request())) as stream:
        assert await anext(stream) == TextDelta("Hello!")
        assert anyio.current_time() - began > 0.15
        assert await anext(stream) == TextDelta(" How are you?")


async def test_a_small_model_that_needs_tools_is_asked_for_the_call() -> None:
    llm = SchemaLLM(["The weather is", HANG], [Pause(0.05), *NEEDED, HANG], OSLO_CALL)
    told = await deltas(ToolCallingLLM(llm), request())
    assert calls(told) == [("get_weather", OSLO)]
    assert text(told) == ""
    assert reason(told) == "tool_calls"
    assert llm.talk.calls[0].ended == "closed"
    assert llm.choice.calls[0].ended == "closed"


async def test_the_clauses_that_a_call_has_nothing_from_are_asked_about_one_by_one() -> None:
    rome = ("get_weather", '{"city": "Rome"}')
    both = (LLMMessage("user", "What is the weather in Oslo and in Rome?"),)
    llm = SchemaLLM([HANG], NEEDED, OSLO_CALL, written(rome))
    told = await deltas(ToolCallingLLM(llm), request(messages=both))
    assert calls(told) == [("get_weather", OSLO), rome]
    *_, asked, call, following = llm.choice.calls[2].request.messages
    assert (asked, call.content) == (both[0], OSLO_CALL)
    assert following == LLMMessage("user", "in Rome")


async def test_a_call_for_another_clause_is_not_made_if_it_takes_nothing_from_it() -> None:
    alarm = (LLMMessage("user", "Weather in Oslo, I am hungry."),)
    llm = SchemaLLM([HANG], NEEDED, OSLO_CALL, written(("get_weather", '{"city": "Rome"}')))
    told = await deltas(ToolCallingLLM(llm), request(messages=alarm))
    assert calls(told) == [("get_weather", OSLO)]


@pytest.mark.parametrize("made_up", ["Paris", "Atlantis", "who are you"])
async def test_a_call_that_is_made_up_is_not_made_and_the_model_answers(made_up: str) -> None:
    llm = SchemaLLM("Hi!", NEEDED, written(("get_weather", json.dumps({"city": made_up}))))
    told = await deltas(ToolCallingLLM(llm), request(messages=(LLMMessage("user", "Who are you?"),)))
    assert (text(told), calls(told), reason(told)) == ("Hi!", [], "stop")


async def test_what_is_copied_from_an_example_is_asked_for_again_from_what_was_said() -> None:
    llm = SchemaLLM("Hi!", written(("get_weather", '{"city": "Paris"}')), OSLO_CALL)
    asked = request("required", messages=(LLMMessage("user", "What is it like in Oslo?"),))
    assert calls(await deltas(ToolCallingLLM(llm), asked)) == [("get_weather", OSLO)]
    schema = llm.choice.calls[1].request.output_schema
    assert schema is not None
    city = schema["items"]["anyOf"][0]["properties"]["arguments"]["properties"]["city"]
    assert "Oslo" in city["enum"]
    assert "Paris" not in city["enum"]


async def test_a_call_that_is_all_copied_is_not_made_but_where_one_has_to_be() -> None:
    wake = ToolSpec("wake", "Wake me.", {"type": "object", "properties": {"hour": {"type": "integer"}}})
    cases: list[tuple[ToolChoice, list[tuple[str, str]]]] = [
        ("auto", []),
        ("required", [("wake", '{"hour": 4}')]),
    ]
    for choice, made in cases:
        llm = SchemaLLM("When?", *([NEEDED] if choice == "auto" else []), *[written(("wake", '{"hour": 4}'))] * 2)
        asked = replace(request(choice, messages=(LLMMessage("user", "Wake me."),)), tools=(wake,))
        assert calls(await deltas(ToolCallingLLM(llm), asked)) == made


async def test_a_number_that_nobody_said_is_asked_for_again_among_those_that_were() -> None:
    wake = ToolSpec("wake", "Wake me.", {"type": "object", "properties": {"hour": {"type": "integer", "maximum": 23}}})
    llm = SchemaLLM("Hi!", written(("wake", '{"hour": 4}')), written(("wake", '{"hour": 9}')))
    asked = replace(request("required", messages=(LLMMessage("user", "晚上九点叫我"),)), tools=(wake,))
    assert calls(await deltas(ToolCallingLLM(llm), asked)) == [("wake", '{"hour": 21}')]
    schema = llm.choice.calls[1].request.output_schema
    assert schema is not None
    assert schema["items"]["anyOf"][0]["properties"]["arguments"]["properties"]["hour"]["enum"] == [9, 21]


async def test_a_value_that_may_be_translated_is_not_made_up() -> None:
    llm = SchemaLLM([HANG], NEEDED, OSLO_CALL)
    told = await deltas(ToolCallingLLM(llm), request(messages=(LLMMessage("user", "奥斯陆天气怎么样？"),)))
    assert calls(told) == [("get_weather", OSLO)]


async def test_with_more_tools_than_there_is_room_for_the_model_talks_and_cannot_be_forced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tools = tuple(replace(TOOLS[0], name=f"tool_{number}") for number in range(400))
    told = await deltas(ToolCallingLLM(SchemaLLM("Hi!")), replace(request(), tools=tools))
    assert (text(told), calls(told)) == ("Hi!", [])
    assert "400 tools are too many" in caplog.text
    with pytest.raises(EngineRefused, match="400 tools are too many"):
        await deltas(ToolCallingLLM(SchemaLLM("Hi!")), replace(request("required"), tools=tools))


async def test_a_tool_that_has_gone_cannot_be_forced() -> None:
    with pytest.raises(EngineRefused, match="fly"):
        await deltas(ToolCallingLLM(SchemaLLM("Hi.", OSLO_CALL)), request(NamedTool("fly")))


async def test_the_usage_of_calls_is_what_writing_them_took() -> None:
    llm = SchemaLLM([HANG], NEEDED, [OSLO_CALL, Finished("stop", Usage(10, 2, 5))])
    told = await deltas(ToolCallingLLM(llm), request())
    assert told[-1] == Finished("tool_calls", Usage(10, 2, 5))


async def test_when_the_tools_have_been_called_the_model_answers() -> None:
    llm = SchemaLLM("It is 22 degrees.", "[]")
    call = ToolCall("c1", "get_weather", OSLO)
    messages = (
        *ASKED,
        LLMMessage("assistant", "", (call,)),
        LLMMessage("tool", '{"temperature": "22"}', tool_call_id="c1"),
    )
    told = await deltas(ToolCallingLLM(llm), request(messages=messages))
    assert text(told) == "It is 22 degrees."
    assert not llm.choice.calls
    (asked,) = llm.talk.calls
    assert asked.request.tools == ()
    assert "temperature: 22" in asked.request.messages[-1].content
    assert {message.role for message in asked.request.messages} == {"user"}


@pytest.mark.parametrize(("choice", "allowed"), [("required", 2), (NamedTool("get_weather"), 1)])
async def test_a_tool_that_has_to_be_called_is_called_without_a_way_out(choice: ToolChoice, allowed: int) -> None:
    llm = SchemaLLM("Hello!", OSLO_CALL)
    told = await deltas(ToolCallingLLM(llm), request(choice))
    assert calls(told) == [("get_weather", OSLO)]
    assert not llm.talk.calls
    (schema,) = [call.request.output_schema for call in llm.choice.calls]
    assert schema is not None
    assert schema["minItems"] == 1
    assert len(schema["items"]["anyOf"]) == allowed


async def test_calls_that_the_limit_cut_off_come_as_far_as_they_came() -> None:
    for end, expected in ((', "arguments": {"city": "Os', '{"city": "Os'), ("", "{"), (', "argum', "{")):
        llm = SchemaLLM([HANG], NEEDED, ['[{"name": "get_weather"' + end, Finished("length")])
        told = await deltas(ToolCallingLLM(llm), request())
        assert calls(told) == [("get_weather", expected)]
        assert reason(told) == "length"


async def test_a_reply_that_fails_is_no_matter_if_a_tool_is_called() -> None:
    broken = EngineUnavailable("gone")
    told = await deltas(ToolCallingLLM(SchemaLLM([broken], [Pause(0.05), NEEDED], OSLO_CALL)), request())
    assert calls(told) == [("get_weather", OSLO)]
    with pytest.raises(EngineUnavailable, match="gone"):
        await deltas(ToolCallingLLM(SchemaLLM(["Hi", broken], [Pause(0.05), "[]"])), request())


async def test_a_choice_that_fails_fails_the_reply() -> None:
    llm = SchemaLLM(["Hi", HANG], [Pause(0.05), EngineUnavailable("gone")])
    with pytest.raises(EngineUnavailable, match="gone"):
        await deltas(ToolCallingLLM(llm), request())
    assert llm.talk.calls[0].ended == "closed"


async def test_closing_the_stream_stops_choice_and_reply() -> None:
    llm = SchemaLLM(["Hi", Pause(0.01), " there", HANG], ["[]"])
    async with aclosing(ToolCallingLLM(llm).generate(request())) as stream:
        assert await anext(stream) == TextDelta("Hi")
    assert llm.talk.calls[0].ended == "closed"
    llm = SchemaLLM(["Hi", HANG], [HANG])
    with anyio.move_on_after(0.1):
        await deltas(ToolCallingLLM(llm), request())
    assert llm.talk.calls[0].ended == "closed"
    assert llm.choice.calls[0].ended == "closed"


async def test_a_stream_may_be_read_under_a_time_limit_for_each_piece() -> None:
    """As sessions do: a cancel scope that is still open when the generator yields would end the reading task."""
    llm = SchemaLLM(["a", "b", "c"], [Pause(0.02), "[]"])
    told: list[LLMDelta] = []
    async with aclosing(ToolCallingLLM(llm).generate(request())) as stream:
        while not (told and isinstance(told[-1], Finished)):
            with anyio.fail_after(5):
                told.append(await anext(stream))
    assert text(told) == "abc"


@pytest.mark.parametrize(
    ("method", "parameters", "constrained"),
    [
        ("auto", 600_000_000, True),
        ("auto", 7_000_000_000, False),
        ("native", 600_000_000, False),
        ("constrained", 7_000_000_000, True),
    ],
)
async def test_auto_goes_by_the_size_of_the_model(method: Method, parameters: int, constrained: bool) -> None:
    llm = SchemaLLM("Hi.", "[]", parameters=parameters)
    await deltas(ToolCallingLLM(llm, method), request())
    assert bool(llm.choice.calls) is constrained


async def test_prompt_and_choice_are_read_ahead() -> None:
    llm = SchemaLLM([HANG], NEEDED, OSLO_CALL)
    calling = ToolCallingLLM(llm)
    assert isinstance(calling, ReadsAhead)
    await calling.read_ahead(ASKED, tools=TOOLS)
    (prompt, *_), (need, *_), (written_, *_) = llm.read
    assert prompt == ASKED
    assert not any(tools for _, tools in llm.read)
    await deltas(calling, request())
    asked = [call.request.messages for call in llm.choice.calls]
    assert [messages[:-1] for messages in asked] == [tuple(need)[:-1], tuple(written_)[:-1]]
    await ToolCallingLLM(llm, "native").read_ahead(ASKED, tools=TOOLS)
    assert llm.read[-1] == (ASKED, TOOLS)


async def test_what_calls_tools_already_is_not_wrapped_again() -> None:
    llm = tool_calling(ScriptedLLM("Hi."))
    assert tool_calling(llm) is llm
