"""The tools that make the book, one folder for each stage of its way.

    read    chapters become cells and marked blocks
    tangle  blocks become the package and its tests, and edits come back
    run     chapters and tests run; what came of it is kept
    weave   chapters, outputs and tests become pages
    site    MkDocs makes the site of the pages
    bench   the package is timed and experiments are recorded
    assets  pictures and data that are made once and committed

A stage imports itself and earlier ones. The commands in `scripts/` say which
module does their work.
"""

from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
ROOT = SCRIPTS.parent  # the repository
