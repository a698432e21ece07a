from hypothesis import given
from hypothesis import strategies as st

from myna.tools.mcp.names import LONGEST, tool_names


def test_a_plain_name_is_the_servers_and_its_own():
    assert tool_names("files", ["read", "write-all"]) == {"read": "files_read", "write-all": "files_write-all"}


def test_a_name_with_other_letters_is_told_apart_by_a_hash():
    names = tool_names("files", ["a.b", "a/b", "a_b", "读文件"])
    assert names["a_b"] == "files_a_b"
    assert names["a.b"].startswith("files_a_b_")
    assert len(set(names.values())) == 4


def test_a_name_stays_the_same_whatever_stands_beside_it():
    assert tool_names("s", ["a.b"])["a.b"] == tool_names("s", ["x", "a b", "a.b", "a/b"])["a.b"]


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,31}", fullmatch=True), st.lists(st.text(max_size=100), max_size=20))
def test_names_are_such_as_every_llm_server_takes_and_no_two_are_equal(server: str, names: list[str]):
    given_ = tool_names(server, names)
    assert set(given_) == set(names)
    assert len(set(given_.values())) == len(given_)
    for name in given_.values():
        assert len(name) <= LONGEST
        assert name.startswith(f"{server}_")
        assert all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in name)
