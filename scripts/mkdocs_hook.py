"""The hook of MkDocs; see `bookkit/site/mkdocs_hook.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bookkit.site.mkdocs_hook import *  # noqa: F403
