"""Record runs of an experiment; see `bookkit/bench/runs.py`."""

import sys

from bookkit.bench.runs import main

if __name__ == "__main__":
    sys.exit(main())
