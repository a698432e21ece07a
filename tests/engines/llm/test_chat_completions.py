import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.tools import NamedTool, ToolCall, ToolSpec
from myna.engines.base import (
    Finished,
    LLMDelta,
    LLMMessage,
    LLMRequest,
    ReasoningDelta,
    Sampling,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from myna.engines.llm.chat_completions import ANY_OBJECT, DONE, Dialect, ErrorObject, ReplyDecoder, encode
from myna.engines.llm.sse import NotAnAnswer

WEATHER = ToolSpec("weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
EVERYTHING = LLMRequest(
    messages=(
        LLMMessage("system", "你是孙悟空。"),
        LLMMessage("user", "Weather?"),
        LLMMessage("assistant", "", tool_calls=(ToolCall("c1", "weather", '{"city": "东京"}'),)),
        LLMMessage("tool", "22 °C", tool_call_id="c1"),
    ),
    sampling=Sampling(temperature=0.5, top_p=0.9, top_k=40, max_tokens=10, stop=("\n",), seed=7, presence_penalty=0.1),
    tools=(WEATHER,),
    tool_choice=NamedTool("weather"),
    output_schema={"type": "object", "required": ["city"]},
    reasoning=False,
    cache_key="conversation-1",
)


def fed(*chunks: object) -> tuple[list[LLMDelta], Finished]:
    decoder = ReplyDecoder()
    deltas = [delta for chunk in chunks for delta in decoder.feed(json.dumps(chunk).encode())]
    assert decoder.feed(DONE) == []
    return deltas, decoder.finished()


def choice(finish_reason: str | None = None, **delta: object) -> dict[str, Any]:
    return {"choices": [{"delta": delta, "finish_reason": finish_reason}]}


def test_a_request_is_written_as_openai_defines_it():
    assert encode(EVERYTHING, model="m", dialect="plain") == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "你是孙悟空。"},
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "东京"}'},
                    }
                ],
            },
            {"role": "tool", "content": "22 °C", "tool_call_id": "c1"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 10,
        "stop": ["\n"],
        "seed": 7,
        "presence_penalty": 0.1,
        "tools": [
            {
                "type": "function",
                "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER.parameters},
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "output", "schema": {"type": "object", "required": ["city"]}, "strict": True},
        },
    }


def test_one_call_at_most_is_asked_for_only_beside_tools():
    one = LLMRequest((LLMMessage("user", "Hi."),), parallel_calls=False)
    assert "parallel_tool_calls" not in encode(one, model=None, dialect="plain")
    assert encode(replace(one, tools=(WEATHER,)), model=None, dialect="plain")["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        ("plain", {}),
        ("open", {"top_k": 40, "chat_template_kwargs": {"enable_thinking": False}}),
        (
            "llamacpp",
            {
                "top_k": 40,
                "chat_template_kwargs": {"enable_thinking": False},
                "cache_prompt": False,
                "return_progress": True,
                "repeat_penalty": 1.0,
            },
        ),
    ],
)
def test_a_server_gets_beyond_openai_only_what_it_is_known_to_take(dialect: Dialect, more: dict[str, Any]):
    plain = encode(EVERYTHING, model="m", dialect="plain")
    assert encode(EVERYTHING, model="m", dialect=dialect) == plain | more


def test_only_a_request_with_a_seed_does_without_the_cache():
    messages = (LLMMessage("user", "hi"),)
    assert encode(LLMRequest(messages), model="m", dialect="llamacpp")["cache_prompt"] is True
    assert encode(LLMRequest(messages, Sampling(seed=7)), model="m", dialect="llamacpp")["cache_prompt"] is False


def test_any_object_is_a_format_of_its_own():
    body = encode(LLMRequest((), output_schema=ANY_OBJECT), model="m", dialect="plain")
    assert body["response_format"] == {"type": "json_object"}


def test_what_a_request_leaves_open_is_left_to_the_server():
    body = encode(LLMRequest((LLMMessage("user", "hi"),)), model=None, dialect="plain")
    assert set(body) == {"messages", "stream", "stream_options"}


def test_reasoning_by_either_name_and_text_are_told_apart():
    deltas, finished = fed(
        choice(role="assistant", content=None),
        choice(reasoning_content="hm"),
        choice(reasoning=" so"),
        choice(content="你好"),
        choice("stop", content=""),
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
    )
    assert deltas == [ReasoningDelta("hm"), ReasoningDelta(" so"), TextDelta("你好")]
    assert finished == Finished("stop", Usage(9, 4, None))


@pytest.mark.parametrize(
    "thinking",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"thinking": "hm"},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "h"}, {"type": "reasoning.summary", "summary": "m"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
    ],
)
def test_thinking_by_whatever_name_is_told_once_and_never_as_text(thinking: dict[str, object]):
    deltas, _ = fed(choice(None, **thinking), choice(content="yes"), choice("stop"))
    assert deltas == [ReasoningDelta("hm"), TextDelta("yes")]


@pytest.mark.parametrize(
    "thinking",
    [
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}]},
        {"reasoning": {"effort": "high"}, "reasoning_details": "none", "thinking": 3, "reasoning_content": ["hm"]},
        {"reasoning_details": [None, {"text": 3}]},
    ],
)
def test_thinking_that_nobody_can_read_is_passed_over(thinking: dict[str, object]):
    assert fed(choice(None, **thinking), choice(content="yes"), choice("stop"))[0] == [TextDelta("yes")]


def test_text_in_parts_is_put_together():
    parts = [{"type": "text", "text": "ye"}, {"type": "image"}, {"type": "text", "text": "s"}]
    assert fed(choice(content=parts), choice("stop"))[0] == [TextDelta("yes")]


def test_a_chunk_with_no_choices_is_passed_over_once_an_answer_has_begun():
    begun = choice(content="yes")
    assert fed(begun, {"id": "1", "object": "chat.completion.chunk"}, choice("stop"))[0] == [TextDelta("yes")]
    assert fed({"usage": {"prompt_tokens": 9}})[1] == Finished("stop", Usage(9, 0, None))


def test_tokens_of_thinking_are_reported():
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 3}}
    finished = fed(choice("stop"), {"choices": [], "usage": usage})[1]
    assert finished == Finished("stop", Usage(9, 4, reasoning_tokens=3))


def test_tokens_from_the_cache_are_reported():
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}}
    assert fed(choice("length"), {"choices": [], "usage": usage})[1] == Finished("length", Usage(9, 4, 8))


def test_only_the_first_piece_of_a_call_names_it_even_if_the_server_repeats_itself():
    def call(arguments: str, index: int = 0) -> dict[str, Any]:
        function = {"name": "weather", "arguments": arguments}
        return {"index": index, "id": f"c{index}", "function": function}

    deltas, finished = fed(
        choice(tool_calls=[call('{"ci')]), choice(tool_calls=[call('ty": 1}'), call("{}", 1)]), choice("stop")
    )
    assert deltas == [
        ToolCallDelta(0, "c0", "weather", '{"ci'),
        ToolCallDelta(0, None, None, 'ty": 1}'),
        ToolCallDelta(1, "c1", "weather", "{}"),
    ]
    assert finished.reason == "tool_calls"


def test_calls_without_index_or_id_get_one():
    calls = [{"function": {"name": "a", "arguments": "{}"}}, {"function": {"name": "b"}}]
    assert fed(choice(tool_calls=calls))[0] == [
        ToolCallDelta(0, "call_0", "a", "{}"),
        ToolCallDelta(1, "call_1", "b", ""),
    ]


def test_a_whole_answer_in_one_piece_is_understood():
    answer = {"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    assert fed(answer) == ([TextDelta("hi")], Finished("stop"))


@pytest.mark.parametrize("reason", ["eos", "stop_sequence", None])
def test_an_unknown_reason_is_a_stop(reason: str | None):
    assert fed(choice(reason))[1].reason == "stop"


keys = st.sampled_from(["choices", "delta", "content", "tool_calls", "index", "function", "usage", "error"])
some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(keys, inner)
)


@given(some_json)
def test_any_json_is_understood_or_refused(data: object):
    with suppress(NotAnAnswer, ErrorObject):
        assert all(delta != TextDelta("") for delta in ReplyDecoder().feed(json.dumps(data).encode()))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"<html>", b'{"choices": 1}', b'{"choices": [{"delta": 1}]}']
)
def test_json_that_is_no_chunk_is_refused(data: bytes):
    with pytest.raises(NotAnAnswer):
        ReplyDecoder().feed(data)


@pytest.mark.parametrize("error", ["overloaded", {"message": "overloaded"}])
def test_an_error_in_the_stream_is_one(error: object):
    with pytest.raises(ErrorObject):
        ReplyDecoder().feed(json.dumps({"error": error}).encode())
