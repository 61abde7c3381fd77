# Made from book/ by scripts/tangle.py: edit the chapters.
"""Draw a graph of computations as SVG, with no other program."""

import html
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["MAX_NODES", "Drawing", "draw_graph"]


# book/02-scalar-autograd.md#drawing-collect
MAX_NODES = 200


def _collect(
    root: Any, inputs: Callable[[Any], Sequence]
) -> tuple[list, list[list[int]]]:
    """List the nodes below `root`, inputs first, and their inputs."""
    feeds, place = {}, {}  # by id: the inputs of a node, its position
    nodes, sources, stack = [], [], [(root, False)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            place[id(node)] = len(nodes)
            nodes.append(node)
            sources.append([place[id(each)] for each in feeds[id(node)]])
        elif id(node) not in feeds:
            feeds[id(node)] = list(inputs(node))
            if len(feeds) > MAX_NODES:
                raise ValueError(
                    f"draw_graph: more than {MAX_NODES} nodes are too many "
                    "to read; draw a smaller piece of the computation"
                )
            stack.append((node, True))
            stack += [(each, False) for each in reversed(feeds[id(node)])]
    return nodes, sources


# book/02-scalar-autograd.md#drawing-columns
def _find_columns(sources: list[list[int]]) -> list[int]:
    """Choose a column for each node, left of all the nodes it feeds."""
    distance = [0] * len(sources)  # the longest way to the root
    for node in reversed(range(len(sources))):
        for source in sources[node]:
            distance[source] = max(distance[source], distance[node] + 1)
    return [max(distance) - each for each in distance]


# book/02-scalar-autograd.md#drawing-route
_LETTER, _LINE, _PADDING = 7.3, 17, 9  # pixels: a letter, a line, around text
_GAP_X, _GAP_Y = 46, 14  # pixels between columns, and between their boxes


@dataclass(eq=False)
class _Box:
    """A node in the picture; without text it is a bend of an edge."""

    lines: tuple[str, ...] = ()
    near: list["_Box"] = field(default_factory=list)
    width: float = 0.0
    x: float = 0.0
    y: float = 0.0

    def __post_init__(self):
        if self.lines:
            longest = max(map(len, self.lines))
            self.width = _LETTER * longest + 2 * _PADDING

    @property
    def height(self) -> float:
        """Its height in pixels."""
        return _LINE * len(self.lines) + _PADDING


# book/02-scalar-autograd.md#drawing-paths
def _route_edges(
    boxes: list[_Box], sources: list[list[int]]
) -> tuple[list[list[_Box]], list[list[_Box]]]:
    """Return the columns, bends included, and the path of every edge."""
    column = _find_columns(sources)
    columns = [[] for _ in range(max(column) + 1)]
    for box, number in zip(boxes, column, strict=True):
        columns[number].append(box)
    paths = []
    for target, feeds in enumerate(sources):
        for source in feeds:
            path = [boxes[source]]
            for crossed in columns[column[source] + 1 : column[target]]:
                path.append(_Box())
                crossed.append(path[-1])
            paths.append([*path, boxes[target]])
    return columns, paths


# book/02-scalar-autograd.md#drawing-settle
def _settle(column: list[_Box]) -> None:
    """Move the boxes of a column to their neighbours, not too close."""
    for box in column:
        if box.near:
            box.y = sum(each.y for each in box.near) / len(box.near)
    column.sort(key=lambda box: box.y)
    shift, free = 0.0, -math.inf
    for box in column:
        wanted = box.y
        box.y = max(wanted, free + box.height / 2)
        shift += (wanted - box.y) / len(column)
        free = box.y + box.height / 2 + _GAP_Y
    for box in column:
        box.y += shift


# book/02-scalar-autograd.md#drawing-arrange
def _arrange(columns: list[list[_Box]], paths: list[list[_Box]]) -> None:
    """Give every box its place: x by its column, y near its neighbours."""
    for path in paths:
        for left, right in itertools.pairwise(path):
            left.near.append(right)
            right.near.append(left)
    edge = float(_PADDING)
    for column in columns:
        width = max(box.width for box in column)
        for box in column:
            box.width = box.width or width
            box.x = edge + width / 2
        edge += width + _GAP_X
    for column in [*columns[::-1], *columns] * 8:
        _settle(column)
    top = min(box.y - box.height / 2 for column in columns for box in column)
    for column in columns:
        for box in column:
            box.y += _PADDING - top


# book/02-scalar-autograd.md#drawing-write
def _draw_box(box: _Box) -> str:
    """Write the frame of a box."""
    left, top = box.x - box.width / 2, box.y - box.height / 2
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="6"/>'
    )


def _draw_text(box: _Box) -> str:
    """Write the lines of a box, centred."""
    top = box.y - box.height / 2 - 1
    return "\n".join(
        f'<text x="{box.x:.1f}" y="{top + _LINE * number:.1f}">'
        f"{_escape(line)}</text>"
        for number, line in enumerate(box.lines, 1)
    )


def _escape(text: str) -> str:
    """Make a text safe inside SVG."""
    return html.escape("".join(c if c.isprintable() else "?" for c in text))


# book/02-scalar-autograd.md#drawing-edge
def _draw_edge(path: list[_Box], entry: float) -> str:
    """Write an edge, curve by curve, that arrives at the height `entry`."""
    x, y = path[0].x + path[0].width / 2, path[0].y
    steps = [f"M{x:.1f} {y:.1f}"]
    for box in path[1:]:
        left, right = box.x - box.width / 2, box.x + box.width / 2
        height = entry if box is path[-1] else box.y
        middle = (x + left) / 2
        steps.append(
            f"C{middle:.1f} {y:.1f} {middle:.1f} {height:.1f} "
            f"{left:.1f} {height:.1f}"
        )
        x, y = right, height
        steps.append("m-6 -4l6 4l-6 4" if box is path[-1] else f"H{x:.1f}")
    return f'<path d="{"".join(steps)}"/>'


# book/02-scalar-autograd.md#drawing-edges
def _draw_edges(paths: list[list[_Box]]) -> list[str]:
    """Write all edges; those into one box arrive side by side."""
    arriving = {}
    for path in paths:
        arriving.setdefault(path[-1], []).append(path)
    drawn = []
    for box, group in arriving.items():
        group.sort(key=lambda path: path[-2].y)
        step = min(10, (box.height - 8) / len(group))
        for number, path in enumerate(group):
            offset = (number - (len(group) - 1) / 2) * step
            drawn.append(_draw_edge(path, box.y + offset))
    return drawn


# book/02-scalar-autograd.md#drawing-graph
_FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" color="#808080"
 viewBox="0 0 {width:.1f} {height:.1f}"
 width="{width:.0f}" height="{height:.0f}"
 style="max-width:100%;height:auto">
<title>{title}</title>
<g fill="none" stroke="currentColor" stroke-width="1.3">{edges}</g>
<g fill="#eef3f8" stroke="currentColor">{boxes}</g>
<g fill="#1c2733" font-family="monospace" font-size="12" text-anchor="middle">
{texts}
</g>
</svg>
"""


@dataclass(frozen=True)
class Drawing:
    """A picture as SVG text; a notebook shows the picture itself."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the picture to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


# book/02-scalar-autograd.md#draw-graph
def draw_graph(
    root: Any,
    inputs: Callable[[Any], Sequence],
    label: Callable[[Any], Sequence[str]],
    title: str = "Graph of a computation, from left to right",
) -> Drawing:
    """Draw the graph of everything that `root` was computed from.

    Args:
        root: the last node; it stands on the right.
        inputs: takes a node, returns the nodes it was computed from.
        label: takes a node, returns the lines of text in its box.
        title: what a screen reader says about the picture.

    Raises:
        ValueError: if there are more than 200 nodes.
    """
    nodes, sources = _collect(root, inputs)
    boxes = [_Box(tuple(label(node))) for node in nodes]
    columns, paths = _route_edges(boxes, sources)
    _arrange(columns, paths)
    everything = [box for column in columns for box in column]
    svg = _FRAME.format(
        width=max(box.x + box.width / 2 for box in everything) + _PADDING,
        height=max(box.y + box.height / 2 for box in everything) + _PADDING,
        title=_escape(title),
        edges="\n".join(_draw_edges(paths)),
        boxes="\n".join(map(_draw_box, boxes)),
        texts="\n".join(map(_draw_text, boxes)),
    )
    return Drawing(svg)
