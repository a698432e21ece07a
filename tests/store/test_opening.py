import subprocess
import sys
from pathlib import Path

import pytest
from tests.session.players import CONVERSATION, PERSONA, said

from myna.core.commands import SendText
from myna.core.events import TurnEnded
from myna.core.ids import OWNER
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import open_session
from myna.store.opening import open_store
from myna.store.options import FILE_NAME, StoreOptions
from myna.testing.llm import ScriptedLLM

pytestmark = pytest.mark.anyio


async def talk(url: str, text: str) -> ScriptedLLM:
    """One turn, in a process that has nothing but the database."""
    llm = ScriptedLLM(f"[平静] {text}，我知道了。")
    async with (
        open_store(url) as store,
        open_session(CONVERSATION, PERSONA, SessionEngines(llm), store, SessionOptions()) as session,
    ):
        await session.send(SendText(text))
        async for event in session:
            if isinstance(event, TurnEnded):
                assert event.outcome == "completed"
                break
    return llm


async def test_a_conversation_goes_on_where_it_was_left(url: str) -> None:
    await talk(url, "我的猫叫小白")
    llm = await talk(url, "它叫什么")
    assert ["我的猫叫小白" in message.content for message in llm.calls[0].request.messages].count(True) == 2
    async with open_store(url) as store:
        kept = said(await store.messages(CONVERSATION.id))
        assert [text.removesuffix("，我知道了。").removeprefix("[平静] ") for text in kept] == [
            *["我的猫叫小白"] * 2,
            *["它叫什么"] * 2,
        ]
        assert len(await store.search(OWNER, "小白")) == 2


def test_who_opens_no_store_does_not_wait_for_sqlalchemy(tmp_path: Path) -> None:
    code = "import sys, myna.store.opening, myna.store.in_memory; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_the_store_is_in_the_data_folder_unless_it_is_named(tmp_path: Path) -> None:
    assert StoreOptions().place(tmp_path) == tmp_path / FILE_NAME
    named = StoreOptions.model_validate({"url": "postgresql://me:hunter2@host/name"})
    assert named.place(tmp_path) == "postgresql://me:hunter2@host/name"
    assert "hunter2" not in repr(named)
