"""Tasks of a fitted space: recognise, also from a few samples, reject, retrieve, transfer.

Each is a scikit-learn estimator that saves as a folder and answers from there without the training
samples. `Adaptation` needs no fitted space: it learns one, for labels of another domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossalign.tasks.adaptation import Adaptation
    from crossalign.tasks.few_shot import FewShot
    from crossalign.tasks.rejection import Rejection
    from crossalign.tasks.retriever import Retriever
    from crossalign.tasks.transfer import Transfer
    from crossalign.tasks.zero_shot import ZeroShot

__all__ = ["Adaptation", "FewShot", "Rejection", "Retriever", "Transfer", "ZeroShot"]

_FILES = {"Adaptation": "adaptation", "FewShot": "few_shot", "Rejection": "rejection",
          "Retriever": "retriever", "Transfer": "transfer", "ZeroShot": "zero_shot"}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
