"""Tools of a file beside the settings, through the official SDK, with the real LLM and with a scripted one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from tests.end_to_end.processes import Server
from tests.server.serving import choice, serving_engines

from myna.config.settings import Settings, ToolsSettings
from myna.engines.base import ToolCallDelta
from myna.engines.opening import Choice
from myna.engines.plugins import Kind
from myna.testing.llm import ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.testing.tts import ScriptedTTS
from myna.tools.toolbox import Tools
from myna.weights.locate import Weights

WEATHER = '''
from myna.tools.tool import tool


@tool
def get_weather(city: str) -> str:
    """Get the current weather in a city.

    Args:
        city: The city.
    """
    return f"22 degrees and sunny in {city}"
'''

STOCK: Any = {
    "type": "function",
    "function": {
        "name": "get_stock_price",
        "description": "Get the current price of a stock.",
        "parameters": {"type": "object", "properties": {"symbol": {"type": "string"}}, "required": ["symbol"]},
    },
}


@pytest.fixture(scope="module")
def client(start: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    folder: Path = tmp_path_factory.mktemp("tools")
    (folder / "weather.py").write_text(WEATHER, encoding="utf-8")
    server = start("--set", f"tools.folder={folder}", "--set", 'tools.for_all=["get_*"]', "--set", "llm.temperature=0")
    server.wait_ready()
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


@pytest.mark.models
@pytest.mark.parametrize("stream", [True, False])
def test_a_persona_answers_with_what_the_tool_gave(client: openai.OpenAI, stream: bool) -> None:
    messages: Any = [{"role": "user", "content": "What is the weather in Tokyo right now?"}]
    if stream:
        chunks: Any = list(client.chat.completions.create(model="myna/assistant", messages=messages, stream=True))
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        own = [chunk.choices[0].delta.to_dict().get("myna", {}) for chunk in chunks]
        run = [each["tool"] for each in own if "tool" in each][-1]
    else:
        message: Any = client.chat.completions.create(model="myna/assistant", messages=messages).choices[0].message
        said, run = message.content, message.myna["tools"][-1]
    assert (run["name"], run["status"]) == ("get_weather", "ok")
    assert "22" in said
    assert "get_weather" not in said


@pytest.mark.models
def test_the_llm_as_it_is_calls_the_client_s_tool_by_name(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "How is the stock of Apple (AAPL) doing?"}]
    named: Any = {"type": "function", "function": {"name": "get_stock_price"}}
    for asked in (named, "required"):
        answer: Any = client.chat.completions.create(model="myna", messages=messages, tools=[STOCK], tool_choice=asked)
        (call,) = answer.choices[0].message.tool_calls
        assert (call.function.name, answer.choices[0].finish_reason) == ("get_stock_price", "tool_calls")
        assert "AAPL" in call.function.arguments


@pytest.mark.anyio
async def test_the_realtime_sdk_is_told_of_tools_and_allows_them(weights: Weights) -> None:
    bell = ScriptedTool("bell", "Rung.", confirm=True)
    llm = ScriptedLLM([ToolCallDelta(0, "call_1", "bell", "{}")], "[开心] 敲了。")
    engines: dict[Kind, Choice] = {"llm": choice(llm), "tts": choice(ScriptedTTS())}
    settings = Settings(tools=ToolsSettings(for_all=("*",)))
    told: list[Any] = []
    async with (
        serving_engines(weights, engines, settings, tools=[Tools([bell])]) as clients,
        openai.AsyncOpenAI(base_url=str(clients.http.base_url.join("v1")), api_key="none") as client,
        client.realtime.connect(model="myna/wukong") as live,
    ):
        watch: Any = {
            "type": "realtime",
            "output_modalities": ["text"],
            "myna": {"events": ["tools"], "allows_tools": True},
        }
        await live.session.update(session=watch)
        await live.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "敲钟"}]}
        )
        await live.response.create()
        with anyio.fail_after(60):
            async for event in live:
                told.append(event)
                if event.type == "response.done":
                    break
                if told[-1].type == "myna.tool.started":
                    answer: Any = {"type": "myna.tool.allow", "call_id": told[-1].call_id, "allowed": True}
                    await live.send(answer)
    own = [event for event in told if event.type.startswith("myna.tool.")]
    assert [(event.type, event.name) for event in own] == [("myna.tool.started", "bell"), ("myna.tool.ended", "bell")]
    assert (own[1].status, own[1].output) == ("ok", "Rung.")
    assert "".join(event.delta for event in told if event.type == "response.output_text.delta") == "敲了。"
