"""Build the site as `make serve` does: again and again in one process.

    python rebuild.py SITE [PAGE OLD NEW]...

After each build the text OLD of a page in book/ becomes NEW, and the seconds
of the next build are printed. Run in a folder that holds the sources.
"""

import sys
import time
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

ADDRESS = "http://127.0.0.1:8000/"


def rebuild(site: Path) -> float:
    """Build once; returns the seconds it took."""
    start = time.perf_counter()
    config = load_config(site_dir=str(site))
    config.site_url = ADDRESS
    build(config, serve_url=ADDRESS)
    return time.perf_counter() - start


def main(site: str, *edits: str) -> None:
    """Build, and after every edit once more."""
    rebuild(Path(site))
    for page, old, new in zip(edits[::3], edits[1::3], edits[2::3]):
        path = Path("book", page)
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            sys.exit(f"{page} does not have {old!r} once")
        path.write_text(text.replace(old, new), encoding="utf-8")
        print(f"{rebuild(Path(site)):.1f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
