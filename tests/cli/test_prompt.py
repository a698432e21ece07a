import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from myna.cli.main import app
from myna.core.errors import BadInput, PromptTooLong, UnknownName

NOBODY = ("--set", "llm.engine=openai", "--set", "openai.base_url=http://127.0.0.1:1", "--set", "openai.model=bird")
"""An LLM that is not there: tokens are estimated."""
SAID = [
    {"role": "user", "content": "你会飞吗？"},
    {"role": "assistant", "content": "[开心] 一个筋斗云！"},
    {"role": "user", "content": "多远？"},
    {"role": "assistant", "content": "[平静] 十万八千里。"},
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    (tmp_path / "said.json").write_text(json.dumps(SAID), encoding="utf-8")
    return tmp_path


def run(*words: str) -> str:
    return CliRunner().invoke(app, ["prompt", "show", *NOBODY, *words], catch_exceptions=False).stdout


def told(*words: str) -> dict[str, Any]:
    return json.loads(run(*words, "--json"))


def test_each_part_is_shown_with_its_tokens_and_they_add_up():
    prompt = told("去哪儿？", "--persona", "wukong", "--messages", "said.json")
    assert [part["part"] for part in prompt["parts"]] == ["system prompt", "examples", "history", "input"]
    assert prompt["tokens"] == sum(part["tokens"] for part in prompt["parts"])
    assert all(part["tokens"] > 0 for part in prompt["parts"])
    assert [m["content"] for m in prompt["parts"][2]["messages"]][1::2] == [SAID[1]["content"], SAID[3]["content"]]
    assert prompt["parts"][3]["messages"] == [{"role": "user", "content": "去哪儿？（用中文回答）"}]
    assert (prompt["persona"], prompt["model"], prompt["rounds_left_out"]) == ("wukong", "bird", 0)
    assert (prompt["max_prompt_tokens"], prompt["max_answer_tokens"]) == (20_000 - 512, 512)


def test_for_people_it_is_text_with_brackets_as_they_are():
    text = run("去哪儿？", "--persona", "孙悟空", "--messages", "said.json")
    assert "── history" in text
    assert "assistant: [开心] 一个筋斗云！" in text
    assert text.splitlines()[-1].endswith("tokens for bird; 512 more are kept for the answer")


def test_what_was_left_out_is_told():
    prompt = told("去哪儿？", "--messages", "said.json", "--set", "session.max_history_rounds=1")
    assert prompt["rounds_left_out"] == 1
    assert [m["content"] for m in prompt["parts"][2]["messages"]][1:] == [SAID[3]["content"]]
    text = run("去哪儿？", "--messages", "said.json", "--set", "session.max_history_rounds=1")
    assert "left out of the history: the oldest 1 rounds" in text


def test_what_was_left_out_is_summed_up_unless_memory_is_off(folder: Path):
    said = [{"role": "user", "content": "我要从花果山飞去西天"}, *SAID]
    (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")
    words = ("去哪儿？", "--messages", "said.json", "--set", "session.max_history_rounds=2")
    assert "用户说过：\n- 我要从花果山飞去西天" in run(*words)
    assert "用户说过" not in run(*words, "--set", "memory.enabled=false")


def test_a_system_message_takes_the_place_of_the_persona_and_the_last_of_the_user_is_the_input(folder: Path):
    said = [{"role": "system", "content": "Be a pirate."}, *SAID, {"role": "user", "content": "Ahoy!"}]
    (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")
    prompt = told("--messages", "said.json")
    assert [part["part"] for part in prompt["parts"]] == ["system prompt", "examples", "history", "input"]
    assert prompt["parts"][0]["messages"][0]["content"].startswith("Be a pirate.")
    assert prompt["parts"][3]["messages"] == [{"role": "user", "content": "Ahoy!"}]


@pytest.mark.parametrize(
    ("content", "word"),
    [("", "list of messages"), ("{}", "list of messages"), ('[{"role": "dog", "content": "wuff"}]', "0.role")],
)
def test_a_file_that_holds_no_messages_is_named(folder: Path, content: str, word: str):
    (folder / "said.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=r"said\.json") as error:
        run("--messages", "said.json")
    assert word in error.value.message


def test_what_cannot_be_shown_is_told():
    with pytest.raises(BadInput, match=r"nothing\.json cannot be read"):
        run("--messages", "nothing.json")
    with pytest.raises(UnknownName):
        run("--persona", "nobody")
    with pytest.raises(PromptTooLong, match="20011 tokens long"):
        run("长" * 20_000)


def test_the_example_of_the_docs_is_shown(folder: Path):
    page = (Path(__file__).parents[2] / "docs" / "prompt.md").read_text(encoding="utf-8")
    command, said = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("sh", "json"))
    assert command
    assert said
    (folder / "said.json").write_text(said[1], encoding="utf-8")
    myna, prompt, show, *words = shlex.split(command[1])
    assert [myna, prompt, show] == ["myna", "prompt", "show"]
    history = told(*words)["parts"][2]["messages"]
    assert [message["content"] for message in history][1] == json.loads(said[1])[1]["content"]
