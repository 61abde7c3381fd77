"""Settings of pytest for the package's tests and those of the scripts."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "scripts"))

pytest_plugins = ["bookkit.run.pytest_chapters"]
