"""Make the package from the chapters; see `bookkit/tangle/command.py`.

The package runs this file when an error is to name its chapter line.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bookkit.tangle.command import main
from bookkit.tangle.tracebacks import install_traceback_hook

__all__ = ["install_traceback_hook", "main"]

if __name__ == "__main__":
    sys.exit(main())
