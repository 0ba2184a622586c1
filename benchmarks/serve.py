"""A served space: what a query costs above its index, above an empty route, and under load.

The space holds unit rows and is asked by vectors, so that no encoder takes part. It runs in a
process of its own, and so does the floor: FastAPI and uvicorn with one empty route. One client asks
both in turns, over a connection each that stays open, so that whatever else the machine does falls
on both. *Our code* is what a query takes above that floor and above the index alone, at the median.
Time of the processor is that of the whole server process for one request. Matrix products have one
thread, as several that wait for each other would hide the rest. Then come clients at the
same time; a load above the server's places is answered with 503 and counted.

``--hostile`` sends hostile requests instead, in rounds, and tells the most memory that the server
had resident before the first and after each; see `hostile.py`.

    python benchmarks/serve.py [--rows 10000] [--seconds 3] [--hostile] [--json]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from harness import machine, versions
from hostile import rounds, shown_rounds
from rich.console import Console
from rich.table import Table

SEED, WIDTH, K, ASKED = 0, 128, 10, 600
LOADS = (1, 2, 8, 16, 32)
"""Numbers of clients; the server has places for 18 requests."""
PACKAGES = ("numpy", "fastapi", "uvicorn", "h11")
HEADINGS = {"per_second": ("answers/s", 0), "p50_ms": ("p50 ms", 2), "p99_ms": ("p99 ms", 2),
            "refused": ("503 %", 1)}


def space_of(rows: int) -> Any:
    """Return a space of unit rows that is asked by vectors, without encoders and classes."""
    from crossalign.index import ExactIndex
    from crossalign.space import Space

    index = ExactIndex(WIDTH)
    index.add(rows_of(rows, SEED), [f"item {n}" for n in range(rows)],
              [{"modality": "image", "class": f"{n % 50}"} for n in range(rows)])
    parts: Any = SimpleNamespace(recogniser=None, model=None)
    return Space(parts, parts, index, {"name": "rows"}, {})


def rows_of(n: int, seed: int) -> Any:
    rows = np.random.default_rng(seed).standard_normal((n, WIDTH), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def within(space: Any) -> dict[str, dict[str, float]]:
    """Time the index alone and the space's own search, in turns."""
    spent: dict[str, list[float]] = {"index": [], "space": []}
    calls = {"index": lambda row: space.index.search(row[None], K),
             "space": lambda row: space.search(row, K)}
    for row in rows_of(ASKED, SEED + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call(row)
            spent[name].append(time.perf_counter() - start)
    return {name: summary(times) for name, times in spent.items()}


def summary(spent: list[float]) -> dict[str, float]:
    return {f"p{q}_ms": 1e3 * float(np.percentile(spent, q)) for q in (50, 99)}


def bodies(n: int, seed: int) -> list[str]:
    return [json.dumps({"vector": row.tolist(), "k": K}) for row in rows_of(n, seed)]


class Asker:
    """A client with one connection that stays open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, body: str) -> tuple[int, float, bytes]:
        """Return status, seconds and content of one search."""
        start = time.perf_counter()
        self.connection.request("POST", "/search", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, time.perf_counter() - start, content


def in_turns(servers: dict[str, tuple[int, int]]) -> dict[str, dict[str, float]]:
    """Ask servers, given by process and port, in turns; return latencies and processor's time."""
    askers = {name: Asker(port) for name, (_, port) in servers.items()}
    spent: dict[str, list[float]] = {name: [] for name in servers}
    asked = bodies(20, 10)
    for n in range(ASKED // 4):                                   # warm, not kept
        for one in askers.values():
            one.ask(asked[n % len(asked)])
    before = {name: processor_seconds(process) for name, (process, _) in servers.items()}
    for n in range(ASKED):
        for name, one in askers.items():
            status, seconds, content = one.ask(asked[n % len(asked)])
            assert status == 200, content
            spent[name].append(seconds)
    return {name: {**summary(times), "processor_ms": 1e3 / ASKED * (
        processor_seconds(servers[name][0]) - before[name])} for name, times in spent.items()}


def processor_seconds(process: int) -> float:
    """Seconds on a processor of all threads of a process; not a number where Linux does not say."""
    try:
        return 1e-9 * sum(int((task / "schedstat").read_text().split()[0])
                          for task in Path(f"/proc/{process}/task").iterdir())
    except OSError:
        return float("nan")


def client(port: int, until: float, asked: list[str], spent: list[float],
           refused: list[int]) -> None:
    """Ask one question after the other until the time is over."""
    one, n = Asker(port), 0
    while time.perf_counter() < until:
        n += 1
        status, seconds, content = one.ask(asked[n % len(asked)])
        if status == 503:
            refused.append(1)
            time.sleep(0.05)
            continue
        assert len(json.loads(content)["hits"]) == K, content
        spent.append(seconds)
    one.connection.close()


def under(port: int, clients: int, seconds: float) -> dict[str, float]:
    """Answer rates and latencies with so many clients."""
    spent: list[float] = []
    refused: list[int] = []
    start = time.perf_counter()
    threads = [threading.Thread(target=client, args=(
        port, start + seconds, bodies(20, 10 + n), spent, refused)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    return {"per_second": len(spent) / took, **summary(spent),
            "refused": 100 * len(refused) / (len(refused) + len(spent))}


def serve_space(rows: int) -> None:
    """Serve the space, after a line with its own times and one with the address."""
    from crossalign.serve.start import serve

    space = space_of(rows)
    print(json.dumps(within(space)), flush=True)
    serve(space, port=0, log=lambda line: print(line, flush=True))


def serve_floor(_: int) -> None:
    """Serve one empty route by FastAPI and uvicorn, as their defaults are."""
    app = FastAPI()

    @app.post("/search")
    async def search(request: Request) -> JSONResponse:
        await request.body()
        return JSONResponse({})

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)   # as ours has it
        print("{}", flush=True)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        config = uvicorn.Config(app, http="h11", loop="asyncio", log_level="error",
                                access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


SERVED = {"space": serve_space, "floor": serve_floor}


@contextmanager
def served(what: str, rows: int) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Run a server in a process of its own; give its own times, its process and its port."""
    command = [sys.executable, __file__, "--served", what, "--rows", str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        assert process.stdout is not None
        times = json.loads(process.stdout.readline())
        port = int(process.stdout.readline().split("/")[2].partition(":")[2])
        try:
            yield times, process.pid, port
        finally:
            process.terminate()


def measured(rows: int, seconds: float) -> dict[str, Any]:
    """Measure the cost of a query and the loads."""
    with served("floor", rows) as (_, *floor), served("space", rows) as (times, space, port):
        asked = in_turns({"floor": (floor[0], floor[1]), "http": (space, port)})
        loads = {clients: under(port, clients, seconds) for clients in LOADS}
    parts = {**times, **asked}
    of = {name: values["p50_ms"] for name, values in parts.items()}
    busy = {name: parts[name]["processor_ms"] for name in asked}
    return {"rows": rows, "parts": parts, "loads": loads,
            "ours_ms": of["http"] - of["floor"] - of["index"],
            "ours_in_process_ms": of["space"] - of["index"],
            "ours_processor_ms": busy["http"] - busy["floor"] - of["index"]}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run this benchmark.")
    parser.add_argument("--rows", type=int, default=10_000, help="number of items")
    parser.add_argument("--seconds", type=float, default=3.0, help="time of each load")
    parser.add_argument("--hostile", action="store_true", help="memory under hostile requests")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--served", choices=SERVED, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.served is not None:
        SERVED[options.served](options.rows)
        return
    found = rounds() if options.hostile else measured(options.rows, options.seconds)
    report = {"machine": machine(), "versions": versions(PACKAGES), **found}
    if options.json:
        print(json.dumps(report, indent=1))
        return
    out = Console(width=100)
    (shown_rounds if options.hostile else show)(report, out)
    for part in ("machine", "versions"):
        line = ", ".join(f"{name} {value}" for name, value in report[part].items())
        out.print(line, soft_wrap=True, highlight=False)


NAMES = {"index": "the index alone", "space": "the space's search", "floor": "an empty route",
         "http": "POST /search"}


def show(report: dict[str, Any], out: Console) -> None:
    """Print the tables of parts and loads."""
    table = Table(title=f"one query of {report['rows']:,} x {WIDTH}, the {K} best, one client")
    table.add_column("")
    for heading in ("p50 ms", "p99 ms", "processor ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, values in report["parts"].items():
        table.add_row(NAMES[name], *(f"{values[key]:.2f}" if key in values else ""
                                     for key in ("p50_ms", "p99_ms", "processor_ms")))
    out.print(table)
    out.print(f"our code: {report['ours_ms']:.2f} ms above the empty route and the index at p50, "
              f"{report['ours_in_process_ms']:.2f} ms of it the space's; "
              f"{report['ours_processor_ms']:.2f} ms of processor", highlight=False)
    loads = Table(title="clients at the same time")
    loads.add_column("clients", justify="right")
    for heading, _ in HEADINGS.values():
        loads.add_column(heading, justify="right", no_wrap=True)
    for clients, values in report["loads"].items():
        loads.add_row(str(clients), *(f"{values[key]:.{digits}f}"
                                      for key, (_, digits) in HEADINGS.items()))
    out.print(loads)


if __name__ == "__main__":
    main()
