"""A version's tree as nodes and edges, which a table, a JSON object and a picture show alike."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from flows.lineage.versions import NOT_RECORDED


@dataclass(frozen=True)
class Node:
    """One thing that a version rests on."""

    id: str
    kind: str  # version, bundle, model, stage, rows, data, run, commit, decision, approval, …
    label: str
    digest: str | None = None
    entry: int | None = None  # index of the ledger entry that says so; None: no entry does
    facts: Mapping[str, str] = field(default_factory=dict)


class Graph:
    """Nodes that rest on other nodes; a node that several rest on is there once."""

    def __init__(self, root: Node):
        self.root = root
        self._nodes: dict[str, Node] = {root.id: root}
        self._edges: dict[tuple[str, str], str] = {}

    def add(self, above: Node, node: Node, label: str = "") -> Node:
        """Hang a node below another one, and return it; one of the same id stays as it was."""
        kept = self._nodes.setdefault(node.id, node)
        self._edges.setdefault((above.id, kept.id), label)
        return kept

    def node(self, name: str) -> Node:
        """The node of an id. Raises KeyError where there is none."""
        return self._nodes[name]

    @property
    def nodes(self) -> list[Node]:
        return list(self._nodes.values())

    @property
    def edges(self) -> list[tuple[str, str, str]]:
        return [(above, below, label) for (above, below), label in self._edges.items()]

    def below(self, node: Node) -> list[Node]:
        return [self._nodes[below] for above, below in self._edges if above == node.id]

    def walk(self) -> Iterator[tuple[int, Node, bool]]:
        """Depth, node, and whether it was met before, in which case what is below it is not told again."""
        met: set[str] = set()

        def descend(node: Node, depth: int) -> Iterator[tuple[int, Node, bool]]:
            again = node.id in met
            met.add(node.id)
            yield depth, node, again
            if not again:
                for one in self.below(node):
                    yield from descend(one, depth + 1)

        return descend(self.root, 0)

    def as_json(self) -> dict[str, Any]:
        """`nodes` and `edges`; the root is the first node."""
        return {"nodes": [asdict(node) | {"digest": node.digest or NOT_RECORDED} for node in self.nodes],
                "edges": [{"from": above, "to": below, "label": label} for above, below, label in self.edges]}
