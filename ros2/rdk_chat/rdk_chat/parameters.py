"""The settings as ROS parameters."""

from dataclasses import Field
from typing import Any

from rcl_interfaces.msg import IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from rdk_chat.settings import Kind, Settings, WrongSetting, checked, settings_of
from rdk_chat.talk import Talk


def declare(node: Node, kind: Kind) -> Settings:
    """Declare those of one node, and read them.

    Raises:
        WrongSetting: One has a value, or a type, that it cannot have.
    """
    return checked({one.name: _declared(node, one) for one in settings_of(kind)})


def follow(node: Node, kind: Kind, talk: Talk) -> None:
    """Have what is set later count for the next prompt; what cannot be is refused, with the reason."""
    names = {one.name for one in settings_of(kind)}

    def changed(parameters: list[Parameter]) -> SetParametersResult:
        values = {name: node.get_parameter(name).value for name in names}
        values |= {one.name: one.value for one in parameters if one.name in names}
        try:
            talk.settings = checked(values)
        except WrongSetting as wrong:
            return SetParametersResult(successful=False, reason=str(wrong))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(changed)


def _declared(node: Node, one: "Field[Any]") -> Any:
    try:
        return node.declare_parameter(one.name, one.default, _descriptor(one)).value
    except (ParameterException, ValueError) as fault:
        raise WrongSetting(f"{one.name}: {fault}") from fault


def _descriptor(one: "Field[Any]") -> ParameterDescriptor:
    told = one.metadata
    descriptor = ParameterDescriptor(description=told["told"], read_only=told["fixed"])
    if told["choices"]:
        descriptor.additional_constraints = "One of: " + ", ".join(choice or "empty" for choice in told["choices"])
    if isinstance(one.default, float):
        descriptor.dynamic_typing = True  # 3 is as good as 3.0
        descriptor.additional_constraints = f"From {told['least']:g} to {told['most']:g}"
    elif told["least"] is not None:
        descriptor.integer_range = [IntegerRange(from_value=told["least"], to_value=told["most"], step=1)]
    return descriptor
