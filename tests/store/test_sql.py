from collections.abc import AsyncGenerator

import pytest

from myna.store.opening import open_store
from myna.store.sql import SQLStore
from myna.testing.conformance.store import StoreConformance

pytestmark = pytest.mark.anyio


class TestSQLStore(StoreConformance):
    @pytest.fixture
    async def store(self, url: str) -> AsyncGenerator[SQLStore]:
        async with open_store(url) as store:
            yield store
