"""kill -9 at random moments of run, fit and the encoding of pictures: is anything lost or mixed?

A job is run once without a kill. Then, for every moment, it is started anew in a process of its
own, killed, and the same command is given again. What was finished before the kill must be there
to the byte and must not be made again; the result must be that of the clean run to the bit.

    python benchmarks/kill.py --moments 50
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import machine, versions

SEED = 0
Find = Callable[[Path], dict[str, str]]


@dataclass(frozen=True)
class Job:
    """What is killed: words of the command line, and where its result and finished parts are.

    ``result(place)`` and ``finished(place)`` are digests by name.
    """

    name: str
    words: tuple[str, ...]
    result: Find
    finished: Find


def jobs(data: Path) -> list[Job]:
    """Three pieces of work of a few seconds each."""
    table, pictures = str(data / "table"), str(data / "pictures")
    return [
        Job("run", ("run", "cada_vae", "--no-tune", "--set", "epochs=4", "--seeds", "3", "--data",
                    table, "--out", "out"), _report,
            lambda place: _files(place, "out/runs/*.json")),
        Job("fit", ("fit", "cada_vae", "--no-tune", "--set", "epochs=30", "--data", table, "--out",
                    "out"), lambda place: _files(place, "out/[mw]*"),
            lambda place: _files(place, "out.unfinished/choice*")),
        Job("encode", ("data", "validate", pictures),
            lambda place: _files(place, "cache/[!.]*"), lambda place: _files(place, "cache/[!.]*")),
    ]


def make_data(folder: Path) -> Path:
    """Six classes of rows with attributes, and six of pictures."""
    import scipy.io
    from PIL import Image

    rng = np.random.default_rng(SEED)
    labels, side = np.repeat(np.arange(6), 40), rng.standard_normal((6, 5))
    rows = np.arange(240).reshape(6, 40) + 1
    features = side[labels] @ rng.standard_normal((5, 16)) + 0.3 * rng.standard_normal((240, 16))
    (folder / "table").mkdir(parents=True)
    scipy.io.savemat(folder / "table" / "res101.mat",
                     {"features": features.T, "labels": labels[:, None] + 1})
    scipy.io.savemat(folder / "table" / "att_splits.mat", {
        "att": side.T, "allclasses_names": np.array([[f"c{i}"] for i in range(6)], dtype=object),
        "trainval_loc": rows[:4, :30].reshape(-1, 1), "test_seen_loc": rows[:4, 30:].reshape(-1, 1),
        "test_unseen_loc": rows[4:].reshape(-1, 1), "train_loc": rows[:2, :30].reshape(-1, 1),
        "val_loc": rows[2:4, :30].reshape(-1, 1)})
    for name in ("cat", "cow", "dog", "fox", "hen", "owl"):
        (folder / "pictures" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{i}.png")
    return folder


def started(job: Job, place: Path) -> int:
    """The job in a process of its own; what it says goes to the file ``said``."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.chdir(place)
        os.environ["CROSSALIGN_CACHE"] = str(place / "cache")
        for number in (1, 2):
            os.dup2(os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
        sys.argv = ["crossalign", *job.words]
        from crossalign.cli import main

        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def whole(job: Job, place: Path) -> float:
    """Run the job to its end; seconds."""
    start = time.perf_counter()
    _, status = os.waitpid(started(job, place), 0)
    if status:
        raise RuntimeError(f"{job.name} ended with {status}: {(place / 'said').read_text()}")
    return time.perf_counter() - start


def killed(job: Job, place: Path, seconds: float) -> bool:
    """Kill the job after so many seconds; whether it was still at work."""
    child = started(job, place)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def trial(job: Job, place: Path, seconds: float, clean: dict[str, str]) -> dict[str, Any]:
    """One kill and the same command again: what was finished, lost, and how the result differs."""
    at_work = killed(job, place, seconds)
    before = job.finished(place)
    (place / "said").unlink(missing_ok=True)
    whole(job, place)
    said, after, result = (place / "said").read_text(), job.finished(place), job.result(place)
    again = [name for name, digest in before.items()
             if job.name == "run" and f"finished before, in {name}" not in said]
    changed = [name for name, digest in before.items()
               if job.name != "fit" and after.get(name) != digest]
    return {"at_work": at_work, "finished": len(before), "lost": sorted({*again, *changed}),
            "mixed": sorted(name for name in {*clean, *result}
                            if clean.get(name) != result.get(name)),
            "went_on": "going on from a checkpoint" in said}


def measure(job: Job, scratch: Path, moments: int, chance: random.Random) -> dict[str, Any]:
    """All moments of a job, spread over its length with a random shift each."""
    place = scratch / f"{job.name}-clean"
    place.mkdir()
    length = whole(job, place)
    clean = job.result(place)
    if not clean:
        raise RuntimeError(f"{job.name} leaves no result that could be compared.")
    trials = []
    for i in range(moments):
        place = scratch / f"{job.name}-{i}"
        place.mkdir()
        trials.append(trial(job, place, length * (i + chance.random()) / moments, clean))
        shutil.rmtree(place)
    return {"job": job.name, "seconds": round(length, 2), "moments": moments,
            "killed_at_work": sum(t["at_work"] for t in trials),
            "finished_before_the_kill": sum(t["finished"] for t in trials),
            "went_on_from_a_checkpoint": sum(t["went_on"] for t in trials),
            "lost": sum(len(t["lost"]) for t in trials),
            "mixed": sum(bool(t["mixed"]) for t in trials),
            "what": sorted({name for t in trials for name in t["lost"] + t["mixed"]})}


def main() -> None:
    """Print one line of JSON for every job, and the sum."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--moments", type=int, default=50, help="over all jobs")
    options.add_argument("--job", help="one of them only")
    options.add_argument("--seed", type=int, default=SEED)
    asked = options.parse_args()
    _import_first()
    print(json.dumps({"machine": machine(), "versions": versions(("numpy", "torch")),
                      "seed": asked.seed}))
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as scratch:
        chosen = [job for job in jobs(make_data(Path(scratch) / "data"))
                  if asked.job in (None, job.name)]
        found = []
        for i, job in enumerate(chosen):
            share = asked.moments // len(chosen) + (i < asked.moments % len(chosen))
            found.append(measure(job, Path(scratch), share, chance))
            print(json.dumps(found[-1]), flush=True)
    total = {name: sum(one[name] for one in found)
             for name in ("moments", "killed_at_work", "lost", "mixed")}
    print(json.dumps({"all": total}))
    raise SystemExit(1 if total["lost"] or total["mixed"] else 0)


def _import_first() -> None:
    """Import what the jobs need, so that a process that is forked is at work at once."""
    import importlib

    for name in ("cli", "evaluation.runs", "pages.page", "models.cada_vae", "training.loop",
                 "data.picture_folder", "data.xlsa17", "evaluation.kept", "pages.plots"):
        importlib.import_module(f"crossalign.{name}")
    importlib.import_module("lightning_fabric")


def _files(place: Path, pattern: str) -> dict[str, str]:
    return {str(file.relative_to(place)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in place.glob(pattern) if file.is_file()}


def _report(place: Path) -> dict[str, str]:
    """The report without its times."""
    saved = json.loads((place / "out" / "report.json").read_text())
    return {key: json.dumps(value) for key, value in saved.items()
            if key not in ("seconds", "date")}


if __name__ == "__main__":
    main()
