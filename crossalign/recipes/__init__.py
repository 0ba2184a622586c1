"""Recipes: a model's hyper-parameters on one data set, and the numbers that its paper published
there.

A recipe is one YAML file, named after its model and its data: ``acmr-cub`` lives in
``acmr-cub.yaml`` and runs as ``crossalign run recipe:acmr-cub --data DIR``. A file of your own with
the same fields runs as ``recipe:path/to/mine.yaml``; ``crossalign recipes acmr-cub`` prints one to
start from.

- `run`: one whole run, and making it; `recipe`: a run as a paper makes it, with its numbers.
- `suite`: a list of runs in one file; `run_suite`: a folder of their reports, tables and a page.
- `loading`: a name or path to a checked recipe; whatever is wrong is said in one sentence.
- `ablation`: an ablation written to a folder.
- `catalog`: the list of recipes, one in full, and published numbers beside measured ones.
- `plain_yaml`: YAML in which ``1e-4`` is a number and ``off`` is a word.
- `values`: a value in the form that a hyper-parameter's default has.

Numbers in the files are percent, as papers print them; a report holds fractions.
"""

from crossalign.recipes.loading import load_recipe, recipe_names
from crossalign.recipes.recipe import Recipe

__all__ = ["Recipe", "load_recipe", "recipe_names"]
