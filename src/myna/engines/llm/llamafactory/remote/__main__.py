"""``python -m`` of this folder, and of the archive that it is deployed as."""

import os
import sys

from .main import main

if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # nothing is left to be said, and pexpect would take its time
