"""A served space: requests per second and latency under bounded load, and the cost of HTTP.

The space holds unit rows and is asked by vectors, so that no encoder takes part. The server runs in
a process of its own; clients are threads here, each with one connection that stays open and one
request at a time. ``own`` is the space's own search in the server's process without HTTP. A load
above the server's places is answered with 503 and counted.

    python benchmarks/serve.py [--rows 10000] [--seconds 3] [--json]
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple

import numpy as np
from harness import machine, versions
from rich.console import Console
from rich.table import Table

from crossalign.index import ExactIndex
from crossalign.serve.start import serve

SEED, WIDTH, K, ASKED = 0, 128, 10, 300
LOADS = (1, 2, 8, 16, 32)
"""Numbers of clients; the server has places for 18 requests."""
PACKAGES = ("numpy", "fastapi", "uvicorn")
HEADINGS = {"per_second": ("answers/s", 0), "p50_ms": ("p50 ms", 2), "p99_ms": ("p99 ms", 2),
            "refused": ("503 %", 1)}


class Hit(NamedTuple):
    """Item that was found."""

    id: str
    score: float
    payload: dict[str, Any]


class Vectors:
    """Space of vectors alone, with the search of a space."""

    def __init__(self, rows: Any) -> None:
        self.index = ExactIndex(WIDTH)
        self.index.add(rows, [f"item {n}" for n in range(len(rows))],
                       [{"modality": "image", "class": f"{n % 50}"} for n in range(len(rows))])

    def search(self, query: Any, k: int, where: Any = None, modality: Any = None) -> list[Hit]:
        """Find the k nearest items."""
        hits = self.index.search(query[None], k, where)
        ids = hits.ids[0].tolist()
        return [Hit(*one) for one in zip(ids, hits.scores[0].tolist(), self.index.payload(ids),
                                         strict=True)]


def rows_of(n: int, seed: int) -> Any:
    rows = np.random.default_rng(seed).standard_normal((n, WIDTH), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def own(space: Vectors) -> dict[str, float]:
    """Time the space's own search."""
    spent = []
    for query in rows_of(ASKED, SEED + 1):
        start = time.perf_counter()
        space.search(query, K)
        spent.append(time.perf_counter() - start)
    return summary(spent)


def summary(spent: list[float]) -> dict[str, float]:
    return {f"p{q}_ms": 1e3 * float(np.percentile(spent, q)) for q in (50, 99)}


def client(port: int, until: float, bodies: list[str], spent: list[float],
           refused: list[int]) -> None:
    """Ask one question after the other until the time is over."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    n = 0
    while time.perf_counter() < until:
        start, n = time.perf_counter(), n + 1
        connection.request("POST", "/search", bodies[n % len(bodies)],
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        if answer.status == 503:
            refused.append(1)
            time.sleep(0.05)
            continue
        assert len(found["hits"]) == K, found
        spent.append(time.perf_counter() - start)
    connection.close()


def under(port: int, clients: int, seconds: float) -> dict[str, float]:
    """Answer rates and latencies with so many clients."""
    spent: list[float] = []
    refused: list[int] = []
    start = time.perf_counter()
    threads = [threading.Thread(target=client, args=(port, start + seconds, [
        json.dumps({"vector": row.tolist(), "k": K}) for row in rows_of(20, 10 + n)], spent,
        refused)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    return {"per_second": len(spent) / took, **summary(spent),
            "refused": 100 * len(refused) / (len(refused) + len(spent))}


def served(rows: int) -> None:
    """Serve the space, after a line with its own times and one with the address."""
    space: Any = Vectors(rows_of(rows, SEED))
    print(json.dumps(own(space)), flush=True)
    serve(space, port=0, log=lambda line: print(line, flush=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Run this benchmark.")
    parser.add_argument("--rows", type=int, default=10_000, help="number of items")
    parser.add_argument("--seconds", type=float, default=3.0, help="time of each load")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--served", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.served:
        served(options.rows)
        return
    with subprocess.Popen([sys.executable, sys.argv[0], "--served", "--rows", str(options.rows)],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        times = json.loads(process.stdout.readline())
        port = int(process.stdout.readline().split("/")[2].partition(":")[2])
        under(port, 1, 0.5)                                       # a first round, not kept
        loads = {clients: under(port, clients, options.seconds) for clients in LOADS}
        process.terminate()
    report = {"machine": machine(), "versions": versions(PACKAGES), "rows": options.rows,
              "own": times, "overhead_p50_ms": loads[1]["p50_ms"] - times["p50_ms"],
              "loads": loads}
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        show(report)


def show(report: dict[str, Any]) -> None:
    """Print the table, the overhead, the machine and the versions."""
    table = Table(title=f"POST /search of {report['rows']:,} x {WIDTH}, the {K} best")
    table.add_column("clients", justify="right")
    for heading, _ in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for clients, values in report["loads"].items():
        table.add_row(str(clients), *(f"{values[key]:.{digits}f}"
                                      for key, (_, digits) in HEADINGS.items()))
    out = Console(width=100)
    out.print(table)
    out.print(f"own search p50 {report['own']['p50_ms']:.2f} ms, p99 {report['own']['p99_ms']:.2f} "
              f"ms; HTTP adds {report['overhead_p50_ms']:.2f} ms at p50 to one client",
              highlight=False)
    for part in ("machine", "versions"):
        line = ", ".join(f"{name} {value}" for name, value in report[part].items())
        out.print(line, soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
