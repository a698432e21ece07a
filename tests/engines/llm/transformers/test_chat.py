from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from myna.core.errors import BadConfig, RequestRefused
from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import LLMMessage
from myna.engines.llm.transformers.chat import TemplateChat, encode_conversation


class TemplateFailed(Exception):
    """What Jinja raises."""


@dataclass
class FakeTokenizer:
    """A tokenizer of characters, and a template that only notes what it is given."""

    chat_template: str | Mapping[str, str] | None = "{% for message in messages %} … {{ tools }}"
    all_special_ids: Sequence[int] = (1, 2, 3)
    eos_token_id: int | None = 2
    added: Mapping[str, int] = field(default_factory=lambda: {"<|im_end|>": 1, "<|endoftext|>": 2, "<|python_tag|>": 3})
    given: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def apply_chat_template(self, conversation: list[dict[str, Any]], **wishes: object) -> str:
        if conversation[0]["role"] == "tool":
            raise TemplateFailed("Conversation roles must alternate user/assistant")
        self.given.append({"conversation": conversation, **wishes})
        return "".join(each["content"] for each in conversation)

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return list(map(ord, text))

    def decode(self, token_ids: list[int], **wishes: object) -> str:
        return "".join(map(chr, token_ids))

    def get_added_vocab(self) -> Mapping[str, int]:
        return self.added


def chat(tokenizer: FakeTokenizer, ends: Sequence[int] = (9,)) -> TemplateChat:
    return TemplateChat(tokenizer, ends, (TemplateFailed,), "Qwen")


def test_a_prompt_is_what_the_template_makes_of_the_conversation():
    tokenizer = FakeTokenizer()
    assert chat(tokenizer).tokens([LLMMessage("user", "Hi")]) == [72, 105]
    (given,) = tokenizer.given
    assert given == {
        "conversation": [{"role": "user", "content": "Hi"}],
        "tools": None,
        "add_generation_prompt": True,
        "tokenize": False,
    }


def test_tools_and_the_wish_for_no_thinking_are_handed_on():
    tokenizer = FakeTokenizer()
    tool = ToolSpec("weather", "Tells it.", {"type": "object", "properties": {}})
    chat(tokenizer).tokens([LLMMessage("user", "Hi")], [tool], thinking=False)
    assert tokenizer.given[0]["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells it.",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]
    assert tokenizer.given[0]["enable_thinking"] is False


def test_calls_and_their_results_are_told_with_arguments_as_objects():
    called = LLMMessage("assistant", "", (ToolCall("1", "weather", '{"city": "Paris"}'), ToolCall("2", "time", "{")))
    result = LLMMessage("tool", "rain", tool_call_id="1")
    assert encode_conversation([called, result]) == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Paris"}}},
                {"id": "2", "type": "function", "function": {"name": "time", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "rain", "tool_call_id": "1", "name": "weather"},
    ]


def test_a_template_that_fails_refuses_the_request():
    with pytest.raises(RequestRefused, match="template of Qwen does not take this conversation: Conversation roles"):
        chat(FakeTokenizer()).tokens([LLMMessage("tool", "rain")])


@pytest.mark.parametrize("template", [None, ""])
def test_a_model_without_a_template_is_none_for_conversations(template: str | None):
    with pytest.raises(BadConfig, match="Qwen has no chat template"):
        chat(FakeTokenizer(chat_template=template))


def test_an_answer_ends_at_the_end_of_a_turn_too():
    assert chat(FakeTokenizer()).ends == {9, 2, 1}
    assert chat(FakeTokenizer(eos_token_id=None, added={}), []).ends == frozenset()


def test_special_tokens_are_no_text_but_for_the_markup_of_calls():
    assert chat(FakeTokenizer()).silent == {1, 2}


@pytest.mark.parametrize(
    ("template", "takes"), [("{{ messages }}", False), ("{% if tools %}", True), ({"tool_use": "{{ tools }}"}, True)]
)
def test_whether_it_takes_tools_stands_in_the_template(template: str | Mapping[str, str], takes: bool):
    assert chat(FakeTokenizer(chat_template=template)).takes_tools is takes
