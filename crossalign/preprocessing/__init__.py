"""Arrays to arrays, fitted on training rows where there is something to fit.

| file | idea |
|---|---|
| rows | rows in memory or on disk, and what adds up over them |
| scaling | shift and scale of columns, unit rows |
| tokens | which token rows are real, and their scale |
| pooling | token rows as vectors |
| bag_of_words | words weighed by how rare they are |
"""

from crossalign.preprocessing.scaling import Scaling, apply_scaling, fit_scaling

__all__ = ["Scaling", "apply_scaling", "fit_scaling"]
