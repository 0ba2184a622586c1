"""Distance of a student's transport plan from that of its teacher."""

from __future__ import annotations

import torch
from torch import Tensor

from crossalign.losses.batch_mean import no_pairs
from crossalign.losses.sinkhorn import ROUNDS, TOLERANCE, log_plan_so_far


def klot(teacher: Tensor, student: Tensor, epsilon: float = 0.05,
         teacher_epsilon: float | None = None, *, rounds: int = ROUNDS,
         tolerance: float = TOLERANCE) -> Tensor:
    """Compute ``KL(P* | P)`` of the plans of a teacher and of a student, a scalar.

    The plans are of entropic transport (SOTAlign: ICML 2026, arXiv 2602.23353), see `log_plan`. P
    is that of the student's affinities, ``(n, m)``, between n rows of one modality and m of the
    other, none of which needs a partner; P* is that of the teacher's. Only the student learns, and
    its gradient is written down instead of traced through the iterations: ``(P - P*) / epsilon``,
    exact once both plans have converged. Without rows it is 0.

    Parameters
    ----------
    teacher, student : (n, m)
        Affinities, larger is nearer.
    epsilon : float
        Strength of the entropy in the student's plan, in units of its affinities; default 0.05.
    teacher_epsilon : float, optional
        The same for the teacher's plan; default ``epsilon``.
    rounds, tolerance
        Ends of the iteration, see `log_plan`.
    """
    if not student.numel():
        return no_pairs(student)
    with torch.no_grad():
        wanted, found = (log_plan_so_far(of, strength, rounds, tolerance)[0] for of, strength in (
            (teacher, epsilon if teacher_epsilon is None else teacher_epsilon),
            (student, epsilon)))
        value = (wanted.exp() * (wanted - found)).sum()
        slope = (found.exp() - wanted.exp()) / epsilon
    return value + (slope * (student - student.detach())).sum()
