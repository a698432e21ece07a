"""A process that keeps messages is killed at any moment. ``MYNA_KILLS=100`` does it a hundred times."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from tests.store.appender import TALKERS

from myna.core.ids import ConversationId
from myna.store.opening import open_store

KILLS = int(os.environ.get("MYNA_KILLS", "2"))
PATIENCE_S = 60.0

pytestmark = pytest.mark.anyio


def run_and_kill(url: str, *, after_s: float, from_start: bool) -> set[tuple[str, str]]:
    """What was acknowledged before the end, which comes so long after the start, or else after the first word."""
    program = [sys.executable, str(Path(__file__).with_name("appender.py")), url]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        killer = Timer(after_s if from_start else PATIENCE_S, child.kill)
        killer.start()
        lines: list[str] = []
        until = None
        for line in child.stdout:
            if line.endswith("\n"):  # else it was killed in the midst of the line
                lines.append(line)
            if not from_start:
                until = until or time.monotonic() + after_s
                if time.monotonic() >= until:
                    child.kill()
        killer.cancel()
    assert from_start or lines, "nothing was ever acknowledged"
    return {(conversation, message) for conversation, message in map(str.split, lines)}


def damage(url: str) -> list[str]:
    """What is wrong with an SQLite file, and which messages its index lacks."""
    if "://" in url:
        return []
    with closing(sqlite3.connect(url)) as file:
        told = [line for (line,) in file.execute("PRAGMA integrity_check") if line != "ok"]
        told += [str(row) for row in file.execute("PRAGMA foreign_key_check")]
        file.execute("INSERT INTO message_words (message_words) VALUES ('integrity-check')")
        lacking = "SELECT id FROM messages WHERE number NOT IN (SELECT rowid FROM message_words)"
        return told + [message_id for (message_id,) in file.execute(lacking)]


async def test_what_was_acknowledged_is_there_after_kill_9(url: str) -> None:
    chance = random.Random(6)
    acknowledged: set[tuple[str, str]] = set()
    for kill in range(KILLS):
        from_start = kill % 4 == 3
        acknowledged |= run_and_kill(
            url, after_s=chance.uniform(0.0, 2.0 if from_start else 0.8), from_start=from_start
        )
    there: set[tuple[str, str]] = set()
    async with open_store(url) as store:
        for number in range(TALKERS):
            conversation_id = ConversationId(f"conv_{number}")
            messages = await store.messages(conversation_id)
            there |= {(conversation_id, message.id) for message in messages}
            assert len(messages) == len({message.id for message in messages})
    assert len(acknowledged) > 5 * KILLS
    assert acknowledged <= there
    assert len(there) <= len(acknowledged) + KILLS * TALKERS  # each talker had one on its way
    assert not damage(url)
