"""Evaluation: protocol and metrics to a report.

- `evaluate`: fit and score a model over runs; `fit_for` and `score_fitted` are its two halves.
- `protocols`: the tasks, one file each: what is fitted, scored, chosen and drawn.
- `selection`: what is chosen on validation classes, and nothing else.
- `report`: the numbers with their protocol; JSON, a table, a page.
- `figures`: arrays of figures; `pages` draws them.
- `significance`: paired comparisons over runs.
- `profile`: what a model costs; `profile_table` and `peak_memory` beside it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
