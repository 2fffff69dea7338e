"""A version's tree as one page without script or network: boxes in layers, from the version on the left to the data.

Drawn here, since no program that draws graphs need be installed. The same graph gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flows.lineage.graph import Graph, Node
from flows.lineage.versions import NOT_RECORDED

if TYPE_CHECKING:
    from jinja2 import Template

BOX_WIDTH, BOX_HEIGHT, GAP, LAYER_GAP, MARGIN = 216, 48, 12, 64, 16  # pixels
LETTERS = 30  # of a label, in a box
TEMPLATE = Path(__file__).with_name("trace.html.jinja")


@dataclass(frozen=True)
class Box:
    node: Node
    left: float
    top: float

    @property
    def label(self) -> str:
        text = self.node.label
        return text if len(text) <= LETTERS else f"{text[:LETTERS - 1]}…"

    @property
    def below(self) -> str:
        """The second line: digest and ledger entry, shortened."""
        digest = self.node.digest[:12] if self.node.digest else NOT_RECORDED
        return digest if self.node.entry is None else f"{digest} · entry {self.node.entry}"

    @property
    def facts(self) -> str:
        """All of it, for who points at the box."""
        lines = [self.node.kind, self.node.label, self.node.digest or NOT_RECORDED]
        return "\n".join([*lines, *(f"{key}: {value}" for key, value in self.node.facts.items())])


def page(graph: Graph, back: str = "") -> str:
    """The page as text. All text of the graph is escaped.

    Args:
        back: address of a page that leads here, relative to this one; empty: none.
    """
    boxes = place(graph)
    width = max(box.left for box in boxes.values()) + BOX_WIDTH + MARGIN
    height = max(box.top for box in boxes.values()) + BOX_HEIGHT + MARGIN
    return _template().render(
        back=back, title=graph.root.label, boxes=list(boxes.values()), width=width, height=height, box_width=BOX_WIDTH,
        box_height=BOX_HEIGHT, rows=list(graph.walk()), not_recorded=NOT_RECORDED,
        curves=[curve(boxes[above], boxes[below]) for above, below, _ in graph.edges])


@cache
def _template() -> "Template":
    """Compiled once, since a report draws a page for each version."""
    from jinja2 import Environment, StrictUndefined

    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return pages.from_string(TEMPLATE.read_text(encoding="utf-8"))


def place(graph: Graph) -> dict[str, Box]:
    """A box for each node: right of all that rest on it, near the height of these, and over no other box."""
    depths, boxes = layers(graph), dict[str, Box]()
    rests_on = {node.id: [above for above, below, _ in graph.edges if below == node.id] for node in graph.nodes}
    for depth in range(max(depths.values()) + 1):
        here = [node for node in graph.nodes if depths[node.id] == depth]
        wish = {node.id: _mean([boxes[above].top for above in rests_on[node.id]]) for node in here}
        free = float(MARGIN)
        for node in sorted(here, key=lambda node: wish[node.id]):
            top = max(free, wish[node.id] - _room(graph, node, rests_on, depths))
            boxes[node.id] = Box(node, MARGIN + depth * (BOX_WIDTH + LAYER_GAP), top)
            free = top + BOX_HEIGHT + GAP
    return boxes


def layers(graph: Graph) -> dict[str, int]:
    """Each node's layer: one more than the furthest of those that rest on it."""
    depths: dict[str, int] = {}
    waiting = [(graph.root.id, 0)]
    below: Mapping[str, list[str]] = {node.id: [one.id for one in graph.below(node)] for node in graph.nodes}
    while waiting:
        node, depth = waiting.pop()
        if depth > depths.get(node, -1):
            depths[node] = depth
            waiting += [(one, depth + 1) for one in below[node]]
    return depths


def curve(above: Box, below: Box) -> str:
    """The line from one box to the next, as a path of SVG."""
    start, end = above.left + BOX_WIDTH, below.left
    middle = (start + end) / 2
    first, last = above.top + BOX_HEIGHT / 2, below.top + BOX_HEIGHT / 2
    return f"M{start:g} {first:g} C{middle:g} {first:g} {middle:g} {last:g} {end:g} {last:g}"


def _room(graph: Graph, node: Node, rests_on: Mapping[str, list[str]], depths: Mapping[str, int]) -> float:
    """How far above its wish a node begins, so that it and its siblings lie around it."""
    siblings = [one for one in graph.nodes
                if rests_on[one.id] == rests_on[node.id] and depths[one.id] == depths[node.id]]
    return (len(siblings) - 1) / 2 * (BOX_HEIGHT + GAP)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float(MARGIN)
