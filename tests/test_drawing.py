# Made from book/ by scripts/tangle.py: edit the chapters.

import itertools
import re
import xml.etree.ElementTree

import pytest

from dlfs.drawing import draw_graph

# book/02-scalar-autograd.md#test-drawing-reader
SVG = "{http://www.w3.org/2000/svg}"


class Node:
    def __init__(self, name, *inputs):
        self.name, self.inputs = name, inputs


def picture(root):
    return draw_graph(root, lambda node: node.inputs, lambda node: [node.name])


def draw(root):
    """Draw a graph; return the texts of its boxes and its edges by text."""
    tree = xml.etree.ElementTree.fromstring(picture(root).svg)
    texts = [text.text for text in tree.iter(SVG + "text")]
    left, right = {}, {}
    for text, box in zip(texts, tree.iter(SVG + "rect"), strict=True):
        x, y, width, height = (
            float(box.get(key)) for key in ("x", "y", "width", "height")
        )
        left[text] = (x, y, y + height)
        right[text] = (x + width, y, y + height)
    edges = []
    for path in tree.iter(SVG + "path"):
        line = path.get("d").removesuffix("m-6 -4l6 4l-6 4")
        points = re.findall(r"(-?[\d.]+) (-?[\d.]+)", line)
        edges.append((at(points[0], right), at(points[-1], left)))
    return texts, edges


def at(point, sides):
    """The name of the box on whose side a point is."""
    x, y = map(float, point)
    [name] = [
        name
        for name, (side, top, bottom) in sides.items()
        if abs(side - x) < 0.2 and top <= y <= bottom
    ]
    return name


# book/02-scalar-autograd.md#test-drawing-edges
class TestGraph:
    def test_shows_every_node_once_and_every_edge(self):
        w, x, b = Node("w"), Node("x"), Node("b")
        s = Node("s", Node("z", w, x), b)
        texts, edges = draw(Node("L", s, s))
        assert sorted(texts) == ["L", "b", "s", "w", "x", "z"]
        assert sorted(a + b for a, b in edges) == sorted(
            ["wz", "xz", "zs", "bs", "sL", "sL"]
        )

    def test_leads_long_edges_past_the_columns_between(self):
        x = Node("x")
        chain = x
        for name in "abcd":
            chain = Node(name, chain)
        _, edges = draw(Node("y", chain, x))
        assert sorted(a + b for a, b in edges) == sorted(
            ["xa", "ab", "bc", "cd", "dy", "xy"]
        )

    def test_of_a_single_node_has_no_edges(self):
        assert draw(Node("x")) == (["x"], [])

    def test_of_a_long_chain_is_refused_with_a_sentence(self):
        chain = Node("x")
        for _ in range(5000):
            chain = Node("+", chain)
        with pytest.raises(ValueError, match="more than 200 nodes"):
            draw(chain)


# book/02-scalar-autograd.md#test-drawing-text
class TestPicture:
    @pytest.mark.parametrize("name", ["a < b & c", "\"'", "]]>", "Größe"])
    def test_shows_any_text(self, name):
        assert draw(Node(name))[0] == [name]

    def test_replaces_what_xml_forbids(self):
        assert draw(Node("a\0b\x1b"))[0] == ["a?b?"]

    def test_is_the_same_every_time(self):
        def diamond():
            x = Node("x")
            return Node("y", Node("u", x), Node("v", x), x)

        first, second = picture(diamond()), picture(diamond())
        assert first.svg == second.svg == first._repr_svg_()

    def test_has_no_boxes_over_one_another(self):
        leaves = [Node(f"leaf {i}") for i in range(30)]
        tree = xml.etree.ElementTree.fromstring(
            picture(Node("sum", *leaves)).svg
        )
        boxes = sorted(
            (float(box.get("y")), float(box.get("height")))
            for box in list(tree.iter(SVG + "rect"))[:30]
        )
        for (y, height), (below, _) in itertools.pairwise(boxes):
            assert y + height < below

    def test_can_be_saved(self, tmp_path):
        drawing = picture(Node("é"))
        drawing.save(tmp_path / "graph.svg")
        saved = (tmp_path / "graph.svg").read_text(encoding="utf-8")
        assert saved == drawing.svg
