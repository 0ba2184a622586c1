"""Arrays to arrays, fitted on training rows where there is something to fit.

| file | idea |
|---|---|
| rows | rows in memory or on disk, and sums over them |
| scaling | shift and scale of columns, unit rows |
| tokens | real token rows, and their scale |
| pooling | token rows as vectors |
| frames | token rows without their order |
| bag_of_words | words weighted by their rarity |
"""

from crossalign.preprocessing.scaling import apply_scaling, fit_scaling

__all__ = ["apply_scaling", "fit_scaling"]
