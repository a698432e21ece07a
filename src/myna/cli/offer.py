"""What the first `myna serve` on a terminal asks: whether to fetch a larger set of models than ``starter``."""

import os
import select
import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from myna.cli.recommend import Outlook, look_around, machine_facts, size, sources, store_of
from myna.cli.terminal import complain, notes
from myna.config.edit import write_text_key
from myna.config.load import Loaded, load_settings
from myna.config.sets import SETTINGS_OF_SET, lacks
from myna.core.errors import BadConfig
from myna.weights.machine import look
from myna.weights.recommend import largest_to_run
from myna.weights.store import WeightsStore

ANSWER_S = 10.0
"""Then it is ``starter``, so that nobody who has gone for coffee comes back to a question."""

SMALLEST = "starter"


def offer_larger_set(flags: Mapping[str, Any]) -> str | None:
    """Ask on the first start, where it makes sense, which set to use; the answer is kept in ``myna.toml``.

    Returns:
        The set to use; None where nothing was asked, and the settings decide.

    Raises:
        BadConfig: The settings are wrong.
    """
    loaded = load_settings(flags)
    store = store_of(loaded)
    if not (_is_first(loaded, store) and _somebody_is_there()):
        return None
    with notes.status("Looking at this machine, to choose the models for it …"):
        machine = look()
        if largest_to_run(store.catalog, machine, lacks()) == SMALLEST:
            return None  # without asking any source
        outlook = look_around(loaded, store, machine)
    larger = outlook.advice.recommended
    if larger == SMALLEST:
        return None
    _describe(outlook, store, larger)
    chosen = larger if _says_yes(f"Fetch {larger}? [y/N]") else SMALLEST
    try:
        write_text_key(loaded.file, "weights", "set", chosen)
    except BadConfig as error:
        complain(error)
    notes.print(f"Using the set {chosen}. To change that: myna models use {larger if chosen == SMALLEST else SMALLEST}")
    return chosen


def _is_first(loaded: Loaded, store: WeightsStore) -> bool:
    """Nothing was fetched yet, and nobody has said anything about models."""
    names = [model.name for model in store.catalog.models]
    of_sets = {key for settings in SETTINGS_OF_SET.values() for key in settings}
    said = any(loaded.is_given(*key) for key in {*of_sets, ("weights", "set"), ("llm", "model"), ("llm", "engine")})
    return not said and store.missing(names) == names


def _somebody_is_there() -> bool:
    """Whether a person can read the question and answer it; on Windows a console cannot be waited for."""
    return os.name == "posix" and sys.stdin.isatty() and sys.stderr.isatty() and _in_foreground()


def _in_foreground() -> bool:
    """Whether reading from the terminal does not stop this process, as it does a job of a shell's background."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # it is not the terminal that this process belongs to, so it stops nobody
        return True


def _describe(outlook: Outlook, store: WeightsStore, larger: str) -> None:
    advice = outlook.advice.of(larger)
    models = ", ".join(model.name for model in store.catalog.expand([larger]))
    notes.print(f"This machine can run larger models than the small ones of the {SMALLEST} set.")
    for line in (
        f"Machine:  {machine_facts(outlook.machine)}",
        f"{larger}: {size(advice)}: {models}",
        *(f"Note: {told}." for told in advice.licenses),
        f"{SMALLEST}: {size(outlook.advice.of(SMALLEST))}",
        f"Sources:  {sources(outlook.reach)}",
    ):
        notes.print(Text(f"  {line}"))


def _says_yes(question: str) -> bool:
    """Ask, and count down; Enter, any other answer and no answer within `ANSWER_S` are no."""
    end = time.monotonic() + ANSWER_S
    while (left := end - time.monotonic()) > 0:
        notes.print(Text(f"\r{question} {SMALLEST} in {left:2.0f} s: "), end="")
        if select.select([sys.stdin], [], [], min(left, 1.0))[0]:
            return sys.stdin.readline().strip().lower() in {"y", "yes", "是", "好"}
    notes.print()
    return False
