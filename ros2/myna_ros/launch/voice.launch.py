"""The voice node, or a robot's own in its place; with this machine's microphone and loudspeaker, if it has them."""

from collections.abc import Mapping

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PARAMETERS = {
    "url": "The Myna server.",
    "api_key_file": "A file with the server's key.",
    "persona": "Who answers.",
    "language": "What users speak: zh, en …",
    "audio_type": "The message type of both audio topics.",
}
"""Those of the node that can be given on the command line; the file has them all."""

ARGUMENTS = {
    "audio_in": ("/microphone/audio", "Where audio comes from."),
    "audio_out": ("/loudspeaker/audio", "Where audio goes to."),
    "devices": ("true", "Whether to use this machine's microphone and loudspeaker."),
    "microphone": ("default", "Which one, as `arecord -L` lists them."),
    "loudspeaker": ("default", "Which one, as `aplay -L` lists them."),
    "package": ("myna_ros", "Whose node it is."),
    "executable": ("voice", "Which node: a robot's own, with its tools."),
}


def texts(given: Mapping[str, str | LaunchConfiguration]) -> dict[str, ParameterValue]:
    """Parameters that stay texts, also those that look like numbers; without the empty ones."""
    return {name: ParameterValue(value, value_type=str) for name, value in given.items() if value}


def voice(context: LaunchContext) -> list[Node]:
    """The node; what is not given on the command line is as the file has it."""
    given = {name: LaunchConfiguration(name).perform(context) for name in PARAMETERS}
    return [
        Node(
            package=LaunchConfiguration("package"),
            executable=LaunchConfiguration("executable"),
            name="myna_voice",
            output="screen",
            parameters=[LaunchConfiguration("config"), texts(given)],
            remappings=[
                ("~/audio_in", LaunchConfiguration("audio_in")),
                ("~/audio_out", LaunchConfiguration("audio_out")),
            ],
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """What is started."""
    config = PathJoinSubstitution([FindPackageShare("myna_ros"), "config", "voice.yaml"])
    devices = IfCondition(LaunchConfiguration("devices"))
    return LaunchDescription(
        [
            DeclareLaunchArgument("config", default_value=config, description="A file with parameters."),
            *(
                DeclareLaunchArgument(name, default_value=default, description=about)
                for name, (default, about) in ARGUMENTS.items()
            ),
            *(DeclareLaunchArgument(name, default_value="", description=about) for name, about in PARAMETERS.items()),
            OpaqueFunction(function=voice),
            Node(
                package="myna_ros",
                executable="microphone",
                name="microphone",
                output="screen",
                condition=devices,
                parameters=[texts({"device": LaunchConfiguration("microphone")})],
                remappings=[("~/audio", LaunchConfiguration("audio_in"))],
            ),
            Node(
                package="myna_ros",
                executable="loudspeaker",
                name="loudspeaker",
                output="screen",
                condition=devices,
                parameters=[texts({"device": LaunchConfiguration("loudspeaker")})],
                remappings=[("~/audio", LaunchConfiguration("audio_out")), ("~/flush", "/myna_voice/flush")],
            ),
        ]
    )
