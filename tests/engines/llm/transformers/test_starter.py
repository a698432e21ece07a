"""The engine with the starter LLM, whose GGUF file transformers reads, on the CPU: `make test-transformers`."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import LLM, LLMMessage, LLMRequest, Sampling, TextDelta, ToolCallDelta
from myna.engines.llm.tool_calling import tool_calling
from myna.engines.llm.transformers.chat import TemplateChat
from myna.engines.llm.transformers.detokenizer import Detokenizer
from myna.engines.llm.transformers.engine import DEVICE, TransformersLLM
from myna.engines.llm.transformers.model import Loaded
from myna.engines.llm.transformers.options import TransformersOptions
from myna.engines.llm.transformers.plugin import plugin
from myna.engines.llm.transformers.torch_loading import load_model
from myna.engines.scheduler import open_scheduler
from myna.testing.conformance.llm import LLMConformance
from myna.weights.locate import Weights

pytestmark = [pytest.mark.transformers, pytest.mark.anyio]

MODEL = "qwen2.5-coder-0.5b-instruct"
OPTIONS = TransformersOptions(model=MODEL, fallback_model=None, context_tokens=2048)
WEATHER = ToolSpec(
    "get_weather",
    "Tells the weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


@pytest.fixture(scope="module")
def loaded(weights: Weights) -> Loaded:
    pytest.importorskip("torch", reason="`make test-transformers` has it")
    return load_model(OPTIONS, weights, "cpu")


class TestTransformersLLM(LLMConformance):
    @pytest.fixture(scope="class")
    async def llm(self, anyio_backend: str, loaded: Loaded) -> AsyncGenerator[LLM]:
        async with open_scheduler({DEVICE: 1}) as scheduler:
            yield TransformersLLM(loaded, scheduler, slots=2)


def test_a_gguf_file_tells_all_that_is_needed(loaded: Loaded):
    assert loaded.name == MODEL
    assert loaded.context_tokens == 2048
    assert loaded.parameters == pytest.approx(0.63e9, rel=0.01), "its file has a matrix of its own for the output"
    assert loaded.chat.takes_tools
    assert {loaded.chat.text([token]) for token in loaded.chat.ends} >= {"<|im_end|>", "<|endoftext|>"}
    assert plugin.weights(OPTIONS) == (MODEL,)


@pytest.mark.parametrize("text", ["龘靐齉爩𠮷，饕餮。", "👩‍🚀🇨🇳 e\u0301", " two  spaces\n\nand lines"])
def test_characters_that_are_spread_over_tokens_come_whole(loaded: Loaded, text: str):
    assert isinstance(loaded.chat, TemplateChat)
    tokens = loaded.chat.tokenizer.encode(text, add_special_tokens=False)
    detokenizer = Detokenizer(loaded.chat.text)
    pieces = [*(detokenizer.feed(token) for token in tokens), detokenizer.finish()]
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_the_template_has_the_tools_and_what_they_gave(loaded: Loaded):
    messages = (
        LLMMessage("user", "Weather in Paris?"),
        LLMMessage("assistant", "", (ToolCall("1", "get_weather", '{"city": "Paris"}'),)),
        LLMMessage("tool", "rain", tool_call_id="1"),
    )
    prompt = loaded.chat.text(loaded.chat.tokens(messages, (WEATHER,)))
    assert '"name": "get_weather"' in prompt
    assert '{"name": "get_weather", "arguments": {"city": "Paris"}}' in prompt
    assert "<tool_response>\nrain" in prompt
    assert prompt.endswith("<|im_start|>assistant\n")


async def test_a_call_that_the_model_writes_comes_as_a_call(loaded: Loaded):
    request = LLMRequest(
        (LLMMessage("user", "What is the weather in Paris? Call get_weather."),),
        Sampling(temperature=0, max_tokens=60),
        tools=(WEATHER,),
    )
    calls = list[ToolCallDelta]()
    text = ""
    async with open_scheduler({DEVICE: 1}) as scheduler:
        llm = tool_calling(TransformersLLM(loaded, scheduler, slots=1))
        async with aclosing(llm.generate(request)) as deltas:
            async for delta in deltas:
                match delta:
                    case ToolCallDelta():
                        calls.append(delta)
                    case TextDelta(piece):
                        text += piece
                    case _:
                        pass
    assert [(call.name, "Paris" in call.arguments) for call in calls] == [("get_weather", True)]
    assert "get_weather" not in text
