"""How colcon installs it."""

from glob import glob

from setuptools import setup

NAME = "myna_ros_example"

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    description="A robot that drives where it is told to.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "drive = myna_ros_example.drive:main",
        ],
    },
)
