"""Run chapters and write them as scripts; `bookkit/run/run_chapters.py`."""

import sys

from bookkit.run.run_chapters import main

if __name__ == "__main__":
    sys.exit(main())
