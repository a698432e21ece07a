"""A node's parameters, declared and read. What is wrong is told, and the default is used: a robot has to start."""

from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from myna_ros.settings import Parameter


def read(node: Node, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The value of each, by its name; they are read-only from now on."""
    return {parameter.name: _read(node, parameter) for parameter in parameters}


def _read(node: Node, parameter: Parameter) -> Any:
    about = f"{parameter.about} One of: {', '.join(map(str, parameter.among))}." if parameter.among else parameter.about
    descriptor = ParameterDescriptor(description=about, read_only=True, dynamic_typing=True)
    value: Any = node.declare_parameter(parameter.name, parameter.default, descriptor).value
    if isinstance(parameter.default, list) and isinstance(value, (list, tuple, bytes)):
        value = list(value)
    if wrong := parameter.wrong(value):
        node.get_logger().error(f"{parameter.name} is {value!r}, but {wrong}: {parameter.default!r} is used.")
        return parameter.default
    return value
