from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr
from pydantic.fields import FieldInfo

from myna.config.sources import TextFile, parse_toml
from myna.config.tree import from_text, grow, is_secret

TEXTS: list[tuple[Any, str, object]] = [
    (str, "[开心] 你好", "[开心] 你好"),
    (str, "{name}", "{name}"),
    (int, "5", "5"),
    (int | Literal["auto"], "auto", "auto"),
    (list[str], "a, b", ["a", "b"]),
    (tuple[str, ...], "开心，生气、平静", ["开心", "生气", "平静"]),
    (list[str], '["a, b", "c"]', ["a, b", "c"]),
    (list[str] | None, "a", ["a"]),
    (Annotated[Sequence[str] | None, "x"], "a,", ["a"]),
    (set[int], "[1, 2]", [1, 2]),
    (list[int], "[1, 2", "[1, 2"),
    (str | list[str], "a,b", "a,b"),
    (str | dict[str, float], "af_heart", "af_heart"),
    (str | Mapping[str, float], '{"af_heart": 1}', {"af_heart": 1}),
    (Any, "[1]", "[1]"),
]


@pytest.mark.parametrize(("annotation", "text", "value"), TEXTS)
def test_text_becomes_what_the_type_can_take(annotation: Any, text: str, value: object):
    assert from_text(text, FieldInfo(annotation=annotation)) == value


@pytest.mark.parametrize(
    ("name", "annotation", "secret"),
    [
        ("api_key", str, True),
        ("key", str, True),
        ("certificate_key", Path | None, False),
        ("hf_token", str | None, True),
        ("password", str, True),
        ("whatever", SecretStr | None, True),
        ("max_tokens", int, False),
        ("top_k", int, False),
        ("keyboard", str, False),
    ],
)
def test_a_secret_is_known_by_its_type_or_its_name(name: str, annotation: Any, secret: bool):
    assert is_secret(("x", name), FieldInfo(annotation=annotation)) is secret


def test_a_name_with_a_hyphen_has_an_environment_name():
    class Options(BaseModel):
        voice: str = Field(default="a")

    assert grow({("my-tts",): Options}).names == {"MYNA_MY_TTS__VOICE": ("my-tts", "voice")}


TOML = (
    '''# a comment

[llm]   # here
model = """
temperature = 1
"""
temperature = 0.5

[ "server" ]
host = "::1"; port = 1
'''.replace("; ", "\n")
    + """
[session]
allowed_emotions = [
  "a",  # port = 1

  "b",
]
persona = { a = 1, b.c = 2 }
asr.language = 'zh'
"""
)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("llm",), 3),
        (("llm", "model"), 4),
        (("llm", "temperature"), 7),
        (("server", "host"), 10),
        (("server", "port"), 11),
        (("session", "allowed_emotions"), 14),
        (("session", "persona", "b", "c"), 19),
        (("session", "asr", "language"), 20),
        (("nowhere",), None),
    ],
)
def test_the_line_of_a_key_is_found(key: tuple[str, ...], line: int | None):
    assert parse_toml(TextFile(Path("myna.toml"), "myna.toml", TOML)).line_of(key) == line
