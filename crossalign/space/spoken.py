"""Words that a space learns to say, captions or answers: their settings are those of a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crossalign.evaluation.protocols.caption import Captioning
from crossalign.evaluation.protocols.vqa import VQA
from crossalign.evaluation.selection import select
from crossalign.models.roles import Aligner
from crossalign.pace import Log
from crossalign.space.colours import unseen_colours
from crossalign.tasks.fitted import Fitted
from crossalign.types import Benchmark, Encoder


def check_embeds(fitted: Fitted, argument: str) -> None:
    """Raise ValueError if a model embeds nothing that could be asked about or put in words."""
    if not isinstance(fitted.model, Aligner):
        raise ValueError(f"{argument}: {fitted.model.cli_name} embeds nothing that words could be "
                         "about; choose a model that aligns, as --models ridge_map.")


def tell_of_colours(encoder: Encoder, texts: Sequence[str], what: str, log: Log) -> None:
    """Say once where texts name colours that an encoder does not see, see `unseen_colours`."""
    note = unseen_colours(encoder, texts, what)
    if note is not None:
        log(f"note: {note}")


def chosen_settings(task: Captioning | VQA, model: Any, bench: Benchmark, said: Any, what: str,
                    log: Log) -> Mapping[str, Any]:
    """Return what the validation of another task chooses for captions or questions; nothing where
    it has too few of them.

    Parameters
    ----------
    task : Captioning or VQA
        Protocol of what is said.
    model : estimator
        Model that was chosen for the other task.
    bench : Benchmark
        Benchmark of the other task.
    said : Captions or Questions
        Words about its samples.
    what : str
        Noun that they are called by, as ``"captions"``.
    log : callable
        Function called with a line.
    """
    part = bench.validation()
    asked = None if part is None else task.asked(part, said)
    if asked is None:
        return {}
    log(f"choosing settings by {what} of validation pictures")
    return select(model, replace(bench, validation_split=lambda: asked), task, {}).settings
