"""How colcon installs it."""

from glob import glob

from setuptools import setup

NAME = "myna_ros"

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*.yaml")),
    ],
    install_requires=["setuptools", "websockets"],
    zip_safe=True,
    description="A robot hears and speaks through a Myna server.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "loudspeaker = myna_ros.loudspeaker:main",
            "microphone = myna_ros.microphone:main",
            "voice = myna_ros.voice:main",
        ],
    },
)
