"""What npm brings for the readers' pages: KaTeX and the letters.

package.json names them in exact versions and `make site` installs them into
node_modules/. The site serves its own copies, below assets/ at the place that
they have there: no page asks another host.
"""

import re
from pathlib import Path

from bookkit.read.chapters import BookError, Mistake

MISSING = (
    "node_modules/{} is missing; the site needs Node.js with npm: run "
    "`npm ci` here, or `make site`, which does it"
)
KATEX_CSS = "katex/dist/katex.min.css"
FILES = (
    *("katex/LICENSE", KATEX_CSS, "katex/dist/katex.min.js"),
    "katex/dist/contrib/auto-render.min.js",
    "katex/dist/fonts/*.woff2",
    "@fontsource-variable/*/LICENSE",
    "@fontsource-variable/*/files/*-latin-wght-*.woff2",
)
OTHER_FORMATS = re.compile(rb',url\([^)]*\) format\("(?:woff|truetype)"\)')


def npm_files(root: Path) -> dict[str, bytes]:
    """The content of each file, under its address in the site."""
    folder, found = root / "node_modules", {}
    for pattern in FILES:
        paths = sorted(folder.glob(pattern))
        if not paths:
            message = MISSING.format(pattern)
            raise BookError([Mistake("package.json", 1, message)])
        for path in paths:
            name = path.relative_to(folder).as_posix()
            found[f"assets/{name}"] = path.read_bytes()
    # Every browser of the last ten years reads woff2: the rest stays here.
    css = found[f"assets/{KATEX_CSS}"]
    found[f"assets/{KATEX_CSS}"] = OTHER_FORMATS.sub(b"", css)
    return found
