import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["myna", "myna.cli.main", "myna.tools.mcp.opening"])
def test_the_sdk_is_not_imported_before_it_is_needed(module: str):
    code = f"import sys, {module}; print([name for name in ('mcp', 'mcp_types', 'httpx2') if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"
