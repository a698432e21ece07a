"""The robot that drives where it is told to; takes the arguments of myna_ros's voice.launch.py."""

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """What is started."""
    launch = PathJoinSubstitution([FindPackageShare("myna_ros"), "launch", "voice.launch.py"])
    own = {"package": "myna_ros_example", "executable": "drive"}
    return LaunchDescription([IncludeLaunchDescription(launch, launch_arguments=own.items())])
