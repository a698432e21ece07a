"""Changing settings in the user's ``myna.toml``, checked as a whole before anything is written."""

from collections.abc import Callable, Mapping
from typing import Any

from myna.config.edit import rewrite, with_key, without_key
from myna.config.load import Loaded
from myna.config.sources import Source, TextFile
from myna.config.tree import Key, dotted
from myna.core.errors import BadConfig, NoRoom


def change_settings(
    loaded: Loaded, changes: Mapping[str, Any], check: Callable[[Loaded], None] | None = None
) -> Loaded:
    """Write values into the file that ``loaded`` was read from, or would be; None takes a key out of it.

    All of them are written, or none. Blocks.

    Args:
        loaded: How Myna was started.
        changes: Values as JSON has them, by name: ``llm.temperature``.
        check: Raises what is wrong with what would hold, before anything is written.

    Returns:
        What holds when Myna is started again so.

    Raises:
        BadConfig: A name is unknown, a value is not allowed or would not hold, or the file has no place for it.
        Busy: Another process is changing the file.
        NoRoom: The file may not be written.
        MynaError: What ``check`` raises.
    """
    wanted = {loaded.key(name): value for name, value in changes.items()}
    for key in wanted:
        _check_free(loaded, key)
    made: list[Loaded] = []

    def change(file: TextFile) -> str:
        for key, value in wanted.items():
            text = without_key(file, key) if value is None else with_key(file, key, value)
            file = TextFile(file.path, file.place, text)
        made[:] = [loaded.again(file.text)]
        _check_holds(made[0], wanted, loaded)
        if check is not None:
            check(made[0])
        return file.text

    try:
        rewrite(loaded.file, change)
    except OSError as error:
        raise NoRoom(f"{loaded.file} cannot be written: {error.strerror}.", hint="Mend it, and try again.") from error
    return made[0]


def _check_free(loaded: Loaded, key: Key) -> None:
    origin = loaded.origin(key)
    if origin.source > Source.FILE:
        raise BadConfig(
            f"{dotted(key)} is decided by {origin}, which counts more than {loaded.file.name}.",
            hint="Change it there, or take it away there and start Myna again.",
        )


def _check_holds(made: Loaded, wanted: Mapping[Key, Any], loaded: Loaded) -> None:
    """Make sure that it is what was wanted: since Myna was started, variables and files may have come."""
    if made.file != loaded.file:
        raise BadConfig(
            f"Myna has read {loaded.file}, and would read {made.file} by now.", hint="Start it again first."
        )
    for key, value in wanted.items():
        _check_free(made, key)
        origin = made.origin(key)
        if value is not None and (origin.source, origin.name) != (Source.FILE, dotted(key)):
            raise BadConfig(f"{dotted(key)} is decided by {origin}.", hint=f"Change {origin.name or 'that'} instead.")
