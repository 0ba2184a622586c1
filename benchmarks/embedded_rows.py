"""Count the rows that one evaluation embeds: ``python benchmarks/embedded_rows.py [--pictures]``.

A model is fitted for one epoch and evaluated on the built-in glyphs; every row that its network
encodes after `fit` is counted, but for side information. Beside it stands the number of samples
that have to be embedded once: those of test and validation, and for a head that reads codes of
training samples those too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import crossalign as ca
from crossalign.models import FusionNetQSMA
from crossalign.models.fusionnet.fusionnet_objective import FusionNet
from crossalign.types import CLASS_MODALITY, Benchmark


@contextmanager
def counted() -> Iterator[list[int]]:
    """Collect the number of rows of every call of the network's encoders after a fit."""
    rows: list[int] = []
    encode, fit = FusionNet.encode, FusionNetQSMA.fit

    def counting(self: Any, x: Any, modality: str, mask: Any = None) -> Any:
        if modality != CLASS_MODALITY:
            rows.append(len(x))
        return encode(self, x, modality, mask)

    def pausing(self: Any, *samples: Any, **options: Any) -> Any:
        before = len(rows)
        fitted = fit(self, *samples, **options)
        del rows[before:]
        return fitted

    FusionNet.encode, FusionNetQSMA.fit = counting, pausing  # type: ignore[method-assign]
    try:
        yield rows
    finally:
        FusionNet.encode, FusionNetQSMA.fit = encode, fit  # type: ignore[method-assign]


def needed(bench: Benchmark, *splits: str) -> int:
    """Count the samples of some splits of a benchmark and of its validation."""
    validation = bench.validation()
    parts = [bench, *([] if validation is None else [validation])]
    return sum(len(part[split]) for part in parts for split in splits)


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", action="store_true", help="also keep the report's figures")
    options = parser.parse_args()
    bench = ca.load("glyphs")
    for head in ("prototype", "fused"):
        with counted() as rows:
            ca.evaluate(FusionNetQSMA(epochs=1, head=head), bench, tune=False,
                        pictures=options.pictures)
        training = 0 if head == "prototype" else needed(bench, "train")
        print(f"head={head}: {sum(rows):,} rows embedded, "
              f"{needed(bench, 'test_seen', 'test_unseen') + training:,} needed")


if __name__ == "__main__":
    main()
