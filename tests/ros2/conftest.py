from collections.abc import Iterator

import pytest
from tests.end_to_end.conftest import home, parrot, start, steady
from tests.ros2.robot import BUILT, Driver, Robot, own_environ

__all__ = ["home", "parrot", "start", "steady"]


@pytest.fixture(scope="session")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    assert BUILT.is_dir(), "`make test-ros` makes what these tests run in; scripts/ros does so alone."
    folder = tmp_path_factory.mktemp("robot")
    robot = Robot(own_environ(folder), folder)
    yield robot
    robot.end()


@pytest.fixture(scope="session")
def driver(robot: Robot) -> Iterator[Driver]:
    with robot.driver() as driver:
        yield driver
