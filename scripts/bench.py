"""Time dlfs against other libraries; see `bookkit/bench/command.py`."""

import sys

from bookkit.bench.command import main

if __name__ == "__main__":
    sys.exit(main())
