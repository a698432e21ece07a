"""`myna llm test`, with LLM servers on real sockets and no server of Myna's."""

import json
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from tests.engines.llm.loopback import CHAT, DONE, HELLO, Answer, Loopback, error, event, head, piece, serving
from typer.testing import CliRunner, Result

from myna.cli.llm import Tried, line
from myna.cli.main import app
from myna.core.errors import EngineUnavailable, UnknownName

USAGE = event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 40}})
THINKS: Answer = [
    head(),
    piece(content="<think>Hm.</think>A bird"),
    0.02,
    piece(content=" that\ntalks."),
    piece("stop"),
    USAGE,
    DONE,
]
LISTS: Answer = [head(content_type="application/json"), json.dumps({"data": [{"id": "large"}]}).encode()]
MODELS = "/v1/models"


@contextmanager
def listening(*servers: Mapping[str, Answer]) -> Generator[list[Loopback]]:
    """These servers, in a thread of their own."""
    with start_blocking_portal() as portal, ExitStack() as up:
        yield [up.enter_context(portal.wrap_async_context_manager(serving(answers))) for answers in servers]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    return tmp_path


def configure(folder: Path, urls: Mapping[str, str], engine: str, *fallbacks: str) -> None:
    sections = "".join(f'[endpoints.{name}]\nbase_url = "{url}"\nretries = 0\n' for name, url in urls.items())
    text = f'[llm]\nengine = "{engine}"\nfallbacks = {json.dumps(fallbacks)}\n{sections}'
    (folder / "myna.toml").write_text(text, encoding="utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["llm", "test", *arguments])


def test_each_engine_is_asked_the_same_and_what_came_of_it_stands_side_by_side(alone: Path) -> None:
    with listening({CHAT: THINKS, MODELS: LISTS}, {CHAT: HELLO}) as (large, small):
        configure(alone, {"cloud": large.url, "box": small.url}, "cloud", "box")
        result = run("What is a myna?", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["question"] == "What is a myna?"
    first, second = told["engines"]
    assert (first["engine"], first["model"], first["tokens"], first["error"]) == ("cloud", "large", 40, None)
    assert first["text"] == "A bird that\ntalks."
    assert first["first_token_s"] > 0
    assert first["tokens_per_s"] > 0
    assert (second["engine"], second["text"], second["tokens"]) == ("box", "hello", 1)
    for server in (large, small):
        (asked,) = server.asked()
        assert asked.body["messages"] == [{"role": "user", "content": "What is a myna?"}]
        assert asked.body["max_tokens"] == 256


def test_thinking_that_is_counted_and_not_shown_is_no_speed(alone: Path) -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 1000, "completion_tokens_details": {"reasoning_tokens": 990}}
    usage = event({"choices": [], "usage": counted})
    hides: Answer = [head(), piece(content="A bird"), 0.1, piece(content=" <"), piece("stop"), usage, DONE]
    shows: Answer = [head(), piece(reasoning_content="Hm."), *hides[1:]]
    with listening({CHAT: hides}, {CHAT: shows}) as (one, other):
        configure(alone, {"one": one.url, "other": other.url}, "one", "other")
        hidden, shown = json.loads(run("--json").stdout)["engines"]
        line_ = run().stdout.splitlines()[0]
    assert (hidden["tokens"], hidden["hidden_tokens"]) == (1000, 990)
    assert hidden["tokens_per_s"] < 990 / 0.1
    assert (shown["tokens"], shown["hidden_tokens"]) == (1000, 0)
    assert "1000 (990 of hidden thinking) tokens" in line_


def test_one_that_fails_says_why_and_what_to_do_and_the_others_are_asked_all_the_same(alone: Path) -> None:
    with listening({CHAT: error(401, {"error": {"message": "who are you?"}})}, {CHAT: THINKS}) as (shut, open_):
        configure(alone, {"cloud": shut.url, "box": open_.url}, "box", "cloud")
        result = run()
        assert result.exit_code == 0, "the first one has answered"
        box, cloud = result.stdout.splitlines()
        assert box.endswith("; 40 tokens; A bird that talks.")
        assert cloud.startswith("cloud: ")
        assert "failed: " in cloud
        assert "who are you?" in cloud
        assert "Set api_key in [endpoints.cloud] (MYNA_ENDPOINTS__CLOUD__API_KEY)." in cloud
        configure(alone, {"cloud": shut.url, "box": open_.url}, "cloud", "box")
        result = run("--json")
        assert result.exit_code == 1, "the first one has failed"
        first, second = json.loads(result.stdout)["engines"]
        assert (first["error"]["code"], first["text"], second["text"]) == (
            "engine_refused",
            "",
            "A bird that\ntalks.",
        )


def test_what_breaks_off_is_shown_as_far_as_it_came(alone: Path) -> None:
    with listening({CHAT: [head(), piece(content="A bird")]}) as (server,):
        configure(alone, {"cloud": server.url}, "cloud")
        result = run("--json")
    assert result.exit_code == 1
    (told,) = json.loads(result.stdout)["engines"]
    assert (told["text"], told["error"]["code"]) == ("A bird", "engine_unavailable")


def test_others_than_those_that_are_configured_can_be_asked(alone: Path) -> None:
    with listening({CHAT: HELLO}, {CHAT: HELLO}) as (one, two):
        configure(alone, {"one": one.url, "two": two.url}, "one")
        told = json.loads(run("-e", "two", "-e", "two", "--json").stdout)["engines"]
        assert ([each["engine"] for each in told], one.asked()) == (["two"], [])


def test_weights_that_are_missing_are_told_with_what_brings_them(alone: Path) -> None:
    (alone / "myna.toml").write_text("", encoding="utf-8")
    result = run("--json")
    assert result.exit_code == 1
    (told,) = json.loads(result.stdout)["engines"]
    assert (told["engine"], told["error"]["code"]) == ("llamacpp", "weights_missing")
    assert "myna models pull" in told["error"]["hint"]


def test_an_engine_that_there_is_not_is_an_error(alone: Path) -> None:
    assert isinstance(run("--engine", "nobody").exception, UnknownName)


def test_a_line_tells_what_is_known() -> None:
    assert line(Tried("box", error=EngineUnavailable("Gone.", hint="Start it."))) == "box: failed: Gone. Start it."
