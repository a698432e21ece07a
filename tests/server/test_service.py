from pathlib import Path

import pytest

from myna.config.load import load_settings
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.personas.load import Personas
from myna.server.service import open_service
from myna.store.in_memory import InMemoryStore
from myna.store.lazy import LazyStore
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


async def test_a_service_that_keeps_has_its_database_in_the_data_folder(tmp_path: Path, weights: Weights) -> None:
    loaded = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path), "MYNA_MEMORY__ENABLED": "false"})
    conversation = Conversation(new_conversation_id(), "assistant")
    async with open_service(loaded, (), weights, Personas(None), keeps=True) as service:
        await service.store_of(conversation).create(conversation)
    assert (loaded.folders.data / "myna.db").exists()
    async with open_service(loaded, (), weights, Personas(None), keeps=True) as service:
        assert await service.store.find(conversation.id) == conversation


async def test_a_service_that_does_not_keep_touches_no_folder(tmp_path: Path, weights: Weights) -> None:
    loaded = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})
    async with open_service(loaded, (), weights, Personas(None)) as service:
        assert isinstance(service.store, LazyStore)
        assert isinstance(service.store.kept, InMemoryStore)
        await service.store.create(Conversation(new_conversation_id(), "assistant"))
    assert not loaded.folders.data.exists()


async def test_a_private_conversation_is_in_memory_alone(tmp_path: Path, weights: Weights) -> None:
    loaded = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path), "MYNA_MEMORY__ENABLED": "false"})
    private = Conversation(new_conversation_id(), "assistant", private=True)
    async with open_service(loaded, (), weights, Personas(None), keeps=True) as service:
        await service.store_of(private).create(private)
        assert await service.store.find(private.id) is None
    assert private.id.encode() not in (loaded.folders.data / "myna.db").read_bytes()
