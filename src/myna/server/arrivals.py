"""The weights that come while a server runs already, for the engines that wait for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio

from myna.core.errors import MynaError, WeightsMissing
from myna.engines.held import Choice
from myna.engines.plugins import Kind
from myna.server.pulling import Pulls
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore

ORDER: tuple[Kind, ...] = ("llm", "embed", "vad", "turn", "asr", "tts")
"""First who types is answered; then Myna hears, for which the ASR is the last to come; then it speaks."""

LOOK_S = 5.0
"""How often is looked whether weights have come from elsewhere: from `myna models pull`, or copied."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Implements `myna.engines.opening.Supply`: the weights in a store, and what pulls more of them."""

    store: WeightsStore
    pulls: Pulls

    def missing(self, names: Sequence[str]) -> Sequence[str]:
        """Those of these weights that are not here. Reads sizes only."""
        return self.store.missing(names)

    def problem(self, names: Sequence[str]) -> MynaError | None:
        """Why these do not come; None: they are on their way."""
        for name in names:
            if not self.pulls.brings(name):
                hint = f"Run: myna models pull {name}"
                return self.pulls.problems.setdefault(
                    name, WeightsMissing(f"The weights {name} are not on this machine.", hint=hint)
                )
        return None

    def landed(self, names: Sequence[str]) -> int:
        """How often any of these has been brought, or found to be whole."""
        return sum(self.pulls.landed[name] for name in names)

    async def news(self) -> None:
        """Wait until any of this may have changed."""
        with anyio.move_on_after(LOOK_S):
            await self.pulls.news()


def fetch_missing(choices: Mapping[Kind, Choice], arrivals: Arrivals, options: WeightsOptions) -> None:
    """Begin to pull what these engines lack: an engine's weights after the other's, the most wanted first.

    Fallbacks come last. What cannot be had for one of them leaves the others alone.
    """
    chosen = [choices[kind] for kind in ORDER if kind in choices]
    fallbacks = [fallback for choice in chosen for fallback in choice.fallbacks]
    for choice in (*chosen, *fallbacks):
        try:
            missing = arrivals.missing(choice.weights)
        except MynaError:
            continue  # the engine tells it
        if missing:
            arrivals.pulls.begin(arrivals.store, missing, options)
