"""All benchmarks, one after another: ``python -m benchmarks [--runs N] [--json]``; ``--runs 1`` is a quick look."""

import sys
from argparse import ArgumentParser
from importlib import import_module

from benchmarks.report import positive

BENCHMARKS = (
    "startup",
    "footprint",
    "asr",
    "tts",
    "llm",
    "engines",
    "history",
    "turn",
    "round_trip",
    "overhead",
    "voice",
    "barge_in",
    "endpoint",
    "sessions",
    "tool_filter",
    "tools",
    "memory",
    "memory_turns",
    "extraction",
    "summary",
    "web",
)


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=positive, help="of each benchmark, instead of its own number")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each")
    wanted = parser.parse_args()
    failed: list[str] = []
    for name in BENCHMARKS:
        if not wanted.json:
            print(f"\n== {name}", flush=True)
        try:
            import_module(f"benchmarks.{name}").main(sys.argv[1:])
        except SystemExit as problem:  # something that it needs is not here; the others go on
            print(problem, file=sys.stderr)
            failed.append(name)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
