"""How colcon installs the package."""

from glob import glob

from setuptools import setup

NAME = "rdk_chat"

setup(
    name=NAME,
    version="0.1.0",
    description="Chat with a Myna server: as a service, and as an action that streams.",
    license="Apache-2.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/config", glob("config/*.yaml")),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    entry_points={
        "console_scripts": [
            "chat_service = rdk_chat.chat_service:main",
            "chat_action = rdk_chat.chat_action:main",
        ]
    },
)
