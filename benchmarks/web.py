"""The web app in Chromium: how soon it is seen, its longest tasks, and how mouth and silence follow the sound.

``python -m benchmarks.web [--runs N] [--json] [--picture FILE]``

A parrot answers, so that no model computes beside the page, and what is said is known. Everything of sound is counted
in samples, by the clock of what is played. What the main thread does is read from Chromium's trace: how long each task
took, and how long of that its thread really ran, which is what nobody else on the machine can change.
"""

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Report, Table, Target, medians, run
from tests import debian
from tests.end_to_end.browser import CHROMIUM, PACKAGES, Tab, open_browser
from tests.end_to_end.long_conversation import MESSAGES, going_on, keep, stream
from tests.end_to_end.main_thread import traced
from tests.end_to_end.parrot import SYLLABLES, serving_parrot
from tests.end_to_end.processes import Server
from tests.end_to_end.sink import HELD_BACK_MS, TAPPED, mouth_lag_ms, silent_after_ms, sounded
from tests.end_to_end.test_web_app import answered, choose, replies, state, write
from tests.end_to_end.utterance import babble

LONG = f"{MESSAGES:,} messages"


def seen(browse: Callable[..., Tab], server: Server) -> dict[str, float]:
    """A first load, with nothing in the browser's cache."""
    tab = browse(server.url)
    tab.wait(lambda: tab.page.locator("nav a").count() > 0)
    painted = tab.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    tab.page.context.close()
    return {"first paint, ms": painted}


def streamed(browse: Callable[..., Tab], server: Server, messages: int) -> dict[str, float]:
    """The longest task while a spoken reply streams into a conversation."""
    tab = browse(server.url, prepare=going_on(keep(server, messages)))
    tab.wait(lambda: tab.page.get_by_text(f"Answer {messages // 2 - 1}").count() == 1)
    trace = traced(tab, lambda: stream(tab))
    tab.page.context.close()
    return {"longest task, ms": trace.longest_ms, "longest task, ms of CPU": trace.longest_cpu_ms}


def sounds(browse: Callable[..., Tab], server: Server) -> dict[str, float]:
    """A reply to its end, one that is stopped, and one that somebody speaks into."""
    tab = browse(server.url, **TAPPED)
    choose(tab, "孙悟空")
    answered(tab, 1)
    tab.page.evaluate("watchMouth()")
    write(tab, 6 * SYLLABLES)
    answered(tab, 2)
    heard_ms = HELD_BACK_MS + 1000 * tab.page.evaluate("sink.context.outputLatency")
    behind_ms, _ = mouth_lag_ms(sounded(tab.page))
    write(tab, 20 * SYLLABLES)
    tab.wait(lambda: replies(tab).count() == 3 and state(tab) == "speaking")
    tab.page.wait_for_timeout(500)
    tab.page.get_by_role("button", name="Stop").click()
    tab.wait(lambda: state(tab) == "idle")
    tab.page.wait_for_timeout(500)
    stopped_ms = silent_after_ms(sounded(tab.page), "flush")
    write(tab, 40 * SYLLABLES)
    tab.wait(lambda: replies(tab).count() == 4 and state(tab) == "speaking")
    tab.speak(babble(3.0))
    tab.wait(lambda: tab.page.locator("[data-state=interrupted]").count() == 1)
    paused_ms = silent_after_ms(sounded(tab.page), "pause")
    tab.page.context.close()
    return {"mouth behind what is heard, ms": behind_ms - heard_ms, "stop, ms": stopped_ms, "pause, ms": paused_ms}


def once(browse: Callable[..., Tab], server: Server) -> Table:
    return {
        "the page": seen(browse, server),
        "a reply into 10 messages": streamed(browse, server, 10),
        f"a reply into {LONG}": streamed(browse, server, MESSAGES),
        "sound": sounds(browse, server),
    }


def measure(wanted: Namespace) -> Report:
    try:
        debian.ensure(*PACKAGES)
    except debian.CannotInstall as missing:
        sys.exit(str(missing))
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        with serving_parrot(home) as server, open_browser(Path(folder)) as browse:
            tables = [once(browse, server) for _ in range(wanted.runs)]
    table = medians(tables)
    sound = table["sound"]
    return Report(
        "The web app",
        table,
        packages=("playwright",),
        targets=(
            Target(
                f"longest task, ms of CPU, {LONG}",
                table[f"a reply into {LONG}"]["longest task, ms of CPU"],
                "at most",
                50,
            ),
            Target("mouth behind what is heard, ms", abs(sound["mouth behind what is heard, ms"]), "at most", 80),
            Target("stop, ms", sound["stop, ms"], "at most", 50),
            Target("pause, ms", sound["pause, ms"], "at most", 50),
        ),
        notes=(
            subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True).stdout.strip(),
            f"behind where sound is counted a media element holds back {HELD_BACK_MS} ms; stop and pause mute it",
        ),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run("web", measure, arguments, runs=3)


if __name__ == "__main__":
    main()
