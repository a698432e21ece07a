import pytest
from pydantic import ValidationError

from myna.memory.options import MemoryOptions


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("chroma", "chroma"),
        (" Chroma ", "chroma"),
        ("pgvector", "pgvector"),
        ("NONE", "none"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("https://chroma.example.com", "https://chroma.example.com"),
    ],
)
def test_where_vectors_are_is_a_word_or_the_url_of_a_server(written: str, meant: str) -> None:
    assert MemoryOptions(vectors=written).vectors == meant


@pytest.mark.parametrize(
    "written", ["", "qdrant", "localhost:8000", "ftp://host", "http://", "http://host/path", "http://me:secret@host"]
)
def test_anything_else_is_refused_and_no_secret_is_told(written: str) -> None:
    with pytest.raises(ValidationError, match="must be chroma, pgvector, none") as told:
        MemoryOptions(vectors=written)
    assert "secret" not in str(told.value)


def test_a_user_may_have_ten_thousand_memories() -> None:
    assert MemoryOptions().most_memories == 10_000
    with pytest.raises(ValidationError):
        MemoryOptions(most_memories=0)
