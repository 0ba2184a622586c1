"""Encoding of pictures against a plain loop over the same network, in the same run, with the floor.

Ours is what a data set goes through: contents are digested, threads decode ahead, rows are checked
and kept in shards, in a cache that is empty at the start. The plain loop opens, prepares and
encodes one batch after another with Pillow and the network's own package, and keeps rows in memory.
The floor is what nobody escapes: the processor seconds of decoding, of preparing and of the
network, on all cores at once, or the time of the network alone if that is more. On a machine that
others keep busy, the processor's milliseconds a picture say more than the speed; both are told.

    python benchmarks/encode.py [--pictures N] [--network FILE]... [--only TEXT] [--json]

A network is a ``.tflite`` or ``.onnx`` file, the latter with its settings beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import Case, cores, machine, peak_of, times, versions
from PIL import Image
from rich.console import Console
from rich.table import Table

from crossalign.data.formats.pictures import read_picture
from crossalign.data.picture_rows import encoded_classes
from crossalign.encoders import HOG, ONNXEncoder, TFLiteEncoder
from crossalign.encoders.ahead import THREADS
from crossalign.encoders.steps import steps_of

SEED = 0
SIZE, BATCH, REPEATS = (500, 375), 64, 5
PACKAGES = ("numpy", "pillow", "onnxruntime", "transformers", "ai-edge-litert")
HEADINGS = {"ours": ("ours /s", 0), "plain": ("plain /s", 0), "ratio": ("x", 2),
            "again": ("again /s", 0), "floor": ("floor /s", 0), "decode": ("decode /s", 0),
            "network": ("network /s", 0), "ours_ms": ("ours cpu ms", 2),
            "plain_ms": ("plain cpu ms", 2), "ours_peak_mb": ("ours MB", 0),
            "plain_peak_mb": ("plain MB", 0)}
Loop = Callable[[list[Path]], Any]


@dataclass(frozen=True)
class Network:
    """An encoder of ours, and the plain loop over the same network."""

    name: str
    encoder: Any
    plain: Loop


def batches(files: list[Path]) -> list[list[Path]]:
    return [files[start:start + BATCH] for start in range(0, len(files), BATCH)]


def opened(file: Path, mode: str, side: int) -> Any:
    """A picture as most would read it."""
    return np.asarray(Image.open(file).convert(mode).resize((side, side),
                                                            Image.Resampling.BICUBIC))


def hog() -> Network:
    encoder = HOG()
    return Network("HOG, 64 x 64", encoder, lambda files: np.concatenate([
        encoder.encode(np.stack([opened(file, "L", encoder.side) for file in batch]))
        for batch in batches(files)]))


def onnx(file: Path) -> Network:
    import onnxruntime
    from transformers import AutoImageProcessor

    encoder = ONNXEncoder(file)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    prepare = AutoImageProcessor.from_pretrained(file.parent, backend="pil")
    (given,) = session.get_inputs()

    def plain(files: list[Path]) -> Any:
        rows = []
        for batch in batches(files):
            pixels = prepare([Image.open(one).convert("RGB") for one in batch],
                             return_tensors="np")["pixel_values"]
            rows.append(session.run([encoder.output], {given.name: pixels})[0])
        return np.concatenate(rows)

    return Network(f"{file.name}, {encoder.side} x {encoder.side}", encoder, plain)


def tflite(file: Path) -> Network:
    """The interpreter keeps all tensors, as the features are no output of the file."""
    from ai_edge_litert.interpreter import Interpreter

    encoder = TFLiteEncoder(file)
    net = Interpreter(str(file), experimental_preserve_all_tensors=True)
    net.allocate_tensors()
    given, asked = net.get_input_details()[0], next(
        one for one in net.get_tensor_details() if one["name"] == encoder.tensor)
    scale, zero = asked["quantization"]

    def plain(files: list[Path]) -> Any:
        rows = []
        for one in files:
            pixels = opened(one, "RGB", encoder.side)
            if given["dtype"] == np.float32:
                pixels = pixels.astype(np.float32) / 127.5 - 1
            net.set_tensor(given["index"], pixels[None])
            net.invoke()
            cells = net.get_tensor(asked["index"]).astype(np.float32)
            cells = scale * (cells - zero) if scale else cells
            rows.append(cells.reshape(-1, cells.shape[-1]).mean(axis=0))
        return np.stack(rows)

    return Network(f"{file.name}, {encoder.side} x {encoder.side}", encoder, plain)


def small_onnx(place: Path) -> Path:
    """Write a network of four convolutions with random weights, and how pictures are prepared."""
    from onnx import TensorProto, helper, numpy_helper, save

    rng, nodes, weights, width = np.random.default_rng(SEED), [], [], 3
    for n, wider in enumerate((32, 64, 128, 256)):
        values = rng.standard_normal((wider, width, 3, 3)) / np.sqrt(9 * width / 2)
        weights.append(numpy_helper.from_array(values.astype(np.float32), f"weights{n}"))
        nodes += [helper.make_node("Conv", [f"x{n}", f"weights{n}"], [f"y{n}"], strides=[2, 2],
                                   pads=[1, 1, 1, 1]),
                  helper.make_node("Relu", [f"y{n}"], [f"x{n + 1}"])]
        width = wider
    nodes += [helper.make_node("GlobalAveragePool", ["x4"], ["mean"]),
              helper.make_node("Flatten", ["mean"], ["rows"])]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ("n", 3, 224, 224))],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ("n", width))], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
         place / "four_convolutions.onnx")
    (place / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3, "size": {"height": 224, "width": 224}, "resample": 3}))
    return place / "four_convolutions.onnx"


def draw(place: Path, count: int) -> None:
    """Write JPEG files of smooth noise, which decode as slowly as photographs."""
    rng = np.random.default_rng(SEED)
    for n in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.int16)
        grain = rng.integers(-12, 13, (*smooth.shape[:2], 1))
        pixels = np.clip(smooth + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{n:05d}.jpg", quality=90)


@contextmanager
def empty_cache() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as place:
        os.environ["CROSSALIGN_CACHE"] = place
        yield


def ours(network: Network, files: list[Path]) -> Any:
    return encoded_classes({"all": files}, network.encoder).rows


def alike(one: Any, other: Any) -> None:
    """Compare rows; a mean over cells in another order differs in the last digits."""
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(other).max())


def case_of(network: Network, files: list[Path]) -> Case:
    def from_nothing(_: Any) -> Any:
        with empty_cache():
            return ours(network, files)

    return Case(network.name, lambda: None, from_nothing, lambda _: network.plain(files),
                check=alike)


def spent(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a call returns, its seconds, and those of the processor over all threads."""
    start, worked = time.perf_counter(), time.process_time()
    found = call()
    return found, time.perf_counter() - start, time.process_time() - worked


def floor(network: Network, files: list[Path]) -> dict[str, float]:
    """Pictures a second of decoding alone, the network alone, and the two at once at best."""
    steps, mode = steps_of(network.encoder), network.encoder.mode

    def decoded() -> list[Any]:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(lambda file: steps.prepare(
                read_picture(file, steps.side, mode).pixels), files))

    pictures, reading, read_work = spent(decoded)
    _, making, made_work = spent(lambda: [steps.encode(pictures[start:start + steps.block])
                                          for start in range(0, len(files), steps.block)])
    least = max(making, (read_work + made_work) / cores())
    return {"decode": len(files) / reading, "network": len(files) / making,
            "floor": len(files) / least}


def measured(network: Network, files: list[Path]) -> dict[str, Any]:
    """One line of the table, without the peaks."""
    case = case_of(network, files)
    mine, plain = times(case, REPEATS)
    assert plain is not None
    work = [spent(lambda call=call: call(None))[2] for call in (case.ours, case.reference)]
    with empty_cache():
        ours(network, files)
        _, again, _ = spent(lambda: ours(network, files))
    n = len(files)
    return {"name": network.name, "ours": n / mine, "plain": n / plain, "ratio": plain / mine,
            "ours_ms": 1e3 * work[0] / n, "plain_ms": 1e3 * work[1] / n,
            "again": n / again, **floor(network, files)}


def opened_network(word: str) -> Network:
    if word == "hog":
        return hog()
    return tflite(Path(word)) if word.endswith(".tflite") else onnx(Path(word))


def main() -> None:
    parser = argparse.ArgumentParser(description="Run this benchmark.")
    parser.add_argument("--pictures", type=int, default=1_000, help="number of pictures")
    parser.add_argument("--network", action="append", default=[], metavar="FILE",
                        help="a further .onnx or .tflite network")
    parser.add_argument("--only", default="", metavar="TEXT", help="networks whose name has TEXT")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one_process(*options.one)))
        return
    told = Console(stderr=True)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        for name in ("pictures", "net"):
            (place / name).mkdir()
        told.print(f"  drawing {options.pictures} pictures ...", highlight=False)
        draw(place / "pictures", options.pictures)
        words = ["hog", str(small_onnx(place / "net")), *options.network]
        results = []
        for word in words:
            if options.only.lower() in Path(word).name.lower():
                told.print(f"  {Path(word).name} ...", highlight=False)
                results.append(in_processes(word, place / "pictures"))
    report = {"machine": machine(), "versions": versions(PACKAGES), "pictures": options.pictures,
              "size": SIZE, "batch": BATCH, "seed": SEED, "networks": results}
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        show(report)


def in_processes(word: str, pictures: Path) -> dict[str, Any]:
    """Measure speed in one fresh process, and the peak of each contender in one of its own."""
    found = []
    for part in ("speed", "ours", "reference"):
        done = subprocess.run([sys.executable, sys.argv[0], "--one", word, str(pictures), part],
                              stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return {**found[0], "ours_peak_mb": found[1] / 1e6, "plain_peak_mb": found[2] / 1e6}


def one_process(word: str, pictures: str, part: str) -> Any:
    """What the process of one network says: its speeds, or bytes at the peak of a contender."""
    network, files = opened_network(word), sorted(Path(pictures).glob("*.jpg"))
    return measured(network, files) if part == "speed" else peak_of(case_of(network, files), part)


def show(report: dict[str, Any]) -> None:
    """Print the table, the machine and the versions."""
    width, height = report["size"]
    table = Table(title=f"Encoding of {report['pictures']:,} JPEG pictures of {width} x {height}, "
                        f"pictures a second; x: ours over plain; seed {SEED}")
    table.add_column("network", overflow="fold")
    for heading, _ in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for line in report["networks"]:
        table.add_row(line["name"], *(f"{line[key]:,.{digits}f}"
                                      for key, (_, digits) in HEADINGS.items()))
    out = Console(width=150)
    out.print(table)
    out.print("again: all rows are kept from before. decode: with preparing, by threads. network: "
              "on what is prepared. floor: both at once on all cores, nothing else done.",
              soft_wrap=True, highlight=False)
    for part in ("machine", "versions"):
        line = ", ".join(f"{name} {value}" for name, value in report[part].items())
        out.print(line, soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
