"""YAML as people write it: ``1e-4`` is a number, ``off`` is a word and a key stands once.

PyYAML follows YAML 1.1, where ``1e-4`` is a word, ``off`` is false and the last of two equal keys
wins. This is the core schema of YAML 1.2 in their place. Only plain data are built, never objects.
What aliases repeat counts as often as it stands, so a few lines cannot hold a million values.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
"""Types of plain data; a date is a word."""

LARGEST, DEEPEST = 10_000, 30
"""Largest number of values in a text, and their deepest nesting."""


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2."""

    yaml_constructors: ClassVar[Any] = {
        tag: build for tag, build in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in KINDS}

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._sizes: dict[int, int] = {}  # values in each node, by its id
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node, checked to be neither too large nor too deep nor within itself."""
        alias = self.check_event(yaml.AliasEvent)
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(problem=f"it nests deeper than {DEEPEST}")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return None
        if not alias:
            self._sizes[id(node)] = 1 + sum(self._sizes[id(part)] for part in _parts(node))
        elif id(node) not in self._sizes:
            raise yaml.composer.ComposerError(problem="an alias stands within what it repeats",
                                              problem_mark=node.start_mark)
        if self._sizes[id(node)] > LARGEST:
            raise yaml.composer.ComposerError(problem=f"it holds more than {LARGEST} values",
                                              problem_mark=node.start_mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are all different."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
                seen.add((key.tag, key.value))
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """Return the nodes directly within a node."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


PlainLoader.yaml_implicit_resolvers = {}  # of this class alone
for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
        ("float", r"[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
                  r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN)", list("-+.0123456789"))):
    PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^({pattern})$"),
                                      first)


def read_yaml(text: str) -> Any:
    """Read the plain data of a YAML text.

    Raises
    ------
    yaml.YAMLError
        If it cannot be read.
    """
    try:
        return yaml.load(text, PlainLoader)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        raise yaml.MarkedYAMLError(problem="a tag that does not fit its value") from None
