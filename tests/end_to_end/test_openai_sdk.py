"""The official SDK with the real LLM."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.end_to_end.processes import Server

pytestmark = pytest.mark.models

SCHEMA: Any = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


def ask(client: openai.OpenAI, text: str, **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    create: Any = client.chat.completions.create  # its overloads do not know fields that are chosen at run time
    return create(**{"model": "myna", "messages": messages, "temperature": 0, **more})


def test_whole_and_streamed_are_the_same_and_count_the_same(client: openai.OpenAI) -> None:
    text = "What is the capital of France?"
    whole = ask(client, text)
    *chunks, last = ask(client, text, stream=True, stream_options={"include_usage": True})
    assert "Paris" in whole.choices[0].message.content
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert len(chunks) > 3
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (
        last.usage.prompt_tokens,
        last.usage.completion_tokens,
    )
    assert whole.usage.prompt_tokens > 10
    assert whole.usage.completion_tokens > 3


def test_stop_and_length_end_the_answer_and_say_so(client: openai.OpenAI) -> None:
    text = "Count from 1 to 9, separated by commas."
    stopped = ask(client, text, stop="5").choices[0]
    assert "4" in stopped.message.content
    assert "5" not in stopped.message.content
    assert stopped.finish_reason == "stop"
    cut = ask(client, text, max_tokens=3)
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 3)


def test_a_seed_gives_the_same_text_again(client: openai.OpenAI) -> None:
    drawn = [
        ask(client, "Tell me a story about a fox.", temperature=0.7, seed=seed, max_tokens=40)
        .choices[0]
        .message.content
        for seed in (42, 42, 43, 42)
    ]
    assert drawn[0] == drawn[1] == drawn[3] != drawn[2]


def test_a_schema_is_obeyed(client: openai.OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    told = json.loads(ask(client, "Tom is seven years old.", response_format=form).choices[0].message.content)
    assert set(told) == {"name", "age"}
    assert isinstance(told["age"], int)


def test_a_schema_that_the_server_does_not_understand_is_the_clients_fault(client: openai.OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": {"type": "nonsense"}}}
    with pytest.raises(openai.BadRequestError, match="nonsense"):
        ask(client, "Tom is seven years old.", response_format=form)


def test_a_message_that_does_not_fit_the_context_is_told(client: openai.OpenAI) -> None:
    for model in ("myna", "myna/wukong"):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, "字" * 100_000, model=model)
        assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


def test_a_persona_answers_as_itself(client: openai.OpenAI) -> None:
    message = ask(client, "你是谁？", model="myna/wukong").choices[0].message
    assert "孙" in message.content
    assert "[" not in message.content
    assert message.myna["emotion"]
