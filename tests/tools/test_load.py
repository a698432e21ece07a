import sys
from pathlib import Path

import pytest

from myna.core.errors import BadInput
from myna.tools.load import ToolFile, load_tools

CLOCK = '''
from myna.tools.tool import tool

@tool
def clock() -> str:
    """Tell the time."""
    return "noon"
'''


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def names(folder: Path) -> list[str]:
    return [tool.spec.name for source in load_tools(folder) for tool in source.tools]


def test_a_folder_that_is_not_there_has_no_tools(tmp_path: Path):
    assert load_tools(tmp_path / "none") == []
    assert load_tools(tmp_path) == []


def test_each_file_is_a_source_of_its_tools_in_their_order(tmp_path: Path):
    write(tmp_path, "b.py", CLOCK.replace("clock", "second"))
    write(tmp_path, "a.py", CLOCK.replace("clock", "zulu") + CLOCK.replace("clock", "alpha"))
    write(tmp_path, "notes.txt", "no tool")
    write(tmp_path, ".a.py", "an editor's")
    sources = load_tools(tmp_path)
    assert [source.path.name for source in sources if isinstance(source, ToolFile)] == ["a.py", "b.py"]
    assert names(tmp_path) == ["zulu", "alpha", "second"]


def test_files_may_share_what_stands_in_others(tmp_path: Path):
    write(tmp_path, "_shared.py", "NOON = 'noon'\n")
    write(tmp_path, "a.py", CLOCK)
    write(tmp_path, "b.py", "from ._shared import NOON\nfrom .a import clock\n" + CLOCK.replace("clock", "other"))
    assert names(tmp_path) == ["clock", "other"]


def test_a_tool_of_two_names_is_one(tmp_path: Path):
    write(tmp_path, "a.py", CLOCK + "\nwatch = clock\n")
    assert names(tmp_path) == ["clock"]


def test_types_of_the_file_s_own_are_found(tmp_path: Path):
    text = '''
from __future__ import annotations
from dataclasses import dataclass
from myna.tools.tool import tool

@dataclass
class Place:
    name: str

@tool
def go(place: Place) -> str:
    """Go there."""
    return place.name
'''
    write(tmp_path, "a.py", text)
    (source,) = load_tools(tmp_path)
    (tool,) = source.tools
    assert tool.check({"place": {"name": "Ulm"}})["place"].name == "Ulm"


def test_what_was_changed_is_read_anew_and_nothing_is_left_beside_it(tmp_path: Path):
    write(tmp_path, "a.py", CLOCK)
    assert names(tmp_path) == ["clock"]
    write(tmp_path, "a.py", CLOCK.replace("clock", "watch"))
    assert names(tmp_path) == ["watch"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]


def test_two_folders_do_not_meet(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "json.py", CLOCK.replace("clock", name))
    assert (names(tmp_path / "one"), names(tmp_path / "two")) == (["one"], ["two"])
    assert not [name for name in sys.modules if name in ("one", "two")]


def test_a_file_saved_with_a_byte_order_mark_is_read(tmp_path: Path):
    write(tmp_path, "a.py", "\ufeff" + CLOCK)
    assert names(tmp_path) == ["clock"]


def test_two_files_with_one_tool_are_both_named(tmp_path: Path):
    write(tmp_path, "a.py", CLOCK)
    write(tmp_path, "b.py", CLOCK)
    with pytest.raises(BadInput, match=r"a\.py and .*b\.py both have a tool clock"):
        load_tools(tmp_path)


def test_two_tools_of_one_name_in_a_file_are_an_error(tmp_path: Path):
    write(tmp_path, "a.py", CLOCK + CLOCK.replace("def clock", "def watch").replace("@tool", '@tool(name="clock")'))
    with pytest.raises(BadInput, match=r"both have a tool clock"):
        load_tools(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:\n    pass\n", r"a\.py:1 cannot be run: SyntaxError: "),
        ("x = 1\ny = 1 / 0\n", r"a\.py:2 cannot be run: ZeroDivisionError: division by zero"),
        ("import sys\n\nsys.exit('bye')\n", r"a\.py:3 cannot be run: SystemExit: bye"),
        ("import no_such_module_here\n", r"a\.py:1: No module named 'no_such_module_here'\."),
        ("open('/no/such/file')\n", r"a\.py:1 cannot be run: FileNotFoundError: "),
        (CLOCK.replace('"""Tell the time."""', ""), r"a\.py:4: clock cannot be a tool: it has no docstring"),
        (CLOCK.replace("clock()", "clock(zone)"), r"a\.py:4: clock cannot be a tool: it has no type for zone"),
        ("from ._shared import x\n", r"a\.py:1 cannot be run: ValueError: oh"),
        ("def clock() -> str: ...\n", r"a\.py has no tools"),
        ("", r"a\.py has no tools"),
        ("x = '\x00'\n", r"a\.py(:1)? cannot be run: "),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line(tmp_path: Path, text: str, said: str):
    write(tmp_path, "_shared.py", "raise ValueError('oh')\n")
    write(tmp_path, "a.py", text)
    with pytest.raises(BadInput, match=said) as error:
        load_tools(tmp_path)
    assert str(tmp_path) in error.value.message


def test_a_file_that_is_no_text_is_told(tmp_path: Path):
    (tmp_path / "a.py").write_bytes(b"x = '\xff\xfe'\n")
    with pytest.raises(BadInput, match=r"a\.py.* cannot be run: SyntaxError"):
        load_tools(tmp_path)


def test_a_folder_called_like_a_file_is_told(tmp_path: Path):
    (tmp_path / "a.py").mkdir()
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        load_tools(tmp_path)


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path):
    with pytest.raises(BadInput, match="is no folder"):
        load_tools(write(tmp_path, "tools", CLOCK))
