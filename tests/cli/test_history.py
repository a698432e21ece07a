import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from typer.testing import CliRunner, Result

from myna.cli import history
from myna.core.errors import BadInput, UnknownName
from myna.core.ids import OWNER, ConversationId, MessageId, TurnId, UserId
from myna.core.messages import (
    AssistantMessage,
    Conversation,
    Message,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.reply import Reply
from myna.core.tools import ToolCall
from myna.server.keys import Keys
from myna.store.base import KeptTurn
from myna.store.opening import open_store

Run = Callable[..., Result]

CATS = ConversationId("cats")
T1, T2 = TurnId("t1"), TurnId("t2")
SAID: Sequence[Message] = (
    UserMessage(MessageId("m1"), T1, "我的猫叫小白"),
    AssistantMessage(MessageId("m2"), T1, Reply("[开心] 好名字！", "好名字！", "好名字！"), "completed"),
    UserMessage(MessageId("m3"), T2, "记下来"),
    ToolCallMessage(MessageId("m4"), T2, ToolCall("call_1", "note", '{"text": "小白"}')),
    ToolResultMessage(MessageId("m5"), T2, "call_1", "done\x1b[31m"),
    AssistantMessage(MessageId("m6"), T2, Reply("[平静] 记好了。", "记好了。还有呢？", "记好了。"), "interrupted"),
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str, typed: str = "") -> Result:
        return CliRunner().invoke(history.app, words, input=typed, catch_exceptions=False)

    return invoke


async def talk(folder: Path, conversation_id: ConversationId, user_id: UserId) -> None:
    async with open_store(folder / "data" / "myna.db") as store:
        await store.create(Conversation(conversation_id, "wukong", user_id))
        for message in SAID:
            await store.append(conversation_id, message)
        await store.keep_turn(conversation_id, KeptTurn(T1, "completed", datetime(2026, 11, 22, 5, tzinfo=UTC)))


@pytest.fixture
def talked(tmp_path: Path, run: Run) -> Run:
    anyio.run(talk, tmp_path, CATS, OWNER)
    return run


def ids(run: Run, *more: str) -> list[str]:
    return [each["id"] for each in json.loads(run("list", "--json", *more).stdout)]


def test_list_shows_a_conversation_by_its_beginning_and_then_by_its_title(talked: Run) -> None:
    assert "cats · “我的猫叫小白” · 4 messages with wukong" in talked("list").stdout
    talked("rename", "cats", "Our  cat")
    assert "cats · Our cat · 4 messages" in talked("list").stdout


def test_list_of_nothing_says_so(run: Run) -> None:
    listed = run("list")
    assert (listed.stdout, "no conversations yet" in listed.stderr) == ("", True)
    assert json.loads(run("list", "--json").stdout) == []


def test_a_long_list_says_how_to_go_on(talked: Run) -> None:
    newer = talked("branch", "cats").stdout.strip()
    listed = talked("list", "--limit", "1")
    assert newer in listed.stdout
    after = listed.stderr.partition("myna history list --after ")[2].strip()
    talked("delete", newer, "--yes")
    assert ids(talked, "--after", after) == ["cats"]
    with pytest.raises(BadInput, match="cannot go on"):
        talked("list", "--after", "cats")


def test_search_finds_words_of_two_characters(talked: Run) -> None:
    found = talked("search", "小白").stdout.splitlines()
    assert found[0].endswith("· cats")
    assert found[1] == "  You: 我的猫叫小白"
    (as_json,) = json.loads(talked("search", "小白", "--json").stdout)
    assert as_json["message"]["id"] == "m1"
    assert "Nothing was found" in talked("search", "狗").stderr


def test_show_numbers_what_was_said_and_gives_the_terminal_no_commands(talked: Run) -> None:
    lines = talked("show", "cats").stdout.splitlines()
    assert lines[0].startswith("── 我的猫叫小白 · 孙悟空 · cats")
    assert [line.strip() for line in lines[1:]] == [
        "1  You: 我的猫叫小白",
        "2  孙悟空: 好名字！",
        "3  You: 记下来",
        '4  (calls note) {"text": "小白"}',
        "5  (gave) done�[31m",
        "6  孙悟空: 记好了。 [interrupted]",
    ]
    whole = json.loads(talked("show", "cats", "--json").stdout)
    assert [turn["outcome"] for turn in whole["turns"]] == ["completed"]


def test_a_branch_takes_all_up_to_a_number_or_an_id(talked: Run) -> None:
    for after, number in (("2", 2), ("m3", 3), (None, 6)):
        made = talked("branch", "cats", *(("--after", after) if after else ())).stdout.strip()
        assert len(json.loads(talked("show", made, "--json").stdout)["messages"]) == number
    with pytest.raises(BadInput, match="there are 6"):
        talked("branch", "cats", "--after", "7")


def test_what_was_exported_as_json_is_imported_as_a_new_conversation(talked: Run, tmp_path: Path) -> None:
    talked("rename", "cats", "Our cat")
    talked("export", "cats", "--format", "json", "--out", "cat.json")
    made = talked("import", "cat.json").stdout.strip()
    old, new = (json.loads(talked("show", each, "--json").stdout) for each in ("cats", made))
    assert new == {**old, "conversation": {**old["conversation"], "id": made}}
    assert ids(talked) == [made, "cats"]


def test_export_prints_markdown_or_writes_a_new_file_and_replaces_none(talked: Run, tmp_path: Path) -> None:
    printed = talked("export", "cats").stdout
    talked("export", "cats", "-o", "cat.md")
    assert (tmp_path / "cat.md").read_text(encoding="utf-8") == printed
    with pytest.raises(BadInput, match="is a file"):
        talked("export", "cats", "-o", "cat.md")
    with pytest.raises(BadInput, match="cannot be written"):
        talked("export", "cats", "-o", "nowhere/cat.md")


def test_import_says_what_is_wrong_with_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="no JSON"):
        run("import", "a.json")
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")
    with pytest.raises(BadInput, match="no conversation that Myna exported"):
        run("import", "a.json")
    with pytest.raises(BadInput, match="no file"):
        run("import", "b.json")


def test_delete_asks_and_then_it_is_gone(talked: Run) -> None:
    asked = talked("delete", "cats", typed="n\n")
    assert "Delete “我的猫叫小白” with its 6 messages?" in asked.stderr
    assert asked.exit_code == 1
    assert ids(talked) == ["cats"]
    assert "Deleted." in talked("delete", "cats", typed="y\n").stderr
    assert ids(talked) == []


def test_delete_of_several_deletes_none_if_one_is_not_there(talked: Run) -> None:
    with pytest.raises(UnknownName, match="dogs"):
        talked("delete", "cats", "dogs", "--yes")
    assert ids(talked) == ["cats"]
    newer = talked("branch", "cats").stdout.strip()
    talked("delete", "cats", newer, "--yes")
    assert ids(talked) == []


def test_conversations_of_a_key_are_found_by_its_name_and_are_not_the_owners(run: Run, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "data" / "keys.json")
    keys.create("laptop")
    phone, _ = keys.create("phone")
    anyio.run(talk, tmp_path, ConversationId(f"main@{phone.user_id}"), phone.user_id)
    assert ids(run) == []
    assert ids(run, "--user", "phone") == [f"main@{phone.user_id}"]
    assert "小白" in run("show", "main", "--user", "phone").stdout
    for words in (("show",), ("rename", "mine"), ("delete", "--yes"), ("branch",), ("export",)):
        command, *rest = words
        with pytest.raises(UnknownName):
            run(command, f"main@{phone.user_id}", *rest)
