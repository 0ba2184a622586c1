"""Arguments: words of the command line to estimators, benchmarks and folders that can be
written.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from crossalign.boundary import tell
from crossalign.reading import expanded
from crossalign.sentences import short

if TYPE_CHECKING:
    from crossalign.recipes import Recipe

HOME: dict[str, Any] = {"parser": expanded, "metavar": "PATH"}
"""Settings of an option or argument that is a path, which may begin with ``~``."""
LanguageModel = Annotated[str | None, typer.Option(
    help="Language model that says captions: the folder of one for transformers, or a hub name.")]
Lora = Annotated[int | None, typer.Option(
    min=0, help="Rank of what is learned beside the weights of its attention; 0 learns what stands "
    "in front of its words alone.")]
RECIPE = "recipe:"
"""Prefix of the name of a recipe in place of a model."""


class OnceCommand(TyperCommand):
    """Command whose options stand once each, except those that take a list."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of a command line.

        Raises
        ------
        ValueError
            For an option that stands twice, of which the command line would take the last.
        """
        *_, order = self.make_parser(ctx).parse_args(args=list(args))
        for i, given in enumerate(order):
            if given in order[:i] and given.param_type_name == "option" and not given.multiple:
                name = "/".join([max(given.opts, key=len), *given.secondary_opts])
                raise ValueError(f"{name}: stands twice; give it once.")
        return super().parse_args(ctx, args)


def build(name: str, assignments: list[str] | None, no_tune: bool,
          tune: list[str] | None = None) -> tuple[Any, Any, Recipe | None]:
    """Build an estimator with parameters set; also return the grid left to tune, and its recipe if
    any.
    """
    recipe = None
    if name.startswith(RECIPE):
        from crossalign.recipes import load_recipe

        recipe = load_recipe(name.removeprefix(RECIPE))
    from crossalign import models as registry

    estimator = registry.get(name if recipe is None else recipe.model)()
    if recipe is not None:
        estimator.set_params(**recipe.params)
    params = parse_assignments(assignments or [], estimator)
    estimator.set_params(**params)
    fixed = {*params, *(() if recipe is None else recipe.params)}
    grid = {} if no_tune else estimator.grid(fixed=fixed)
    tried = parse_assignments(tune or [], estimator, "--tune")
    both = sorted(set(tried) & set(params))
    if both:
        raise ValueError(f"--tune: {both[0]} is set as well; choose among its values or set it.")
    return estimator, {**grid, **tried}, recipe


def check_seeds_free(assignments: list[str] | None, tune: list[str] | None = None) -> None:
    """Raise ValueError if --set or --tune names the seed, which is the number of the run."""
    for option, texts in (("--set", assignments), ("--tune", tune)):
        if sets(texts, "random_state"):
            raise ValueError(f"{option}: random_state is not a choice here, as run k uses seed k; "
                             "leave it out, and give the number of runs by --seeds.")


def sets(assignments: list[str] | None, key: str) -> bool:
    """Tell whether one of ``key=value`` strings has this key."""
    return any(text.partition("=")[0] == key for text in assignments or [])


def build_several(names: list[str], assignments: list[str] | None) -> list[Any]:
    """Build an estimator of each name; with several, a parameter is set in those that have it.

    Raises
    ------
    ValueError
        As `build`; also for a parameter that none of them has.
    """
    if len(names) == 1:
        return [build(names[0], assignments, no_tune=True)[0]]
    known = {name: build(name, None, no_tune=True)[0].get_params() for name in names}
    keys = {text: text.partition("=")[0] for text in assignments or []}
    for text, key in keys.items():
        if not any(key in params for params in known.values()):
            build(names[0], [text], no_tune=True)  # which says what is wrong with it
    return [build(name, [text for text, key in keys.items() if key in known[name]],
                  no_tune=True)[0] for name in names]


def build_contenders(words: list[str], assignments: list[str] | None,
                     no_tune: bool) -> dict[str, Any]:
    """Build the models of a comparison by row; settings of one stand behind commas after its name.

    With several, a parameter of ``--set`` is set in those that have it.

    Raises
    ------
    ValueError
        As `build`; for a row that stands twice; or for a parameter that none of them has.
    """
    from crossalign.evaluation.learning_curve import CHANCE, Contender

    names = {word: word.split(",") for word in words}
    known = {word: set(build(name, None, no_tune=True)[0].get_params())
             for word, (name, *_) in names.items()}
    rows: dict[str, Any] = {}
    for word in words:
        name, *own = names[word]
        shared = [text for text in assignments or []
                  if text.partition("=")[0] in known[word]
                  or not any(text.partition("=")[0] in params for params in known.values())]
        estimator, grid, _ = build(name, [*shared, *own], no_tune)
        row = name + (f" ({', '.join(own)})" if own else "")
        if row in rows or row == CHANCE:
            raise ValueError(f"model: {row!r} stands twice, or is the row of chance, which is "
                             "always there; give each once.")
        rows[row] = Contender(estimator, grid)
    return rows


def curve_of(pairs: str, wrong: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Read numbers of training pairs, None for all, and shares of wrong ones, with commas between.

    Returns
    -------
    axis : str
        ``"wrong"`` if there are several shares, else ``"pairs"``.
    values : list
        Those of the axis.
    other : mapping of str to number
        The one number of pairs, or share, of all points.

    Raises
    ------
    ValueError
        For what is no number or share, and for several of both.
    """
    from crossalign.data.supervision import Supervision

    counts = [Supervision.read(pairs=word.strip()).pairs for word in pairs.split(",")]
    shares = [Supervision.read(wrong=word.strip()).wrong for word in wrong.split(",")]
    if len(shares) == 1:
        return "pairs", counts, {"wrong": shares[0]}
    if len(counts) > 1:
        raise ValueError(f"wrong: got {short(wrong)} with several numbers of pairs; a curve is "
                         "over one of the two, so give one number of pairs, as --pairs 100, or "
                         "one share.")
    return "wrong", shares, {"pairs": counts[0]}


def parse_assignments(assignments: list[str], estimator: Any,
                      option: str = "--set") -> dict[str, Any]:
    """Read ``key=value`` strings as parameters, in YAML; for ``--tune``, lists of values.

    Raises
    ------
    ValueError
        For a missing ``=``, an unreadable value, a key that stands twice, or what the estimator
        does not take.
    """
    from crossalign.recipes.values import taken

    given: dict[str, Any] = {}
    for text in assignments:
        key, value = _assignment(text, option)
        if key in given:
            raise ValueError(f"{option}: {key} stands twice; give it once.")
        given[key] = value
    if option == "--set":
        return taken(f"{option} ", given, estimator)
    for key, values in given.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"{option}: got {short(values)} for {key}; write "
                             f"{key}=[value, value].")
    return {key: [taken(f"{option} ", {key: value}, estimator)[key] for value in values]
            for key, values in given.items()}


def _assignment(text: str, option: str) -> tuple[str, Any]:
    """Split ``key=value`` into key and value."""
    import yaml

    from crossalign.recipes.plain_yaml import read_yaml

    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{option}: got {short(text)}; write key=value.")
    try:
        return key, read_yaml(value)
    except yaml.YAMLError:
        raise ValueError(f"{option}: cannot read the value of {short(text)}; write a number, a "
                         "word, true, false, null or a [list].") from None


def check_used(estimator: Any, bench: Any, task: str | None, sets: list[str] | None,
               tune: list[str] | None) -> None:
    """Raise ValueError for settings that would have no effect.

    Raises
    ------
    ValueError
        For a parameter of heads where no class is scored, and for ``--tune`` where nothing can be
        chosen or the parameter is idle on these samples.
    """
    from crossalign.evaluation.protocols import get

    protocol = get(task or bench.task)()
    named = {option: [text.partition("=")[0] for text in texts or []]
             for option, texts in (("--set", sets), ("--tune", tune))}
    for option, names in named.items():
        for name in names if not protocol.heads else ():
            if name.partition("__")[0] == "head":
                raise ValueError(f"{option}: {name} does nothing for {protocol.name}, which does "
                                 "not score classes by the model's head; leave it out.")
    if not named["--tune"]:
        return
    validation = bench.validation()
    if validation is None or not protocol.tunes or estimator.oracle:
        raise ValueError(f"--tune: {named['--tune'][0]} cannot be chosen, as {protocol.name} of "
                         f"{bench.name!r} chooses nothing with {estimator.cli_name}; set it.")
    if idle := protocol.idle(estimator, validation, named["--tune"]):
        raise ValueError(f"--tune: {idle[0]} does nothing on these samples; leave it out.")


def chosen_rows(rows: Any, names: list[str] | None) -> Any:
    """Return the rows that were asked for, all by default.

    Raises
    ------
    ValueError
        For a row that there is not.
    """
    for name in names or []:
        if name not in rows:
            there = (f"; the rows are {', '.join(map(repr, rows))}" if rows else
                     " nor any other row; name a model or a recipe that declares an ablation")
            raise ValueError(f"--row: there is no {name!r}{there}.")
    return {name: changes for name, changes in rows.items() if not names or name in names}


log = tell
"""Output of progress."""


def progress() -> list[Any]:
    """Return callbacks that show progress on standard error."""
    from crossalign.training import Progress

    return [Progress()]


def check_writable(folder: Path, option: str = "--out") -> None:
    """Fail before the work, not after it, if a folder, or a file in it, cannot be written.

    Raises
    ------
    ValueError
        If it cannot.
    """
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as trial:
            trial.write(bytes(NEEDED))
            trial.flush()
    except OSError as error:
        raise ValueError(f"{option}: cannot write to {str(folder)!r} ({error.strerror}); choose a "
                         "writable folder with space.") from None


NEEDED = 1 << 20
"""Free space that a folder must have before work for it begins, in bytes."""
