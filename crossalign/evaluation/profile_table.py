"""Profiles of several models beside one another, for people and for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

from crossalign.evaluation.peak_memory import Peak
from crossalign.evaluation.plain_values import jsonable
from crossalign.evaluation.profile import EMBEDDED, Profile
from crossalign.evaluation.report import versions
from crossalign.tables import aligned

DASH = "\N{EN DASH}"


def profile_table(profiles: Sequence[Profile], title: str = "") -> str:
    """Write a line for each model; a dash stands for what does not apply.

    Megabytes are 10^6 bytes, and memory of a GPU stands behind that of the host.
    """
    modalities = list(dict.fromkeys(m for one in profiles for m in one.embed_rate))
    header = ["model", "parameters", *(f"FLOPs {m}" for m in modalities), "MB train", "MB embed",
              "train/s", *(f"{m}/s" for m in modalities)]
    lines = [header, *(_cells(one, modalities) for one in profiles)]
    rows = aligned(lines)
    legend = ("FLOPs of embedding one item; memory of training and of embedding "
              f"{EMBEDDED} items a call; items per second.")
    machine = ", ".join(f"{name} {value}" for name, value in machine_facts().items())
    return "\n".join([*([title, ""] if title else []), rows[0], "-" * len(rows[0]), *rows[1:], "",
                      legend, machine])


def profile_record(profiles: Sequence[Profile], **facts: Any) -> dict[str, Any]:
    """Return the same in plain JSON types, with ``facts`` of the data before it."""
    models = [{**one._asdict(), "train_memory": _bytes(one.train_memory),
               "embed_memory": _bytes(one.embed_memory)} for one in profiles]
    record: dict[str, Any] = jsonable({**facts, "embedded_per_call": EMBEDDED, "models": models,
                                       "machine": machine_facts(), "versions": versions()})
    return record


def machine_facts() -> dict[str, Any]:
    """Return the facts that speeds depend on."""
    import torch

    facts = {"system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count(),
             "threads": torch.get_num_threads()}
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _cells(one: Profile, modalities: Sequence[str]) -> list[str]:
    return [one.model, amount(one.parameters), *(amount(one.flops.get(m)) for m in modalities),
            _megabytes(one.train_memory), _megabytes(one.embed_memory), amount(one.train_rate),
            *(amount(one.embed_rate.get(m)) for m in modalities)]


def amount(number: float | None) -> str:
    """Write three digits and a prefix, such as ``9.52 M``; a dash for None."""
    if number is None:
        return DASH
    for factor, prefix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1, "")):
        if number >= 0.9995 * factor:
            scaled = number / factor
            digits = 0 if factor == 1 and number == int(number) else 2 - (scaled >= 9.995) - (
                scaled >= 99.95)
            return f"{scaled:.{digits}f}{prefix}"
    return f"{number:.3g}"


def _megabytes(peak: Peak | None) -> str:
    if peak is None:
        return DASH
    return f"{peak.host / 1e6:,.0f}" + ("" if peak.gpu is None else f" + {peak.gpu / 1e6:,.0f} GPU")


def _bytes(peak: Peak | None) -> dict[str, int | None] | None:
    return None if peak is None else peak._asdict()
