"""Everything that can go wrong, named by what the caller can conclude from it.

::

    MynaError
    ├── BadInput             what was given cannot be used: correct it and try again
    │   ├── BadAudio         not audio, or audio that nothing can be heard in
    │   ├── BadCard          not a character card, a damaged one, or one that is too large
    │   ├── BadConfig        a setting that is unknown or out of range
    │   ├── PromptTooLong    more than the model's context holds
    │   └── UnknownName      no such persona, model, engine, voice …; the message lists what there is
    ├── WeightsError         model files are not as they should be on this machine
    │   ├── WeightsMissing   not fetched yet, or no source has them
    │   ├── WeightsDamaged   fetched, but not the bytes that the catalog promises
    │   └── NoRoom           the disk is full or may not be written
    ├── EngineError          an engine did not do its work; the next turn may succeed
    │   ├── EngineUnavailable   not started, gone, or out of reach
    │   ├── EngineTimeout       did not answer in time
    │   └── EngineRefused       answered, and the answer was no (or was not understood)
    │       └── RequestRefused  it was this request that the engine cannot use; another may do
    ├── StoreError           conversations and memories cannot be kept or read
    │   ├── StoreUnavailable    locked, full, read-only or out of reach: when that is mended, the same works
    │   └── StoreUnusable       damaged, or of a newer Myna: it is left as it is
    ├── DeviceUnavailable    a microphone or a loudspeaker is missing, taken, refused or gone
    ├── Busy                 all places are taken; try again later
    └── Closed               the session or engine that was asked has ended
"""

from typing import ClassVar


class MynaError(Exception):
    """Base of all errors that Myna raises on purpose.

    Args:
        message: What went wrong, in one sentence that names the thing at fault. May be shown to users.
        hint: What the reader can do next; empty where nothing can be said.

    Attributes:
        code: A stable name for programs (``bad_audio``), never translated and never changed.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(MynaError):
    """What was given cannot be used: correct it and try again."""

    code = "bad_input"


class BadAudio(BadInput):
    """Not audio, or audio that nothing can be heard in."""

    code = "bad_audio"


class BadCard(BadInput):
    """Not a character card, a damaged one, or one that is larger than cards are."""

    code = "bad_card"


class BadConfig(BadInput):
    """A setting that is unknown or out of range; the message names the key, its source and what is allowed."""

    code = "bad_config"


class PromptTooLong(BadInput):
    """A prompt that is longer than the model's context."""

    code = "prompt_too_long"


class UnknownName(BadInput):
    """No such persona, model, engine, voice …; the message lists what there is."""

    code = "unknown_name"


class WeightsError(MynaError):
    """Model files are not as they should be on this machine."""

    code = "weights"


class WeightsMissing(WeightsError):
    """Model files that were not fetched yet, or that no source has."""

    code = "weights_missing"


class WeightsDamaged(WeightsError):
    """Model files that are not the bytes that the catalog promises."""

    code = "weights_damaged"


class NoRoom(WeightsError):
    """The disk is full or may not be written."""

    code = "no_room"


class EngineError(MynaError):
    """An engine did not do its work; the next turn may succeed."""

    code = "engine"


class EngineUnavailable(EngineError):
    """An engine that is not started, gone, or out of reach."""

    code = "engine_unavailable"


class EngineTimeout(EngineError):
    """An engine that did not answer in time."""

    code = "engine_timeout"


class EngineRefused(EngineError):
    """An engine that answered, and the answer was no, or was not understood."""

    code = "engine_refused"


class RequestRefused(EngineRefused):
    """An engine that cannot use this request, though it may use another: its schema, its tools or its messages."""

    code = "request_refused"


class StoreError(MynaError):
    """Conversations and memories cannot be kept or read."""

    code = "store"


class StoreUnavailable(StoreError):
    """A database that is locked, full, read-only or out of reach: when that is mended, the same works."""

    code = "store_unavailable"


class StoreUnusable(StoreError):
    """A database that is damaged, or was written by a newer Myna: it is left as it is."""

    code = "store_unusable"


class DeviceUnavailable(MynaError):
    """A microphone or a loudspeaker that is missing, taken, refused or gone."""

    code = "device_unavailable"


class Busy(MynaError):
    """All places are taken; try again later."""

    code = "busy"


class Closed(MynaError):
    """The session or engine that was asked has ended."""

    code = "closed"
