import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.engines.base import Finished, LLMDelta, LLMMessage, LLMRequest, Sampling, TextDelta, Usage
from myna.engines.llm.chat_completions import ErrorObject
from myna.engines.llm.chat_template import Prompt
from myna.engines.llm.completion import CompletionDecoder, encode_completion
from myna.engines.llm.sse import EventDecoder, NotAnAnswer

PROMPT = Prompt("<user>hi<end><assistant>", ("<end>", "</s>"), in_thinking=False)
HI = (LLMMessage("user", "hi"),)


def fed(*events: object, in_thinking: bool = False) -> tuple[list[LLMDelta], CompletionDecoder]:
    decoder = CompletionDecoder(in_thinking=in_thinking)
    return [delta for event in events for delta in decoder.feed(json.dumps(event).encode())], decoder


def test_a_request_has_the_names_of_this_route():
    sampling = Sampling(0.5, 0.9, 40, 10, ("\n", "<end>"), 7, 0.1, 0.2, (("yes", 3.0),))
    schema = {"type": "object"}
    assert encode_completion(LLMRequest(HI, sampling, output_schema=schema), PROMPT, model="m") == {
        "prompt": "<user>hi<end><assistant>",
        "stream": True,
        "cache_prompt": False,
        "return_progress": True,
        "model": "m",
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "n_predict": 10,
        "stop": ["\n", "<end>", "</s>"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logit_bias": [["yes", 3.0]],
        "json_schema": schema,
        "repeat_penalty": 1.0,
    }


def test_what_a_request_leaves_open_is_left_to_the_server_but_for_the_cache_that_old_ones_do_not_use():
    body = encode_completion(LLMRequest(HI), Prompt("hi", (), in_thinking=False), model=None)
    assert body == {"prompt": "hi", "stream": True, "cache_prompt": True, "return_progress": True}


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ({"stopped_eos": True, "stopped_limit": False, "stopped_word": False}, "stop"),
        ({"stopped_eos": False, "stopped_limit": True}, "length"),
        ({"stop_type": "eos"}, "stop"),
        ({"stop_type": "word", "stopping_word": "<end>"}, "stop"),
        ({"stop_type": "limit"}, "length"),
    ],
)
def test_events_of_old_and_new_servers_are_understood(last: dict[str, object], reason: str):
    counts = {"tokens_evaluated": 9, "tokens_predicted": 2, "timings": {"prompt_n": 4, "predicted_n": 2}}
    progress = {"content": "", "stop": False, "prompt_progress": {"total": 9, "processed": 9}}
    pieces = [{"content": "你", "stop": False}, {"content": "好", "stop": False}]
    deltas, decoder = fed(progress, *pieces, {"content": "", "stop": True, **last, **counts})
    assert deltas == [TextDelta("你"), TextDelta("好")]
    assert decoder.whole
    assert decoder.finished() == Finished(reason, Usage(9, 2, 5))  # pyright: ignore[reportArgumentType]


def test_an_answer_in_one_piece_is_understood():
    deltas, decoder = fed({"content": "hello", "stop": True, "stop_type": "limit"})
    assert deltas == [TextDelta("hello")]
    assert decoder.finished() == Finished("length", None)


def test_an_answer_without_its_end_is_not_whole():
    assert not fed({"content": "hel", "stop": False})[1].whole


def test_thinking_that_the_prompt_has_opened_is_opened_in_the_answer_too():
    deltas, _ = fed({"content": "hm", "stop": False}, {"content": "</think>yes", "stop": False}, in_thinking=True)
    assert deltas == [TextDelta("<think>\nhm"), TextDelta("</think>yes")]


def test_an_error_as_llama_cpp_once_wrote_it_is_one():
    (event,) = EventDecoder().feed(b'error: {"code": 500, "message": "it broke", "type": "server_error"}\n\n')
    with pytest.raises(ErrorObject) as raised:
        CompletionDecoder().feed(event)
    assert raised.value.error == {"code": 500, "message": "it broke", "type": "server_error"}


some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["content", "stop", "timings", "error"]), inner),
)


@given(some_json)
def test_any_json_is_understood_or_refused(data: object):
    with suppress(NotAnAnswer, ErrorObject):
        assert all(delta != TextDelta("") for delta in CompletionDecoder().feed(json.dumps(data).encode()))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"<html>", b'{"content": 1}', b'{"choices": []}'])
def test_json_that_is_no_event_is_refused(data: bytes):
    with pytest.raises(NotAnAnswer):
        CompletionDecoder().feed(data)
