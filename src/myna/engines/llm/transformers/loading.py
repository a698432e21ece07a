"""Loads the model, and the smaller one where it does not fit."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from myna.core.errors import EngineUnavailable, UnknownName, WeightsMissing
from myna.engines.llm.transformers.model import Loaded, OutOfMemory
from myna.weights.catalog import load_catalog
from myna.weights.locate import Weights

log = logging.getLogger(__name__)

LIBRARIES = ("torch", "transformers")
"""What the engine cannot do without, as Python imports it."""

INSTALL = "pip install 'myna[gpu]'"


def catalog_name(model: str) -> str | None:
    """What the catalog calls a model that is named as there or as on the hub; None if it is not in the catalog."""
    for known in load_catalog().models:
        if model.lower() in {known.name, *(repo.repo.lower() for repo in known.repos)}:
            return known.name
    return None


def needed_weights(model: str) -> tuple[str, ...]:
    """What the weights of a model are looked up by; nothing for one that may be in the cache of Hugging Face's own."""
    if known := catalog_name(model):
        return (known,)
    return () if _is_on_hub(model) else (model,)


def locate(model: str, weights: Weights, in_hub_cache: Callable[[str], Path | None]) -> Path:
    """The folder or the file of a model on this machine. Nothing is fetched.

    Args:
        model: As in the options.
        weights: Those of Myna.
        in_hub_cache: Looks where Hugging Face's own programs put what they fetch.

    Raises:
        WeightsMissing: It is not here; the hint tells how to fetch it.
        UnknownName: There is no such model.
    """
    known = catalog_name(model)
    try:
        return weights.locate(known or model)
    except (WeightsMissing, UnknownName):
        if _is_on_hub(model) and (path := in_hub_cache(model)):
            return path
        if known is not None or not _is_on_hub(model):
            raise
        raise WeightsMissing(
            f"The model {model} is not on this machine.", hint=f"Run: hf download {model}. Or name a folder with it."
        ) from None


def _is_on_hub(model: str) -> bool:
    """Whether it is named as on the hub, ``Qwen/Qwen3-8B``, and is no path that exists."""
    organisation, slash, name = model.partition("/")
    named = bool(organisation and slash and name) and "/" not in name and organisation not in {".", "..", "~"}
    return named and not name.endswith(".gguf") and not Path(model).expanduser().exists()


def load_first(models: Sequence[str], load: Callable[[str], Loaded], free: Callable[[], None]) -> Loaded:
    """The first of these models that fits into memory. Blocks.

    Args:
        models: The wanted one, and those to fall back to.
        load: Loads one, or raises `OutOfMemory`.
        free: Gives back what a failed loading took.

    Raises:
        EngineUnavailable: None fits.
    """
    problems: list[str] = []
    for place, model in enumerate(models):
        try:
            loaded = load(model)
        except OutOfMemory as error:
            problem = f"{model} does not fit into memory: {error}"
        except WeightsMissing as error:
            if not problems:
                raise
            problem = f"the fallback {model} is not on this machine ({error.hint})"
        else:
            if place:
                log.warning("%s is loaded instead of %s.", model, models[0])
            return loaded
        problems.append(problem.rstrip("."))
        log.warning("%s.", problems[-1])
        free()
    raise EngineUnavailable(
        f"No model could be loaded: {'; '.join(problems)}.",
        hint="Set a smaller model, fewer context_tokens or less reserve_gib in [transformers], or free the GPU.",
    )
