"""What npm brings for the readers' pages: KaTeX and the letters.

package.json names them in exact versions and `make site` installs them into
node_modules/. The site serves its own copies: no page asks another host.
"""

import re
from pathlib import Path

MISSING = (
    "{path} is missing; the site needs Node.js with npm: run "
    "`npm ci` in {root}, or `make site`, which does it"
)
# The file below node_modules -> its name below assets/ in the site.
FILES = {
    "katex/dist/katex.min.css": "katex/katex.min.css",
    "katex/dist/katex.min.js": "katex/katex.min.js",
    "katex/dist/contrib/auto-render.min.js": "katex/auto-render.min.js",
    "katex/LICENSE": "katex/LICENSE",
}
KATEX_FONTS = "katex/dist/fonts"
FONT = "@fontsource-variable/{name}/files/{name}-latin-wght-{style}.woff2"
FONT_LICENSE = "@fontsource-variable/{name}/LICENSE"
FONTS = ("source-serif-4", "source-sans-3", "source-code-pro")
STYLES = ("normal", "italic")
OTHER_FORMATS = re.compile(r',url\([^)]*\) format\("(?:woff|truetype)"\)')


class MissingPackageError(Exception):
    """npm has not been run; the message says what to do."""


def npm_files(root: Path) -> dict[str, bytes]:
    """The content of each file, under its address in the site."""
    folder = root / "node_modules"
    names = dict(FILES)
    for name in FONTS:
        names[FONT_LICENSE.format(name=name)] = f"fonts/{name}-LICENSE"
        for style in STYLES:
            font = FONT.format(name=name, style=style)
            names[font] = f"fonts/{name}-{style}.woff2"
    for path in sorted((folder / KATEX_FONTS).glob("*.woff2")):
        names[f"{KATEX_FONTS}/{path.name}"] = f"katex/fonts/{path.name}"
    found = {
        f"assets/{name}": read(root, folder / source)
        for source, name in names.items()
    }
    # Every browser of the last ten years reads woff2: the rest stays here.
    css = found["assets/katex/katex.min.css"].decode()
    css = OTHER_FORMATS.sub("", css)
    found["assets/katex/katex.min.css"] = css.encode()
    return found


def read(root: Path, path: Path) -> bytes:
    """The content of a file that npm should have installed."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        message = MISSING.format(path=path.relative_to(root), root=root.name)
        raise MissingPackageError(message) from None
