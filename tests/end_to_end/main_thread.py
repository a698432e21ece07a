"""What the main thread of a page did, task by task, as Chromium's own trace has it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.end_to_end.browser import Tab

CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing", "loading"]
_MARK = "myna-here"


@dataclass(frozen=True)
class Task:
    """One task of the main thread, which did nothing else from its begin to its end.

    Attributes:
        began_us: When, on the trace's clock.
        took_ms: From its begin to its end.
        cpu_ms: How long of that the thread really ran. It did not while other processes had its core: what a busy
            machine takes from it is not in here.
    """

    began_us: int
    took_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Trace:
    """What it did for a while.

    Attributes:
        tasks: All of them.
        painted_us: When something was first seen of a page that was loaded meanwhile.
    """

    tasks: list[Task]
    painted_us: int | None

    @property
    def longest_ms(self) -> float:
        return max(task.took_ms for task in self.tasks)

    @property
    def longest_cpu_ms(self) -> float:
        return max(task.cpu_ms for task in self.tasks)


def traced(tab: Tab, act: Callable[[], object]) -> Trace:
    """What the page's main thread did while ``act`` ran."""
    browser = tab.page.context.browser
    assert browser
    browser.start_tracing(page=tab.page, categories=CATEGORIES)
    try:
        tab.page.evaluate("(mark) => performance.mark(mark)", _MARK)
        act()
        tab.page.evaluate("(mark) => performance.mark(mark)", _MARK)
    finally:
        recorded = browser.stop_tracing()
    events: list[dict[str, Any]] = json.loads(recorded)["traceEvents"]
    thread = next((event["pid"], event["tid"]) for event in reversed(events) if event["name"] == _MARK)
    own = [event for event in events if (event["pid"], event["tid"]) == thread]
    tasks = [
        Task(event["ts"], event["dur"] / 1000, event["tdur"] / 1000)
        for event in own
        if event["name"].endswith("RunTask") and event["ph"] == "X" and "tdur" in event
    ]
    painted = [event["ts"] for event in events if event["pid"] == thread[0] and event["name"] == "firstContentfulPaint"]
    return Trace(tasks, painted[0] if painted else None)
