"""YAML as people write it: ``1e-4`` is a number, ``off`` is a word and a key stands once.

PyYAML follows YAML 1.1, where ``1e-4`` is a word, ``off`` is false and the last of two equal keys
wins. This is the core schema of YAML 1.2 in their place. Only plain data are built, never objects.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
"""What plain data are made of; a date is a word."""


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2."""

    yaml_constructors: ClassVar[Any] = {
        tag: build for tag, build in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in KINDS}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are all different."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
                seen.add((key.tag, key.value))
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


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
    """The plain data of a YAML text.

    Raises
    ------
    yaml.YAMLError
        If it cannot be read.
    """
    try:
        return yaml.load(text, PlainLoader)
    except (RecursionError, ValueError, KeyError) as error:  # too deep, or a tag that does not fit
        raise yaml.YAMLError(str(error)) from None
