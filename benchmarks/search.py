"""Every index against exact search: time to build, time of a query, recall and memory.

Items are unit rows around 300 centres, and queries lie near some of them. Every index runs in a
process of its own, beside exact search over the same rows: a query goes to one and then to the
other, so that a busy machine slows both. A filtered query asks for one item in ten.

    python benchmarks/search.py [--rows 100000] [--only TEXT] [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import machine, resident, versions
from rich.console import Console
from rich.table import Table

from crossalign.index import ExactIndex, FaissIndex, HammingIndex, QdrantIndex
from crossalign.index.base import Index
from crossalign.index.itq import ITQ

SEED = 0
WIDTH, QUERIES, K = 512, 200, 10
PACKAGES = ("numpy", "faiss-cpu", "qdrant-edge-py")
Encode = Callable[[Any], Any]


def unchanged(rows: Any) -> Any:
    return rows


def exact(rows: Any, place: Path) -> tuple[Index, Encode]:
    return ExactIndex(WIDTH), unchanged


def mapped(rows: Any, place: Path) -> tuple[Index, Encode]:
    """Exact search in a folder, whose vectors stay on the disk."""
    ExactIndex(WIDTH).save(place)
    return ExactIndex.open(place), unchanged


def faiss(*options: Any) -> Callable[[Any, Path], tuple[Index, Encode]]:
    return lambda rows, place: (FaissIndex(WIDTH, *options), unchanged)


def codes(rows: Any, place: Path) -> tuple[Index, Encode]:
    """Codes of 256 bits, learned from 2,000 items; their learning is not part of the time."""
    return HammingIndex(256), ITQ(256, iterations=5, seed=SEED).fit(rows[:2_000]).encode


def edge(rows: Any, place: Path) -> tuple[Index, Encode]:
    return QdrantIndex(place), unchanged


BACKENDS = {"exact": exact, "exact, folder": mapped, "faiss Flat": faiss("Flat"),
            "faiss HNSW32, ef 64": faiss("HNSW32", None, 64),
            "faiss IVF100, nprobe 10": faiss("IVF100,Flat", 10), "hamming, 256 bits": codes,
            "qdrant edge": edge}
HEADINGS = {"build_s": ("build s", 2), "p50_ms": ("p50 ms", 2), "p99_ms": ("p99 ms", 2),
            "ratio": ("x", 2), "recall": ("recall", 3), "memory_mb": ("MB", 0),
            "filtered_p50_ms": ("where ms", 2), "filtered_ratio": ("x", 2),
            "filtered_recall": ("recall", 3)}


def data(n: int) -> tuple[Any, Any]:
    """Items ``(n, 512)`` and queries."""
    rng = np.random.default_rng(SEED)
    centres = rng.standard_normal((300, WIDTH), dtype=np.float32)
    sides = []
    for size in (n, QUERIES):
        rows = centres[rng.integers(0, len(centres), size)]
        rows = rows + rng.standard_normal((size, WIDTH), dtype=np.float32)
        sides.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return sides[0], sides[1]


def measured(name: str, n: int) -> dict[str, float]:
    """Build one index, and search it and an exact one in turn."""
    items, queries = data(n)
    payload = [{"part": i % 10} for i in range(n)]
    with tempfile.TemporaryDirectory() as place:
        found, encode = BACKENDS[name](items, Path(place) / "index")
        rows, asked = encode(items), encode(queries)
        gc.collect()
        before, start = resident(), time.perf_counter()
        for first in range(0, n, 2_000):
            found.add(rows[first:first + 2_000] if "IVF" not in name else rows,
                      None, payload[first:first + 2_000] if "IVF" not in name else payload)
            if "IVF" in name:                                    # learns from the first addition
                break
        build = time.perf_counter() - start
        gc.collect()
        memory = resident() - before
        reference = ExactIndex(WIDTH)
        reference.add(items, payload=payload)
        plain = in_turn(found, reference, asked, queries, None)
        narrow = in_turn(found, reference, asked, queries, {"part": 3})
        found.close()
    return {"build_s": build, **plain, "memory_mb": memory / 1e6,
            **{f"filtered_{key}": value for key, value in narrow.items()}}


def in_turn(found: Index, reference: Index, asked: Any, queries: Any, where: Any) -> dict[
        str, float]:
    """Time single queries, and count the share of the exact answers that were found."""
    seconds: list[list[float]] = [[], []]
    shares = []
    for one, query in zip(asked, queries, strict=True):
        hits = []
        for side, (index, row) in enumerate(((found, one), (reference, query))):
            start = time.perf_counter()
            hits.append(index.search(row[None], K, where).ids[0])
            seconds[side].append(time.perf_counter() - start)
        shares.append(np.isin(hits[1], hits[0]).mean())
    p50, base = np.percentile(seconds[0], 50), np.percentile(seconds[1], 50)
    return {"p50_ms": 1e3 * float(p50), "p99_ms": 1e3 * float(np.percentile(seconds[0], 99)),
            "ratio": float(p50 / base), "recall": float(np.mean(shares))}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run this benchmark.")
    parser.add_argument("--rows", type=int, default=10_000, help="number of items")
    parser.add_argument("--only", default="", metavar="TEXT", help="indexes whose name has TEXT")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one, options.rows)))
        return
    told = Console(stderr=True)
    results = {}
    for name in BACKENDS:
        if options.only.lower() in name.lower():
            told.print(f"  {name} ...", highlight=False)
            done = subprocess.run([sys.executable, sys.argv[0], "--one", name, "--rows",
                                   str(options.rows)], stdout=subprocess.PIPE, text=True,
                                  check=True, env=os.environ)
            results[name] = json.loads(done.stdout.splitlines()[-1])
    report = {"machine": machine(), "versions": versions(PACKAGES), "rows": options.rows,
              "seed": SEED, "indexes": results}
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        show(report)


def show(report: dict[str, Any]) -> None:
    """Print the table, the machine and the versions."""
    table = Table(title=f"Search of {report['rows']:,} x {WIDTH}, the {K} best; x: times the p50 "
                        f"of exact search; seed {SEED}")
    table.add_column("index", no_wrap=True)
    for heading, _ in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for name, values in report["indexes"].items():
        table.add_row(name, *(f"{values[key]:.{digits}f}"
                              for key, (_, digits) in HEADINGS.items()))
    out = Console(width=110)
    out.print(table)
    for part in ("machine", "versions"):
        line = ", ".join(f"{name} {value}" for name, value in report[part].items())
        out.print(line, soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
