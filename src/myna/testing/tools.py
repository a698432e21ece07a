"""A scripted tool."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import anyio
import anyio.lowlevel

from myna.core.tools import JSON, ToolSpec
from myna.testing.llm import Pause

Step: TypeAlias = object | Pause | BaseException
"""What a call does next: take its time, or end with a result or an error."""


@dataclass(slots=True)
class ScriptedRun:
    """A call that came, and how it ended: None while it runs."""

    arguments: JSON
    ended: Literal["returned", "raised", "cancelled"] | None = None


class ScriptedTool:
    """Does what it was told: each call the next result, and the last one from then on.

    Takes any arguments. Waits by the event loop's clock, so a virtual clock makes that short.

    ::

        weather = ScriptedTool("weather", "22 °C", [Pause(5), "23 °C"], [HANG], ValueError("No such city."))

    Args:
        spec: What the model is told of it, or only its name.
        results: What its calls do, each a step or a list of them.
        timeout_s: See `myna.tools.base.Tool`, for ``confirm`` and ``cancellable`` too.
        secret: The names of arguments that are masked.

    Attributes:
        calls: What was asked, in order.
    """

    def __init__(
        self,
        spec: str | ToolSpec,
        *results: Step | Sequence[Step],
        timeout_s: float = 30.0,
        confirm: bool = False,
        cancellable: bool = True,
        secret: Sequence[str] = (),
    ) -> None:
        anything: JSON = {"type": "object", "properties": {}}
        self.spec = ToolSpec(spec, "Does what it was told.", anything) if isinstance(spec, str) else spec
        self.timeout_s = timeout_s
        self.confirm = confirm
        self.cancellable = cancellable
        self.calls: list[ScriptedRun] = []
        self._secret = frozenset(secret)
        self._results = [list(cast("list[Step]", each)) if isinstance(each, list) else [each] for each in results] or [
            ["Done."]
        ]

    def check(self, arguments: JSON) -> JSON:
        """Any will do."""
        return arguments

    def mask(self, arguments: JSON) -> JSON:
        """The secret ones masked."""
        return {name: "***" if name in self._secret else value for name, value in arguments.items()}

    async def call(self, arguments: JSON) -> object:
        """Play the next result."""
        script = self._results[min(len(self.calls), len(self._results) - 1)]
        run = ScriptedRun(arguments)
        self.calls.append(run)
        try:
            result = await _play(script)
        except anyio.get_cancelled_exc_class():
            run.ended = "cancelled"
            raise
        except BaseException:
            run.ended = "raised"
            raise
        run.ended = "returned"
        return result


async def _play(script: Sequence[Step]) -> object:
    await anyio.lowlevel.checkpoint()
    for step in script:
        match step:
            case Pause():
                await step.wait()
            case BaseException():
                raise step
            case _:
                return step
    return None
