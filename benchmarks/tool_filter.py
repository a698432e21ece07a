"""What the tool-call filter costs a reply that streams.

``python -m benchmarks.tool_filter [--runs N] [--json] [--picture FILE]``

Replies go through the filter token by token, as fast as it takes them: ordinary text, text full of brackets, code and
JSON that are no calls, and calls. A *piece* is a token; its time is what the visible text in it waits for the filter.
The share is a core's computing time, of the time that a model takes for a token. *Held* is how many tokens later than
it came a visible character is shown, where no call was.
"""

import re
import time
from argparse import Namespace
from collections.abc import Sequence

from benchmarks.report import Report, Table, Target, medians, percentile, run

from myna.text.tool_calls import ToolCallFilter

TOOLS = [f"tool_{number}" for number in range(30)] + ["get_weather", "get_forecast", "set_timer", "play_music"]
TIMES = 200
RATES = (35, 1000)  # tokens a second: the starter model on two cores, a big server
MOST_MS = 1.0
MOST_SHARE = 2.0

_TOKENS = re.compile(r"\s?[A-Za-z]{1,6}|\s?\d{1,3}|[\u4e00-\u9fff]{1,2}|\n+|\s?[^\w\s]{1,3}|.", re.DOTALL)

CALL = '{"name": "get_weather", "arguments": {"city": "北京", "days": 3, "why": "The user asked for it."}}'
REPLIES = {
    "ordinary text": (
        "[开心] 今天北京天气不错，最高气温 22 度，适合出去走走。 Tomorrow will be a bit colder, about 15 degrees, "
        "with rain in the evening; take an umbrella if you go out after six.\n\n"
    ),
    "code, brackets, JSON": (
        "Use `a[i] < b[j]` and {x}: [1](http://example.com/a?b=c).\n"
        "```python\nfor each in [1, 2]:\n    print({each})\n```\n"
        'So: {"name": "Bob", "tags": ["a", "b"]} <b>bold</b> [x] `{"name": "get_weather"}` 3 < 4 > 2.\n'
    ),
    "a call, bare": f"好的，我来查一下。\n{CALL}\n",
    "a call, fenced": f"Let me look.\n```json\n{CALL}\n```\n",
    "a call, tagged": f"Let me look.\n<tool_call>\n{CALL}\n</tool_call>\n",
    "a call, XML": (
        "<tool_call>\n<function=get_weather>\n<parameter=city>\n北京\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
        "</function>\n</tool_call>\n"
    ),
}
NO_CALLS = ("ordinary text", "code, brackets, JSON")


def one(reply: str) -> dict[str, float]:
    """The figures of one reply, many times over."""
    pieces = _TOKENS.findall(reply * TIMES)
    took_ms: list[float] = []
    calls = ToolCallFilter(TOOLS)
    for piece in pieces:
        began = time.perf_counter_ns()
        calls.feed(piece)
        took_ms.append((time.perf_counter_ns() - began) / 1e6)
    calls = ToolCallFilter(TOOLS)
    began = time.process_time_ns()
    for piece in pieces:
        calls.feed(piece)
    each_ms = (time.process_time_ns() - began) / 1e6 / len(pieces)
    return {
        "a piece, p50, µs": 1000 * percentile(took_ms, 0.5),
        "p99, µs": 1000 * percentile(took_ms, 0.99),
        **{f"of {rate} tokens/s, %": 100 * each_ms * rate / 1000 for rate in RATES},
    }


def most_held(reply: str) -> int:
    """How many tokens a visible character of a reply without calls waits at most."""
    calls = ToolCallFilter(TOOLS)
    shown, came, most = 0, 0, 0
    ends: list[int] = []  # what had come with each token, white space apart
    for piece in _TOKENS.findall(reply):
        came += len("".join(piece.split()))
        ends.append(came)
        shown += sum(len("".join(each.split())) for each in calls.feed(piece) if isinstance(each, str))
        most = max(most, sum(end > shown for end in ends))
    return most


def measure(wanted: Namespace) -> Report:
    tables: list[Table] = [{name: one(reply) for name, reply in REPLIES.items()} for _ in range(wanted.runs)]
    table = medians(tables)
    held = {name: most_held(REPLIES[name]) for name in NO_CALLS}
    worst = max(figures["p99, µs"] for figures in table.values()) / 1000
    shares = {rate: max(figures[f"of {rate} tokens/s, %"] for figures in table.values()) for rate in RATES}
    return Report(
        f"The tool-call filter with {len(TOOLS)} tools and all formats",
        table,
        targets=(
            Target("delay of a piece, p99, ms", worst, "at most", MOST_MS),
            *(Target(f"share of {rate} tokens/s, %", shares[rate], "at most", MOST_SHARE) for rate in RATES),
        ),
        notes=tuple(f"{name}: held for {tokens} tokens at most" for name, tokens in held.items()),
        details={"held": held},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run("tool_filter", measure, arguments, runs=5)


if __name__ == "__main__":
    main()
