"""``docs/history.md`` and its Chinese twin: every block of code runs as it stands there."""

import json
import logging
import re
import shlex
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from tests.server.serving import serving
from tests.server.test_conversations import say
from typer.testing import CliRunner

from myna.cli.main import app
from myna.core.ids import ConversationId, MessageId, TurnId
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.core.reply import Reply
from myna.server.conversations import MOST_AT_ONCE
from myna.server.export import LONGEST_TITLE, MOST_MESSAGES, exported, read_export
from myna.server.sizes import LONGEST_TEXT, MB
from myna.server.transcript import read_message, read_turn
from myna.store.base import Page
from myna.store.opening import open_store
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

DOCS = Path(__file__).parents[2] / "docs"
PAGE, TWIN = ((DOCS / name).read_text(encoding="utf-8") for name in ("history.md", "history.zh-CN.md"))
KITCHEN = ConversationId("kitchen")
SAID: Sequence[Message] = (
    UserMessage(MessageId("m1"), TurnId("t1"), "我的猫叫小白"),
    AssistantMessage(MessageId("m2"), TurnId("t1"), Reply("[开心] 好名字！", "好名字！", "好名字！"), "completed"),
    UserMessage(MessageId("m3"), TurnId("t2"), "I like peanuts."),
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_twins_show_the_same_code() -> None:
    for language in ("sh", "json"):
        assert blocks(PAGE, language) == blocks(TWIN, language) != []
    for mark in (r"^## ", r"^\| "):
        assert len(re.findall(mark, PAGE, re.MULTILINE)) == len(re.findall(mark, TWIN, re.MULTILINE))


def test_the_commands_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with open_store(tmp_path / "data" / "myna.db") as store:
            await store.create(Conversation(KITCHEN, "wukong"))
            for message in SAID:
                await store.append(KITCHEN, message)

    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    anyio.run(talk)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    printed: dict[str, str] = {}
    for line in "".join(blocks(PAGE, "sh")[:-1]).splitlines():
        program, *words = shlex.split(line)
        assert program == "myna"
        done = CliRunner().invoke(app, words, input="y\n", catch_exceptions=False)
        assert done.exit_code == 0, done.output
        printed[words[1]] = done.stdout
    root.handlers[:], root.level = before
    assert "我的猫叫小白" in printed["search"]
    assert printed["branch"].startswith("conv_")
    assert (tmp_path / "kitchen.md").read_text(encoding="utf-8").startswith("# The cat\n")
    left = json.loads(CliRunner().invoke(app, ["history", "list", "--json"]).stdout)
    assert [(each["id"], each["title"], each["messages"]) for each in left] == [
        (printed["import"].strip(), "The cat", 3),
        (printed["branch"].strip(), "The cat", 2),
    ]


@pytest.mark.anyio
async def test_the_requests_work_as_written(weights: Weights, tmp_path: Path) -> None:
    async with serving(ScriptedLLM("[Happy] Yes."), weights) as client:
        await say(client, "我的猫叫小白", "kitchen")
        script = blocks(PAGE, "sh")[-1].replace("http://127.0.0.1:8765", str(client.base_url).rstrip("/"))
        ask = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        done = await anyio.to_thread.run_sync(ask, ["bash", "-euo", "pipefail", "-c", script])
        listed = (await client.get("/api/conversations")).json()["conversations"]
    assert done.returncode == 0, done.stderr
    assert '"snippet":"我的猫叫小白"' in done.stdout
    assert [each["title"] for each in listed] == ["The cat", "The cat"]


def test_the_file_is_one_as_it_stands_and_has_every_field() -> None:
    (block,) = blocks(PAGE, "json")
    file = read_export(block.encode())
    about = Conversation(KITCHEN, file.conversation.persona, title=file.conversation.title)
    messages, turns = [read_message(each) for each in file.messages], [read_turn(each) for each in file.turns]
    times = {MessageId(each.id): each.at for each in file.messages if each.at}
    again = json.loads(exported(about, Page(messages, times), turns))
    assert again | {"exported_at": ""} == json.loads(block) | {"exported_at": ""}


def test_the_limits_are_as_told() -> None:
    assert f"at most {MOST_MESSAGES:,} messages; over HTTP it is at most\n{LONGEST_TEXT // MB} MB" in PAGE
    assert f"at most {LONGEST_TITLE} characters" in PAGE
    assert MOST_AT_ONCE >= 50
