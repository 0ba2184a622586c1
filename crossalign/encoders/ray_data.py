"""Encoding by the workers of Ray Data, on this machine or on those of a cluster.

Workers get the encoder once and blocks of items after that, and give back rows and notes. They keep
nothing, so that shards are written by one process, as they are without Ray.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from crossalign.cores import usable_cores
from crossalign.encoders.ahead import THREADS, Piece, pieces_of
from crossalign.encoders.blocks import Block, Encoding
from crossalign.encoders.engines import Blocks, Local
from crossalign.sentences import short

STATISTICS = "RAY_USAGE_STATS_ENABLED"
"""Variable by which Ray is told not to report its use to its makers."""
LOGGED = "RAY_BACKEND_LOG_LEVEL"
"""Variable that says what Ray's own processes write to standard error."""
MODULES = "PYTHONPATH"


class RayData:
    """Engine whose blocks are encoded by workers of Ray; a context that starts and ends Ray.

    Ray that the caller has started is used, and goes on.

    Parameters
    ----------
    address : str, optional
        Address of a cluster, as ``ray.init`` takes it; by default Ray is started on this machine,
        without its dashboard.

    Raises
    ------
    ImportError
        If Ray is not installed.
    ValueError
        If the cluster cannot be reached.
    """

    def __init__(self, address: str | None = None) -> None:
        os.environ[STATISTICS] = "0"
        os.environ.setdefault(LOGGED, "fatal")
        with _quiet():
            try:
                import ray
                import ray.data
            except ImportError:
                raise ImportError("engine: Ray is not installed: pip install 'crossalign[ray]'."
                                  ) from None
        self._ray, self._began = ray, not ray.is_initialized()
        if not self._began:
            return
        here: dict[str, Any] = {"address": "local", "include_dashboard": False,
                                "num_cpus": usable_cores()}
        try:
            with _quiet(), _own_modules():
                ray.init(**(here if address is None else {"address": address}),
                         logging_level=logging.ERROR, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ValueError(f"engine: Ray cannot be reached at {short(address)} "
                             f"({str(error).splitlines()[0]}); check that the cluster runs there."
                             ) from None

    @contextmanager
    def begun(self, items: Sequence[Any], how: Encoding, runs: Sequence[slice]) -> Iterator[Blocks]:
        """Begin with runs of items in the order in which they will be asked for; one block is
        encoded here.
        """
        planned, at = pieces_of(runs, how.block), 0
        if len(planned) < 2:
            with Local().begun(items, how, runs) as blocks:
                yield blocks
            return
        stream = self._encoded(items, how, planned)

        def of_run(run: slice) -> Iterator[tuple[int, Block]]:
            nonlocal at
            wanted = pieces_of([run], how.block)
            if planned[at:at + len(wanted)] != wanted:       # asked for again, as nothing was kept
                yield from self._encoded(items, how, wanted)
                return
            for _ in wanted:
                at += 1
                yield next(stream)

        try:
            yield of_run
        finally:
            stream.close()

    def _encoded(self, items: Sequence[Any], how: Encoding,
                 pieces: Sequence[Piece]) -> Generator[tuple[int, Block], None, None]:
        """Yield pieces in order, as workers are done with them."""
        data = self._ray.data
        pool = data.ActorPoolStrategy(min_size=1, max_size=max(
            1, min(len(pieces), int(self._ray.cluster_resources().get("CPU", 1)))))
        with _quiet(), self._in_order():
            rows = [{"start": piece[0],
                     "items": self._ray.cloudpickle.dumps(list(items[slice(*piece)]))}
                    for piece in pieces]
            done = data.from_items(rows).map(
                Worker, fn_constructor_args=(how,), compute=pool, num_cpus=1,
                num_gpus=1 if how.gpu else None)
            tables = iter(done.iter_batches(batch_size=None, batch_format="pyarrow"))
        try:
            came: dict[int, Block] = {}
            for start, stop in pieces:
                while start not in came:
                    came |= {row["start"]: _as_block(row) for row in next(tables).to_pylist()}
                yield stop - start, came.pop(start)
        except self._ray.exceptions.RayError as error:
            raise ValueError("engine: a worker of Ray died; give workers more memory, or use "
                             f"--engine local ({' '.join(str(error).split())[-300:]}).") from None
        finally:
            tables.close()

    @contextmanager
    def _in_order(self) -> Iterator[None]:
        """Keep the order of rows, and draw no bars, while a data set is made."""
        context = self._ray.data.DataContext.get_current()
        options = context.execution_options
        before = options.preserve_order, context.enable_progress_bars
        options.preserve_order, context.enable_progress_bars = True, False
        try:
            yield
        finally:
            options.preserve_order, context.enable_progress_bars = before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._began:
            self._ray.shutdown()


class Worker:
    """Function of a worker: read the items of a block by threads, and encode them.

    Parameters
    ----------
    how : Encoding
    """

    def __init__(self, how: Encoding) -> None:
        self.how = how

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Encode the items of one block; rows are given as their bytes, what is wrong as text."""
        try:
            return {**self._encoded(row), "wrong": ""}
        except (ValueError, ImportError, OSError) as error:
            return {"start": row["start"], "rows": b"", "about": "null", "notes": "[]",
                    "wrong": str(error)}

    def _encoded(self, row: dict[str, Any]) -> dict[str, Any]:
        from ray import cloudpickle

        items = cloudpickle.loads(row["items"])              # of the process that sent them
        if self.how.read is None:
            block = self.how.of_block([(item, ()) for item in items])
        else:
            with ThreadPoolExecutor(THREADS) as pool:
                block = self.how.of_block(list(pool.map(self.how.read, items)))
        rows, notes = block
        about = None if rows is None else [rows.dtype.str, list(rows.shape)]
        return {"start": row["start"], "about": json.dumps(about), "notes": json.dumps(notes),
                "rows": b"" if rows is None else np.ascontiguousarray(rows).tobytes()}


def _as_block(row: dict[str, Any]) -> Block:
    if row["wrong"]:
        raise ValueError(row["wrong"])
    about = json.loads(row["about"])
    rows = None if about is None else np.frombuffer(row["rows"], about[0]).reshape(about[1])
    return rows, json.loads(row["notes"])


@contextmanager
def _own_modules() -> Iterator[None]:
    """Let processes that are started import what this one can, as a module with an encoder."""
    before = os.environ.get(MODULES)
    os.environ[MODULES] = os.pathsep.join(filter(None, sys.path))
    try:
        yield
    finally:
        if before is None:
            del os.environ[MODULES]
        else:
            os.environ[MODULES] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what Ray warns of its own code, and what it tells of its progress."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        yield
