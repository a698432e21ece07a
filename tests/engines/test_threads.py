import os
import subprocess
import sys

import pytest

COUNT = """
import {first}, numpy, psutil
print(psutil.Process().num_threads())
"""


@pytest.mark.parametrize("first", ["myna.cli.main", "myna.engines.base"])
def test_numpy_computes_in_no_threads_of_its_own(first: str):
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", COUNT.format(first=first)]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=60)
    assert int(done.stdout) == 1
