"""The node's parameters: names, defaults, what they mean, and what they may be. Without ROS."""

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeAlias, cast
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from myna_ros.pcm import FORMATS, HIGHEST_RATE, LOWEST_RATE, MEAN, MOST_CHANNELS, WIRE_RATES

PATH = "/v1/realtime"

Value: TypeAlias = str | int | float | bool | list[str]


@dataclass(frozen=True)
class Parameter:
    """One of them.

    Attributes:
        name: Its name.
        default: Its default, which has its type.
        about: What it means, in a sentence.
        among: What it may be; empty for anything.
        lowest: Of a number.
        highest: Likewise.
    """

    name: str
    default: Value
    about: str
    among: tuple[Value, ...] = ()
    lowest: float | None = None
    highest: float | None = None

    def wrong(self, value: object) -> str:
        """What is wrong with a value, in words; "" if nothing is."""
        kind = type(self.default)
        if kind is list:
            texts = isinstance(value, list) and all(isinstance(each, str) for each in cast("list[object]", value))
            return "" if texts else "it has to be a list of strings"
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) if kind is float else type(value) is kind
        if not fits:
            return f"it has to be {_TYPES[kind]}"
        if self.among and value not in self.among:
            return f"it has to be one of {', '.join(map(str, self.among))}"
        if self.lowest is None or self.highest is None or self.lowest <= cast("float", value) <= self.highest:
            return ""
        return f"it has to be from {self.lowest:g} to {self.highest:g}"


_TYPES: dict[type, str] = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def _set(default: Any, about: str, **limits: Any) -> Any:
    return field(default=default, metadata={"about": about, **limits})


@dataclass(frozen=True)
class Settings:
    """The values of all parameters, by their names with ``_`` for the dot."""

    url: str = _set("ws://127.0.0.1:8765", "The Myna server.")
    api_key_file: str = _set("", "A file with the API key. Without it MYNA_API_KEY of the environment counts.")
    ca_file: str = _set("", "The certificate of the authority that the server's was signed by.")
    persona: str = _set("", "Who answers; the server's own choice unless set.")
    conversation: str = _set("", "The name of a conversation to go on with; empty begins a new one at each start.")
    instructions: str = _set("", "In the place of the persona's prompt.")
    language: str = _set("", "What users speak: zh, en … Empty lets the server find out.")
    keywords: tuple[str, ...] = _set((), "What is often said to the robot: names, commands.")
    greeting: bool = _set(True, "Whether the persona greets in a new conversation.")
    barge_in: str = _set("pause", "What speech does to a reply.", among=("pause", "stop_words", "never"))
    stop_words: tuple[str, ...] = _set((), "More words that stop the robot.")
    audio_type: str = _set("myna_ros_interfaces/msg/Audio", "The message type of both audio topics.")
    audio_in_sample_rate: int = _set(
        16_000, "Of messages that do not tell it, in Hz.", lowest=LOWEST_RATE, highest=HIGHEST_RATE
    )
    audio_in_channels: int = _set(1, "Likewise.", lowest=1, highest=MOST_CHANNELS)
    audio_in_format: str = _set("s16le", "Likewise.", among=FORMATS)
    audio_in_channel: int = _set(0, "Which channel is heard; -1 mixes all.", lowest=MEAN, highest=MOST_CHANNELS - 1)
    audio_out_sample_rate: int = _set(24_000, "In Hz.", among=WIRE_RATES)
    audio_out_lead_ms: int = _set(100, "How far ahead of its time audio is published.", lowest=20, highest=2_000)
    audio_out_latency_ms: int = _set(0, "How much later than its time audio is heard.", lowest=0, highest=2_000)
    tool_timeout_s: float = _set(10.0, "How long a tool may take.", lowest=0.1, highest=600)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """From values by the parameters' names."""
        found: dict[str, Any] = {
            name.replace(".", "_"): tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**found)


def _parameter(one: "Field[Any]") -> Parameter:
    name = re.sub("^audio_(in|out)_", r"audio_\1.", one.name)
    default: Any = one.default
    return Parameter(name, list(default) if isinstance(default, tuple) else default, **one.metadata)


PARAMETERS = tuple(map(_parameter, fields(Settings)))


class BadAddress(ValueError):
    """A URL is no address of a server."""


def address(url: str, persona: str = "", conversation: str = "") -> str:
    """The endpoint of the server at ``url``, which may be written as for a browser.

    Raises:
        BadAddress: It is no address.
    """
    wrong = BadAddress(f"{url!r} is no address of a Myna server; write it as in ws://192.168.1.5:8765")
    try:
        parts = urlsplit(url.strip() if "://" in url else f"ws://{url.strip()}")
        valid = parts.hostname and (parts.port or 1) > 0
    except ValueError:
        raise wrong from None
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if not valid or scheme not in ("ws", "wss"):
        raise wrong
    asked = {"model": persona and f"myna/{persona}", "conversation": conversation}
    query = urlencode({name: value for name, value in asked.items() if value}, quote_via=quote, safe="/")
    path = parts.path if parts.path.strip("/") else PATH
    return urlunsplit((scheme, parts.netloc, path, "&".join(filter(None, (parts.query, query))), ""))
