"""Who answers, on the terminal: that a model is loaded first, or that another engine answers."""

from rich.text import Text

from myna.cli.terminal import notes
from myna.cli.tool_lines import in_a_line
from myna.core.events import EngineFailedOver, ModelLoads


def show_engine(event: ModelLoads | EngineFailedOver) -> None:
    """Write a line; the last one has ended."""
    match event:
        case ModelLoads(what=what):
            notes.print(Text(f"… loading {in_a_line(what)}", style="dim"))
        case EngineFailedOver(engine=engine, message=message, answers=answers):
            notes.print(Text(f"! {engine} does not answer: {in_a_line(message)} {answers} is asked.", style="yellow"))
