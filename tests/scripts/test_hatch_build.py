import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]


def test_a_wheel_brings_the_web_app_along(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(build, cwd=ROOT, capture_output=True, timeout=600, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        there = {name.removeprefix("myna/server/web_app/") for name in archive.namelist()}
        page = archive.read("myna/server/web_app/index.html").decode()
    named = re.findall(r'(?:src|href)="\./([^"]+)"', page)
    assert [name for name in named if name.endswith(".js")]
    assert set(named) <= there
