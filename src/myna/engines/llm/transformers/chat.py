"""The tokenizer of a Hugging Face model, and its template for conversations."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from myna.core.errors import BadConfig, RequestRefused
from myna.core.tools import ToolSpec, json_object
from myna.engines.base import LLMMessage

TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "</s>")
"""Tokens that end a turn, where a model has them: some models name only the end of all text."""

MARKUP = frozenset({"<|python_tag|>", "[TOOL_CALLS]", "<tool_call>", "</tool_call>", "<think>", "</think>"})
"""Special tokens in some models, and yet text: `myna.text` knows them as beginnings of calls and of thinking."""


class HFTokenizer(Protocol):
    """The part of ``transformers.PreTrainedTokenizerBase`` that is used."""

    chat_template: str | Mapping[str, str] | None
    all_special_ids: Sequence[int]
    eos_token_id: int | None

    def apply_chat_template(self, conversation: list[dict[str, Any]], **wishes: object) -> str:
        """The prompt as text."""
        ...

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Text to tokens."""
        ...

    def decode(self, token_ids: list[int], **wishes: object) -> str:
        """Tokens to text."""
        ...

    def get_added_vocab(self) -> Mapping[str, int]:
        """The tokens that were added to the vocabulary."""
        ...


class TemplateChat:
    """A `myna.engines.llm.transformers.model.Chat`.

    Attributes:
        tokenizer: Of the model.
        ends: The tokens that end an answer: those of the model's own configuration, and others that it has.
        template_errors: What the template may raise.
    """

    def __init__(
        self, tokenizer: HFTokenizer, ends: Iterable[int], template_errors: tuple[type[Exception], ...], name: str
    ) -> None:
        if not tokenizer.chat_template:
            raise BadConfig(
                f"{name} has no chat template.",
                hint="Take a model that was made for conversations; their names often end in Instruct or Chat.",
            )
        self.tokenizer = tokenizer
        self.template_errors = template_errors
        self._name = name
        self._one_at_a_time = threading.Lock()  # the fast tokenizers cannot be borrowed twice
        added = tokenizer.get_added_vocab()
        own = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        self.ends = frozenset((*ends, *own, *(added[name] for name in TURN_ENDS if name in added)))
        texts = {added[name] for name in MARKUP if name in added}
        self.silent = frozenset(tokenizer.all_special_ids) - texts
        self.takes_tools = "tools" in str(tokenizer.chat_template)

    def tokens(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = (), *, thinking: bool = True
    ) -> list[int]:
        """The tokens of a prompt.

        Raises:
            RequestRefused: The template does not take such a conversation.
        """
        wishes: dict[str, object] = {} if thinking else {"enable_thinking": False}
        try:
            with self._one_at_a_time:
                prompt = self.tokenizer.apply_chat_template(
                    encode_conversation(messages),
                    tools=[encode_tool(tool) for tool in tools] or None,
                    add_generation_prompt=True,
                    tokenize=False,
                    **wishes,
                )
                return self.tokenizer.encode(prompt, add_special_tokens=False)  # the template has written them
        except self.template_errors as error:
            raise RequestRefused(
                f"The chat template of {self._name} does not take this conversation: {str(error)[:300]}.",
                hint="Some models take no system message or no tools; another model or persona may do.",
            ) from error

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        with self._one_at_a_time:
            return self.tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)


def encode_conversation(messages: Sequence[LLMMessage]) -> list[dict[str, Any]]:
    """Messages as chat templates take them: as OpenAI's, but for arguments, which are objects."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    encoded: list[dict[str, Any]] = []
    for message in messages:
        one: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            one["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": dict(json_object(call.arguments))},
                }
                for call in message.tool_calls
            ]
        if message.tool_call_id is not None:
            one["tool_call_id"] = message.tool_call_id
            one["name"] = names.get(message.tool_call_id, "")
        encoded.append(one)
    return encoded


def encode_tool(tool: ToolSpec) -> dict[str, Any]:
    """A tool as chat templates take it."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
