"""Starts the node ``chat_service``, and with ``serve:=true`` a Myna server beside it."""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PARAMETERS = {
    "url": "where Myna listens",
    "persona": "the id of the persona that answers",
    "language": "a code such as zh: the first persona of that language answers",
    "profile": "fast, balanced or quality",
    "conversation": "node, client or none",
    "interfaces_package": "the package that has the type",
    "service_name": "the name of the service",
}
"""Given here, they take the place of those in the file; left empty, those count."""


def _node(context: LaunchContext) -> "list[Node]":
    given = {name: LaunchConfiguration(name).perform(context) for name in PARAMETERS}
    return [
        Node(
            package="rdk_chat",
            executable="chat_service",
            name=LaunchConfiguration("node_name"),
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), {name: text for name, text in given.items() if text}],
            ros_arguments=["--log-level", LaunchConfiguration("log_level")],
            output="screen",
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """What ``ros2 launch`` runs."""
    defaults = PathJoinSubstitution([FindPackageShare("rdk_chat"), "config", "chat.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("params_file", default_value=defaults, description="a file with parameters"),
            DeclareLaunchArgument("node_name", default_value="chat_service", description="the name of the node"),
            DeclareLaunchArgument("namespace", default_value="", description="of the node"),
            DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn or error"),
            DeclareLaunchArgument("serve", default_value="false", description="whether to start Myna too"),
            DeclareLaunchArgument("myna", default_value="myna", description="the program that serve starts"),
            *(DeclareLaunchArgument(name, default_value="", description=told) for name, told in PARAMETERS.items()),
            ExecuteProcess(
                cmd=[LaunchConfiguration("myna"), "serve"],
                condition=IfCondition(LaunchConfiguration("serve")),
                output="screen",
            ),
            OpaqueFunction(function=_node),
        ]
    )
