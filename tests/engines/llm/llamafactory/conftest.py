"""The machine of these tests: one for each process that runs them."""

from collections.abc import Generator

import pytest
from tests.engines.llm.llamafactory.machine import Machine, NoSshd, run_machine


@pytest.fixture(scope="session")
def shared_machine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Machine]:
    try:
        with run_machine(tmp_path_factory.mktemp("machine")) as machine:
            yield machine
    except NoSshd as error:
        pytest.skip(str(error))


@pytest.fixture
def machine(shared_machine: Machine) -> Machine:
    """The machine, on which nothing has happened yet."""
    shared_machine.forget()
    return shared_machine


@pytest.fixture
def anyio_backend() -> str:
    """asyncssh knows asyncio only."""
    return "asyncio"
