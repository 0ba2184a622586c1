"""What was not read of data, or not as it stands there: counted and named, by kind.

The one way in which loaders leave something out that is no error. It is in the protocol under
`NOTED`, in ``data validate``, and told to the log while data are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossalign.pace import Log

NOTED = "noted"
"""The key of a protocol."""
NOT_READ = "not_read"
"""The kind of what was left out."""
FIRST = 3
"""So many are named of each kind, where there may be thousands."""

Noted = dict[str, list[str]]
"""Names of files, variables or texts about which something is said, by what is said of them."""


def joined(*parts: Mapping[str, Sequence[str]]) -> Noted:
    """What is noted at several places, kind by kind."""
    found: Noted = {}
    for part in parts:
        for kind, names in part.items():
            found.setdefault(kind, []).extend(names)
    return found


def noted_fact(noted: Mapping[str, Sequence[str]],
               most: int | None = FIRST) -> dict[str, dict[str, dict[str, Any]]]:
    """The line of a protocol, where there is anything to say: counts, and the first names."""
    told = {kind: {"count": len(names), "first": list(names[:most])}
            for kind, names in noted.items() if names}
    return {NOTED: told} if told else {}


def sentences(protocol: Mapping[str, Any]) -> dict[str, str]:
    """What a protocol notes, for people: a line for each kind."""
    return {kind.replace("_", " "): f"{of['count']}: {', '.join(of['first'])}"
            + ", and so on" * (of["count"] > len(of["first"]))
            for kind, of in protocol.get(NOTED, {}).items()}


def say(protocol: Mapping[str, Any], log: Log | None) -> None:
    """Tell ``log`` the same, if there is one."""
    for kind, line in sentences(protocol).items():
        if log is not None:
            log(f"note: {kind}, {line}")
