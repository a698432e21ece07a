import pytest

from myna.memory.vectors.base import Vectors
from myna.testing.conformance.vectors import VectorsConformance
from myna.testing.vectors import InMemoryVectors


class TestInMemoryVectors(VectorsConformance):
    @pytest.fixture
    def vectors(self) -> Vectors:
        return InMemoryVectors()
