"""The node's parameters: names, defaults, what they mean, and what they may be. Without ROS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from myna_ros.pcm import FORMATS, MEAN, MOST_CHANNELS, WIRE_RATES

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

PARAMETERS = (
    Parameter("url", "ws://127.0.0.1:8765", "The Myna server."),
    Parameter("api_key_file", "", "A file with the API key. Without it MYNA_API_KEY of the environment counts."),
    Parameter("ca_file", "", "The certificate of the authority that the server's was signed by."),
    Parameter("persona", "", "Who answers; the server's own choice unless set."),
    Parameter("conversation", "", "The name of a conversation to go on with; empty begins a new one at each start."),
    Parameter("instructions", "", "In the place of the persona's prompt."),
    Parameter("language", "", "What users speak: zh, en … Empty lets the server find out."),
    Parameter("keywords", [], "What is often said to the robot: names, commands."),
    Parameter("greeting", True, "Whether the persona greets in a new conversation."),
    Parameter("barge_in", "pause", "What speech does to a reply.", among=("pause", "stop_words", "never")),
    Parameter("stop_words", [], "More words that stop the robot."),
    Parameter("audio_type", "myna_ros_interfaces/msg/Audio", "The message type of both audio topics."),
    Parameter("audio_in.sample_rate", 16_000, "Of messages that do not tell it, in Hz.", lowest=4_000, highest=192_000),
    Parameter("audio_in.channels", 1, "Likewise.", lowest=1, highest=MOST_CHANNELS),
    Parameter("audio_in.format", "s16le", "Likewise.", among=FORMATS),
    Parameter("audio_in.channel", 0, "Which channel is heard; -1 mixes all.", lowest=MEAN, highest=MOST_CHANNELS - 1),
    Parameter("audio_out.sample_rate", 24_000, "In Hz.", among=WIRE_RATES),
    Parameter("audio_out.lead_ms", 100, "How far ahead of its time audio is published.", lowest=20, highest=2_000),
    Parameter("audio_out.latency_ms", 0, "How much later than its time audio is heard.", lowest=0, highest=2_000),
    Parameter("tool_timeout_s", 10.0, "How long a tool may take.", lowest=0.1, highest=600),
)


@dataclass(frozen=True)
class Settings:
    """The values of all parameters, by their names with ``_`` for the dot."""

    url: str = "ws://127.0.0.1:8765"
    api_key_file: str = ""
    ca_file: str = ""
    persona: str = ""
    conversation: str = ""
    instructions: str = ""
    language: str = ""
    keywords: tuple[str, ...] = ()
    greeting: bool = True
    barge_in: str = "pause"
    stop_words: tuple[str, ...] = ()
    audio_type: str = "myna_ros_interfaces/msg/Audio"
    audio_in_sample_rate: int = 16_000
    audio_in_channels: int = 1
    audio_in_format: str = "s16le"
    audio_in_channel: int = 0
    audio_out_sample_rate: int = 24_000
    audio_out_lead_ms: int = 100
    audio_out_latency_ms: int = 0
    tool_timeout_s: float = 10.0

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """From values by the parameters' names."""
        fields = {name.replace(".", "_"): value for name, value in values.items()}
        for name in ("keywords", "stop_words"):
            fields[name] = tuple(fields.get(name, ()))
        return cls(**fields)


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
