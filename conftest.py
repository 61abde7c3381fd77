"""Settings of pytest for the package's tests and those of the scripts."""

import gc
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "scripts"))

pytest_plugins = ["bookkit.run.pytest_chapters"]


def pytest_collection_finish() -> None:
    """Keep what is there by now out of every collection of garbage.

    Those of a whole session cost a seventh of its time.
    """
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Leave the rest to the end of the process, for the same reason."""
    gc.freeze()
