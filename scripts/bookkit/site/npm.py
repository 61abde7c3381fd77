"""What npm brings for the readers' pages: KaTeX and the letters.

package.json names them in exact versions and `make site` installs them into
node_modules/. The site serves its own copies, below assets/ at the place that
they have there: no page asks another host.
"""

from pathlib import Path

from bookkit.read.chapters import BookError, Mistake

FILES = (
    "katex/LICENSE",
    "katex/dist/katex.min.css",
    "katex/dist/katex.min.js",
    "katex/dist/contrib/auto-render.min.js",
    "katex/dist/fonts/*",
    "@fontsource-variable/*/LICENSE",
    "@fontsource-variable/*/files/*-latin-wght-*.woff2",
)


def npm_files(root: Path) -> dict[str, bytes]:
    """The content of each file, under its address in the site."""
    folder, found = root / "node_modules", {}
    for pattern in FILES:
        paths = sorted(folder.glob(pattern))
        if not paths:
            message = (
                f"node_modules/{pattern} is missing; the site needs Node.js "
                "with npm: run `npm ci` here, or `make site`, which does it"
            )
            raise BookError([Mistake("package.json", 1, message)])
        for path in paths:
            name = path.relative_to(folder).as_posix()
            found[f"assets/{name}"] = path.read_bytes()
    return found
