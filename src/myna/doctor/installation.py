"""Checks of what is installed and configured: settings, weights, the port, the sources of weights."""

import errno
import ssl
from collections.abc import Sequence

import httpx

from myna.config.load import Loaded
from myna.config.sources import Source
from myna.core.errors import BadConfig, MynaError
from myna.doctor.finding import Finding
from myna.engines.held import Choice
from myna.server.keys import FILE_NAME, Keys
from myna.server.run import bind
from myna.server.tls import tls_of
from myna.weights.catalog import Catalog
from myna.weights.fetch import CALLED
from myna.weights.probe import probe
from myna.weights.recommend import PROGRAM_BYTES, weights_and_cache
from myna.weights.store import WeightsStore

HEALTH_S = 2.0
"""For a server on this machine to say that it is Myna."""


def settings(loaded: Loaded) -> Sequence[Finding]:
    """Where the settings come from."""
    given = [each for each in loaded.provenance() if each.origin.source > Source.DEFAULT]
    told = "all at their defaults"
    if given:
        places = dict.fromkeys(each.origin.place for each in given)
        told = f"{len(given)} changed: {', '.join(places)}"
    figures = {"changed": {each.key: str(each.origin) for each in given}, "file": str(loaded.file)}
    return [Finding("settings", "ok", told, figures=figures)]


def needed_weights(choices: Sequence[Choice]) -> list[str]:
    """The names of the model files that these engines and their fallbacks load."""
    members = [member for choice in choices for member in choice.members]
    return list(dict.fromkeys(name for member in members for name in member.weights))


def weights(store: WeightsStore, needed: Sequence[str], *, deep: bool) -> Sequence[Finding]:
    """Whether the weights are here; with ``deep`` every byte of those in the catalog is read and hashed."""
    known = [name for name in needed if store.catalog.find(name)]
    try:
        missing = store.missing(needed)
    except MynaError as error:
        return [Finding("weights", "problem", error.message, advice=error.hint)]
    models = store.catalog.expand(known)
    megabytes = {model.name: sum(file.size for file in store.files(model)) / 1e6 for model in models}
    figures: dict[str, object] = {"root": str(store.root), "mb": megabytes, "missing": missing}
    if missing:
        size = sum(megabytes[name] for name in missing)
        return [
            Finding(
                "weights",
                "problem",
                f"missing: {', '.join(missing)} ({size:,.0f} MB)",
                "The engines that need them do not start. `myna serve` would fetch them first.",
                f"myna models pull {' '.join(missing)}",
                figures,
            )
        ]
    told = f"all here, {sum(megabytes.values()):,.0f} MB in {store.root}"
    if own := len(needed) - len(known):
        told += f", and {own} of your own"
    if deep and known:
        bad = [file for file in store.verify(known) if file.state != "good"]
        figures["damaged"] = [f"{file.model}/{file.file}" for file in bad]
        if bad:
            named = list(dict.fromkeys(file.model for file in bad))
            advice = f"myna models pull {' '.join(named)}"
            return [Finding("weights", "problem", f"damaged: {', '.join(named)}", advice=advice, figures=figures)]
        told += "; every byte is as the catalog says"
    return [Finding("weights", "ok", told, figures=figures)]


def memory_needed(store: WeightsStore, needed: Sequence[str]) -> int:
    """The memory in bytes that engines with these weights take; the user's own files count with their size."""
    known = [name for name in needed if store.catalog.find(name)]
    own = [store.locate(name) for name in needed if name not in known and name not in store.missing([name])]
    files = [file for path in own for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return PROGRAM_BYTES + weights_and_cache(store.catalog, known) + sum(file.stat().st_size for file in files)


def port(loaded: Loaded) -> Sequence[Finding]:
    """Whether Myna may and can listen where it is told to, or does so already."""
    host, number = loaded.settings.server.host, loaded.settings.server.port
    where = f"{host} port {number}"
    figures: dict[str, object] = {"host": host, "port": number, "myna_is_running": False}
    try:
        if loaded.settings.server.certificate is not None:
            tls_of(loaded.settings.server, loaded.folders.data)
        bind(host, number, guarded=bool(Keys(loaded.folders.data / FILE_NAME).all())).close()
    except BadConfig as error:
        in_use = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        if in_use and _is_myna(host, number, secure=loaded.settings.server.https):
            figures["myna_is_running"] = True
            return [
                Finding("port", "ok", f"Myna is running at {where}", "It shares this machine's speed.", "", figures)
            ]
        return [Finding("port", "problem", error.message, "Myna does not start.", error.hint, figures)]
    return [Finding("port", "ok", f"{where} is free", figures=figures)]


def _is_myna(host: str, number: int, *, secure: bool) -> bool:
    named = f"[{host}]" if ":" in host else host
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it is told nothing, and the name may be another than the host
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    try:
        with httpx.Client(timeout=HEALTH_S, trust_env=False, verify=anyone) as client:
            answer = client.get(f"{'https' if secure else 'http'}://{named}:{number}/health").json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return False
    return isinstance(answer, dict) and "engines" in answer


def download_bytes(store: WeightsStore, needed: Sequence[str]) -> int:
    """How many bytes of the catalog's files would have to be fetched."""
    known = store.missing(name for name in needed if store.catalog.find(name))
    return sum(file.size for model in store.catalog.expand(known) for file in model.files)


def sources(loaded: Loaded, catalog: Catalog) -> Sequence[Finding]:
    """Which sources of weights answer. Goes out into the network, so only where the user asked for it."""
    reach = probe(catalog.models, loaded.settings.weights)
    return [
        Finding(
            f"source {CALLED[kind]}",
            "warning" if why else "ok",
            why or "answers",
            "Weights can come from the other sources." if why else "",
            "See docs/models.md for mirrors, proxies and machines without a network." if why else "",
            {"kind": kind, "answers": not why},
        )
        for kind, why in reach.items()
    ]


def broken_settings(error: BadConfig) -> Finding:
    """What is wrong with the settings."""
    return Finding("settings", "problem", error.message, "Nothing starts with these settings.", error.hint)
