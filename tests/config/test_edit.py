import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.config.edit import rewrite, with_key, without_key, write_text_key
from myna.config.sources import TextFile
from myna.core.errors import BadConfig


def edited(path: Path, before: str, value: str = "standard") -> str:
    path.write_bytes(before.encode())
    write_text_key(path, "weights", "set", value)
    return path.read_bytes().decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "myna.toml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[weights]\nset = "standard"\n'),
        ("# mine", '# mine\n\n[weights]\nset = "standard"\n'),
        ("[llm]\ntop_p = 0.9\n", '[llm]\ntop_p = 0.9\n\n[weights]\nset = "standard"\n'),
        (
            "# mine\n[weights] # here\nidle_s = 9 # s\n[llm]\n",
            '# mine\n[weights] # here\nset = "standard"\nidle_s = 9 # s\n[llm]\n',
        ),
        ("[weights]\nset = 'starter'  # small\n", '[weights]\nset = "standard"  # small\n'),
        ('weights.set="starter"\n', 'weights.set="standard"\n'),
        ("weights.idle_s = 9\n[llm]\n", 'weights.set = "standard"\nweights.idle_s = 9\n[llm]\n'),
        (
            'weights = { idle_s = 9, set = "starter" } # all\n',
            'weights = { idle_s = 9, set = "standard" } # all\n',
        ),
        ("[llm]\r\ntop_p = 0.9\r\n", '[llm]\r\ntop_p = 0.9\r\n\r\n[weights]\r\nset = "standard"\r\n'),
        ('note = """\n[weights]\n"""\n', 'note = """\n[weights]\n"""\n\n[weights]\nset = "standard"\n'),
    ],
    ids=["empty", "comment", "other", "table", "present", "dotted", "dotted-other", "inline", "crlf", "text"],
)
def test_one_key_changes_and_nothing_else(path: Path, before: str, after: str):
    assert edited(path, before) == after


def test_a_new_file_is_made_with_its_folder_for_the_user_alone(tmp_path: Path):
    path = tmp_path / "config" / "myna.toml"
    write_text_key(path, "weights", "set", "standard")
    assert tomllib.loads(path.read_text()) == {"weights": {"set": "standard"}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_permissions_and_links_stay(path: Path, tmp_path: Path):
    real = tmp_path / "dotfiles.toml"
    path.symlink_to(real)
    real.write_text("")
    real.chmod(0o640)
    write_text_key(path, "weights", "set", "standard")
    assert path.is_symlink()
    assert "standard" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.parametrize("before", ["weights = { idle_s = 9 }\n", 'weights = "starter"\n'])
def test_where_there_is_no_plain_place_the_file_stays_and_the_user_is_told_what_to_write(path: Path, before: str):
    with pytest.raises(BadConfig) as error:
        edited(path, before)
    assert 'weights.set = "standard"' in error.value.hint
    assert path.read_text() == before


def test_a_broken_file_is_left_alone(path: Path):
    with pytest.raises(BadConfig, match="not valid TOML"):
        edited(path, "[weights\n")
    assert path.read_text() == "[weights\n"


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfig) as error:
        write_text_key(tmp_path / "file" / "myna.toml", "weights", "set", "standard")
    assert "cannot be written" in error.value.message


def test_nothing_is_left_where_writing_fails(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path.write_text("# mine\n")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BadConfig, match="No space left"):
        write_text_key(path, "weights", "set", "standard")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "# mine\n"


def held(text: str) -> TextFile:
    return TextFile(Path("myna.toml"), "myna.toml", text)


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("[llm]\ntop_p = 0.9 # as I like it\n", 0.5, "[llm]\ntop_p = 0.5 # as I like it\n"),
        ("[llm]\ntop_p = [ # many\n  1, # one\n]  # end\n[tts]\n", 1, "[llm]\ntop_p = 1  # end\n[tts]\n"),
        ("llm.top_p = '''\ntop_p = 1 # no\n'''\n", True, "llm.top_p = true\n"),
        ('[llm]\ntop_p = "a # b" # top_p = 1\n', "c # d", '[llm]\ntop_p = "c # d" # top_p = 1\n'),
        ("llm = {top_p = [1, 2], top_k = 1} # x\n", [3], "llm = {top_p = [3], top_k = 1} # x\n"),
        ("[ llm ]\n# mine\n", {"a b": 1}, '[ llm ]\ntop_p = { "a b" = 1 }\n# mine\n'),
    ],
    ids=["number", "lines", "text-of-lines", "hash", "inline", "new"],
)
def test_any_value_takes_the_place_of_any_other(before: str, value: object, after: str):
    assert with_key(held(before), ("llm", "top_p"), value) == after


def test_a_key_of_no_section_comes_first():
    assert with_key(held("# mine\n[llm]\n"), ("device",), "cpu") == 'device = "cpu"\n# mine\n[llm]\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[llm]\ntop_k = 1\ntop_p = 0.9\n# end\n", "[llm]\ntop_k = 1\n# end\n"),
        ("[llm]\n  top_p = 0.9  # as I like it\n", "[llm]\n# as I like it\n"),
        ("llm.top_p = [\n  1,\n]\n[tts]\n", "[tts]\n"),
        ("llm = { top_p = 1, top_k = 1 }\n", "llm = { top_k = 1 }\n"),
        ("llm = { top_k = 1, top_p = 1 } # x\n", "llm = { top_k = 1 } # x\n"),
        ("llm = { top_p = 1 }", ""),
        ("[tts]\n", "[tts]\n"),
        ("[llm]\r\ntop_p = 1\r\n", "[llm]\r\n"),
    ],
    ids=["line", "comment", "lines", "inline", "inline-last", "inline-alone", "none", "crlf"],
)
def test_a_key_goes_and_its_comment_stays(before: str, after: str):
    assert without_key(held(before), ("llm", "top_p")) == after


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(first=VALUES, then=VALUES)
def test_what_is_written_reads_back_and_leaves_the_rest(first: object, then: object):
    text = "# mine\n[tts]\nengine = 'x' # y\n"
    for value in (first, then):
        text = with_key(held(text), ("llm", "top_p"), value)
        assert tomllib.loads(text) == {"tts": {"engine": "x"}, "llm": {"top_p": value}}
    assert without_key(held(text), ("llm", "top_p")) == "# mine\n[tts]\nengine = 'x' # y\n\n[llm]\n"


def test_a_list_with_nothing_in_it_is_refused():
    with pytest.raises(BadConfig, match=r"llm\.top_p.*null"):
        with_key(held(""), ("llm", "top_p"), [None])


def test_writers_at_the_same_time_lose_nothing_and_leave_nothing_about(path: Path):
    def add(number: int) -> None:
        rewrite(path, lambda file: with_key(file, ("tools", f"n{number}"), number))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(12)))
    assert tomllib.loads(path.read_text()) == {"tools": {f"n{number}": number for number in range(12)}}
    assert list(path.parent.iterdir()) == [path]
