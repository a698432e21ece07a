"""What a launch file starts."""
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# launch is not to be had where the types are checked.

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from rdk_chat.settings import Kind, settings_of


def description(kind: Kind) -> LaunchDescription:
    """A node, and Myna beside it if that is wanted.

    Each parameter that is a text can be given as an argument; left empty, what the file says counts.
    """
    executable = f"chat_{kind}"
    parameters = {one.name: one.metadata["told"] for one in settings_of(kind) if isinstance(one.default, str)}

    def node(context: LaunchContext) -> list[Node]:
        given = {name: LaunchConfiguration(name).perform(context) for name in parameters}
        return [
            Node(
                package="rdk_chat",
                executable=executable,
                name=LaunchConfiguration("node_name"),
                namespace=LaunchConfiguration("namespace"),
                parameters=[LaunchConfiguration("params_file"), {name: text for name, text in given.items() if text}],
                ros_arguments=["--log-level", LaunchConfiguration("log_level")],
                output="screen",
            )
        ]

    defaults = PathJoinSubstitution([FindPackageShare("rdk_chat"), "config", "chat.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("params_file", default_value=defaults, description="A file with parameters."),
            DeclareLaunchArgument("node_name", default_value=executable, description="The name of the node."),
            DeclareLaunchArgument("namespace", default_value="", description="Its namespace."),
            DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn or error."),
            DeclareLaunchArgument("serve", default_value="false", description="Whether to start Myna too."),
            DeclareLaunchArgument("myna", default_value="myna", description="The program that serve starts."),
            *(DeclareLaunchArgument(name, default_value="", description=told) for name, told in parameters.items()),
            ExecuteProcess(
                cmd=[LaunchConfiguration("myna"), "serve"],
                condition=IfCondition(LaunchConfiguration("serve")),
                output="screen",
            ),
            OpaqueFunction(function=node),
        ]
    )
