"""`import myna` is cheap, and everything is there all the same."""

import ast
import subprocess
import sys
from pathlib import Path

import myna

STUB = Path(myna.__file__).with_suffix(".pyi")


def test_importing_myna_imports_nothing_else() -> None:
    program = "import sys; before = set(sys.modules); import myna; print(*sorted(set(sys.modules) - before))"
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in shown if name.startswith("myna")] == ["myna"]
    assert not {"typing", "asyncio", "pydantic", "anyio", "httpx"}.intersection(shown) - {"typing"}


def test_every_name_is_there() -> None:
    for name in myna.__all__:
        assert getattr(myna, name) is not None
    assert set(myna.__all__) <= set(dir(myna))


def test_type_checkers_are_told_the_same_names_from_the_same_places() -> None:
    told = {
        alias.name: node.module
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(told) == sorted(myna.__all__)
    assert all(
        getattr(__import__(str(home), fromlist=[name]), name) is getattr(myna, name) for name, home in told.items()
    )


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(myna, "Robot")
