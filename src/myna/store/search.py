"""The index of words that messages are found by, in either database.

SQLite has it in an FTS5 table, PostgreSQL in a column of type ``tsvector``. Both are given the words of `words`, apart
and in order, so both find the same.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Text, bindparam, text

from myna.core.ids import UserId
from myna.store.database import Database
from myna.store.prepared import Prepared
from myna.store.tables import conversations, messages
from myna.store.words import Phrase, phrases_of, words_of

MERGED_PAGES = 200
"""So many pages of SQLite's index are merged at a time, before others may write."""

_LONGEST_WORD = 200
"""So many characters of a word count: PostgreSQL has room for 2,046 bytes."""

_MOST_BYTES = 900_000
"""So long are all words of a message together in PostgreSQL, which has room for 1 MiB with their places."""

_NUMBER = bindparam("number", type_=BigInteger)
_WORDS = bindparam("words", type_=Text)

_ADD = {
    True: Prepared(text("INSERT INTO message_words (rowid, words) VALUES (:number, :words)")),
    False: Prepared(
        text("INSERT INTO message_words (number, words) VALUES (:number, CAST(:words AS tsvector))").bindparams(
            _NUMBER, _WORDS
        )
    ),
}
_REMOVE = {
    True: text("DELETE FROM message_words WHERE rowid = :number"),
    False: text("DELETE FROM message_words WHERE number = :number").bindparams(_NUMBER),
}
_REMOVE_ALL = text(
    "DELETE FROM message_words WHERE rowid IN (SELECT number FROM messages WHERE conversation_id = :conversation_id)"
)
_COPY = {
    True: text(
        "INSERT INTO message_words (rowid, words) SELECT new.number, words FROM message_words "
        "JOIN messages old ON old.number = message_words.rowid JOIN messages new ON new.id = old.id "
        "WHERE old.conversation_id = :old AND new.conversation_id = :new"
    ),
    False: text(
        "INSERT INTO message_words (number, words) SELECT new.number, words FROM message_words "
        "JOIN messages old ON old.number = message_words.number JOIN messages new ON new.id = old.id "
        "WHERE old.conversation_id = :old AND new.conversation_id = :new"
    ),
}
_CHANGES = text("SELECT total_changes()")
_COLUMNS = "m.id, m.turn_id, m.kind, m.body, m.said_at, c.id AS conversation_id, c.persona_id, c.user_id, c.title"
_TYPED = (
    *(messages.c[name] for name in ("id", "turn_id", "kind", "body", "said_at", "conversation_id")),
    *(conversations.c[name] for name in ("persona_id", "user_id", "title")),
)
_FIND = {
    True: text(
        f"SELECT {_COLUMNS} FROM message_words JOIN messages m ON m.number = message_words.rowid "  # noqa: S608 - ours
        "JOIN conversations c ON c.id = m.conversation_id "
        "WHERE message_words MATCH :query AND c.user_id = :user_id "
        "ORDER BY message_words.rank, m.number DESC LIMIT :limit"
    ).columns(*_TYPED),
    False: text(
        f"SELECT {_COLUMNS} FROM message_words w JOIN messages m ON m.number = w.number "  # noqa: S608 - ours
        "JOIN conversations c ON c.id = m.conversation_id, CAST(:query AS tsquery) q "
        "WHERE w.words @@ q AND c.user_id = :user_id "
        "ORDER BY ts_rank(w.words, q, 1) DESC, m.number DESC LIMIT :limit"
    )
    .bindparams(bindparam("query", type_=Text))
    .columns(*_TYPED),
}


def add(database: Database, connection: Connection, number: int, said: str) -> None:
    """A message can be found by what was said in it."""
    words = [word[:_LONGEST_WORD] for word in words_of(said)]
    if words:
        kept = " ".join(words) if database.is_sqlite else _vector(words)
        _ADD[database.is_sqlite].run(connection, {"number": number, "words": kept})


def remove(database: Database, connection: Connection, number: int) -> None:
    """A message can no longer be found."""
    connection.execute(_REMOVE[database.is_sqlite], {"number": number})


def remove_all(database: Database, connection: Connection, conversation_id: str) -> None:
    """No message of a conversation can be found any longer. Call it before they are deleted."""
    if database.is_sqlite:  # PostgreSQL does it when it deletes the messages
        connection.execute(_REMOVE_ALL, {"conversation_id": conversation_id})


def copy(database: Database, connection: Connection, old: str, new: str) -> None:
    """The messages of a conversation can be found as those of another one with the same ids."""
    connection.execute(_COPY[database.is_sqlite], {"old": old, "new": new})


def find(database: Database, connection: Connection, user_id: UserId, query: str, limit: int) -> Sequence[Row[Any]]:
    """The messages that have all words of ``query``, the best first."""
    phrases = phrases_of(query)
    if not phrases:
        return ()
    wanted = " AND ".join(map(_phrase, phrases)) if database.is_sqlite else " & ".join(map(_tsquery, phrases))
    given = {"query": wanted, "user_id": user_id, "limit": limit}
    return connection.execute(_FIND[database.is_sqlite], given).all()


async def purge(database: Database) -> None:
    """Words of what was deleted are gone from SQLite's index, which else keeps them until it merges its parts."""
    if not database.is_sqlite:
        return
    pages = -MERGED_PAGES  # the first time, all parts are to become one
    while await database.writing(partial(_merge, pages=pages)):
        pages = MERGED_PAGES


def _merge(connection: Connection, pages: int) -> bool:
    """Merge some; whether there is more to merge, as FTS5 tells it."""
    merge = text("INSERT INTO message_words (message_words, rank) VALUES ('merge', :pages)")
    before = connection.execute(_CHANGES).scalar_one()
    connection.execute(merge, {"pages": pages})
    return connection.execute(_CHANGES).scalar_one() - before > 1


def _phrase(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.words)}"{"*" if phrase.begins else ""}'


def _vector(words: Sequence[str]) -> str:
    places: dict[str, list[str]] = {}
    room = _MOST_BYTES
    for place, word in enumerate(words, 1):
        if word not in places:
            room -= len(word.encode())
        if room < 0:  # those behind it are not found
            break
        places.setdefault(word, []).append(str(place))
    return " ".join(f"'{word}':{','.join(at[:256])}" for word, at in places.items())


def _tsquery(phrase: Phrase) -> str:
    *words, last = (f"'{word[:_LONGEST_WORD]}'" for word in phrase.words)
    return "(" + " <-> ".join([*words, f"{last}:*" if phrase.begins else last]) + ")"
