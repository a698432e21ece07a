"""A strategy at work with a scripted LLM and scripted tools, and what it told."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from myna.core.tools import JSON, ToolResult, ToolSpec
from myna.engines.base import LLMMessage, LLMRequest, ReasoningDelta, TextDelta
from myna.testing.llm import ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.base import CallEnded, CallStarted, Step, Tool, Work
from myna.tools.toolbox import Tools, open_toolbox

PARAMETERS: JSON = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
LOOK = ToolSpec("get_weather", "Get the weather.", PARAMETERS)
TIMER = ToolSpec("set_timer", "Set a timer.", {"type": "object", "properties": {"minutes": {"type": "integer"}}})


def weather(*results: object) -> ScriptedTool:
    return ScriptedTool(LOOK, *(results or ("22 °C",)))


@dataclass
class Told:
    steps: list[Step] = field(default_factory=list[Step])

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.steps if isinstance(step, TextDelta))

    @property
    def thoughts(self) -> list[str]:
        return [step.text.strip() for step in self.steps if isinstance(step, ReasoningDelta)]

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(step.call.name, step.call.arguments) for step in self.steps if isinstance(step, CallStarted)]

    @property
    def results(self) -> list[ToolResult]:
        return [step.result for step in self.steps if isinstance(step, CallEnded)]


@asynccontextmanager
async def working(llm: ScriptedLLM, *tools: Tool, constrains: bool) -> AsyncGenerator[tuple[Work, Told]]:
    told = Told()

    async def tell(step: Step) -> None:
        told.steps.append(step)

    async with open_toolbox([Tools(tools)]) as box:
        yield Work(llm.generate, box.select(["*"]), tell, constrains=constrains, most_rounds=4), told


def asking(*tools: ToolSpec, text: str = "How is it in Oslo?") -> LLMRequest:
    return LLMRequest((LLMMessage("system", "You are a bird."), LLMMessage("user", text)), tools=tools)
