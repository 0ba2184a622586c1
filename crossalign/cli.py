"""The command line: every command and option, and nothing of their work.

Results go to standard output, progress to standard error. `crossalign.boundary` says how a command
ends. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossalign import __version__
from crossalign.arguments import (
    HOME,
    RECIPE,
    LanguageModel,
    Lora,
    OnceCommand,
    build,
    build_contenders,
    build_several,
    check_seeds_free,
    check_used,
    check_writable,
    chosen_rows,
    curve_of,
    log,
    progress,
    sets,
)
from crossalign.boundary import run_command
from crossalign.cli_data import register as register_data
from crossalign.cli_space import register
from crossalign.data_arguments import takes_data
from crossalign.data_options import SUPERVISED, DataOptions

if TYPE_CHECKING:
    from crossalign.recipes import Recipe

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
data_app = typer.Typer(no_args_is_help=True, help="Data sets: list the built-in, check your own.")
app.add_typer(data_app, name="data")

ReportFolder = Annotated[Path | None, typer.Option(help="Folder for the report.", **HOME)]
Model = Annotated[str, typer.Argument(
    help="A model, or FILE.py:CLASS for one of your own, or recipe:NAME, or recipe:FILE.yaml.")]
Sets = Annotated[list[str] | None, typer.Option(
    "--set", help="A hyper-parameter, key=value; it is then not tuned. May be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Tune = Annotated[list[str] | None, typer.Option(
    "--tune", help="key=[a, b]: choose among these on validation classes. May be repeated.")]
BestEpoch = Annotated[bool, typer.Option(
    "--best-epoch", help="Add the best head epoch on test: a diagnostic, not a result.")]
Adapt = Annotated[str | None, typer.Option(
    help="heldout or transductive: unlabelled test samples move the unseen classes, of gzsl; "
    "heldout scores other samples than those.")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of runs.")]
Ks = Annotated[list[int] | None, typer.Option(
    "--k", min=1, help="Samples of each new class, of few_shot; may be repeated.")]
Bits = Annotated[int | None, typer.Option(
    min=1, help="Also score retrieval by binary codes of so many bits (ITQ), as 64.")]
Inputs = Annotated[str | None, typer.Option(
    help="codes, features or both: what vqa and caption read of a sample.")]
NoTune = Annotated[bool, typer.Option("--no-tune", help="Keep defaults; choose gamma only.")]


def main() -> None:
    """Run the command line."""
    # threads that wait spin briefly, then sleep: long spinning makes a small training step several
    # times slower on a busy machine, none at all makes it slower on a quiet one
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    run_command(app)


def show_version(asked: bool) -> None:
    """Print the version and stop, if asked for."""
    if asked:
        print(f"crossalign {__version__}")
        raise typer.Exit


@app.callback()
def options(version: Annotated[bool, typer.Option(
        "--version", callback=show_version, is_eager=True, help="Print the version.")] = False,
        ) -> None:
    """Recognise, retrieve and transfer across modalities in one space, for classes never seen."""


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Folder of the report.", **HOME)] = Path("report"),
         ) -> None:
    """See everything run on the built-in letters, in a few minutes."""
    check_writable(out)
    from crossalign.demo import run_demo

    run_demo(out, log)


@app.command()
@takes_data()
def run(model: Model, options: DataOptions, set_: Sets = None, seeds: Seeds = 1,
        out: Annotated[Path | None, typer.Option(
            help="Folder for report.json, .html.", **HOME)] = None,
        as_json: AsJson = False, no_tune: NoTune = False, tune: Tune = None,
        best_epoch: BestEpoch = False, adapt: Adapt = None, bits: Bits = None,
        inputs: Inputs = None, language_model: LanguageModel = None, lora: Lora = None) -> None:
    """Fit and evaluate a model over several runs.

    Run k uses seed k; for retrieval also the k-th fixed class split. All choices are made on
    validation classes. With --out every finished run is saved, and the same command resumes at the
    first run that is missing. A recipe's hyper-parameters are taken from its paper instead of
    chosen, and the paper's numbers are printed beside the report.
    """
    if out is not None:
        check_writable(out)
    check_seeds_free(set_, tune)
    estimator, grid, recipe = build(model, set_, no_tune, tune)
    from crossalign.evaluation import evaluate
    from crossalign.evaluation.protocols import with_options

    bench = options.load(recipe)
    check_used(estimator, bench, options.task, set_, tune)
    protocol = with_options(options.task or bench.task, bits=bits, best_epoch=best_epoch,
                            adapt=adapt, inputs=inputs, language_model=language_model, lora=lora)
    report = evaluate(estimator, bench, seeds, task=protocol, tune=grid, log=log,
                      callbacks=progress(), pictures=out is not None, keep=runs_in(out))
    publish(report, out, as_json, recipe)
    if len(report.seeds) < seeds:
        raise KeyboardInterrupt


@app.command()
@takes_data()
def fit(model: Model, options: DataOptions,
        out: Annotated[Path, typer.Option(help="Folder of the fitted model.", **HOME)],
        set_: Sets = None, no_tune: NoTune = False, tune: Tune = None,
        seed: Annotated[int, typer.Option(
            min=0, help="Seed, unless --set random_state, and class split.")] = 0,
        bits: Bits = None, k: Ks = None,
        draws: Annotated[int | None, typer.Option(
            min=1, help="How often few_shot draws them.")] = None) -> None:
    """Fit a model and save it as a folder, which evaluates and recognises without options.

    Training is saved beside the folder after every epoch; the same command resumes after Ctrl-C.
    """
    check_writable(out)
    check_seeds_free(None, tune)
    estimator, grid, recipe = build(model, set_, no_tune, tune)
    from crossalign.evaluation import fit_for
    from crossalign.tasks.store import check_task_target

    check_task_target(out)
    unfinished = Path(f"{os.path.abspath(out)}.unfinished")
    check_writable(unfinished)

    if "random_state" in estimator.get_params() and not sets(set_, "random_state"):
        estimator.set_params(random_state=seed)
    bench = options.load(recipe)
    check_used(estimator, bench, options.task, set_, tune)
    from crossalign.evaluation.fitted import CHOICE
    from crossalign.evaluation.kept import forget
    from crossalign.evaluation.protocols import with_options
    from crossalign.training import discard_checkpoint

    protocol = with_options(options.task or bench.task, ks=None if k is None else tuple(k),
                            draws=draws, bits=bits)
    try:
        fitted = fit_for(estimator, bench, task=protocol, tune=grid, run=seed, log=log,
                         callbacks=progress(), checkpoint=unfinished)
    except KeyboardInterrupt:
        if unfinished.exists():
            log(f"kept in {unfinished}; the same command goes on from there")
        raise
    fitted.source = options.remembered(recipe)
    fitted.save(out)
    discard_checkpoint(unfinished)
    forget(unfinished, CHOICE)
    print(f"{fitted.selection}\nsaved to {out}")


@app.command()
@takes_data()
def ablate(model: Model, options: DataOptions, set_: Sets = None, seeds: Seeds = 1,
           row: Annotated[list[str] | None, typer.Option(
               help="Only this row; may be repeated.")] = None,
           curves: Annotated[bool, typer.Option(
               help="Also sweep the loss weights.")] = True,
           curve_seeds: Annotated[int, typer.Option(min=1, help="Runs of each swept value.")] = 1,
           out: Annotated[Path, typer.Option(
               help="Folder of the results.", **HOME)] = Path("ablation")) -> None:
    """Measure what each module of a model is worth, and how much its weights matter.

    Rows and swept values are the recipe's, else the model's own. Every row and curve is written as
    soon as it is done; test scores stand beside the curves of validation and choose nothing.
    """
    check_writable(out)
    check_seeds_free(set_)
    estimator, _, recipe = build(model, set_, True)
    from crossalign.recipes.ablation import run_ablation

    rows, swept, published = estimator.ablations, estimator.sweeps, {}
    if recipe is not None:
        rows, swept, published = recipe.rows, recipe.sweeps, recipe.published
    bench = options.load(recipe)
    run_ablation(estimator, bench, chosen_rows(rows, row), swept if curves else {}, out,
                 published=published, seeds=seeds, curve_seeds=curve_seeds, callbacks=progress(),
                 log=log)


@app.command()
@takes_data()
def profile(model: Annotated[list[str], typer.Argument(help="One model or several, as for run.")],
            options: DataOptions, set_: Sets = None,
            repeats: Annotated[int, typer.Option(min=1, help="Timed epochs or passes.")] = 3,
            memory: Annotated[bool, typer.Option(
                help="Also measure memory, each time in a fresh process.")] = True,
            as_json: AsJson = False) -> None:
    """Measure what models cost: parameters, operations, memory and speed.

    A few epochs are enough, so a model is not trained to its end. With several models --set
    concerns those that have the parameter.
    """
    estimators = build_several(model, set_)
    bench = options.load()
    data, task = options.name, options.task
    from crossalign.evaluation.profile import check_suited
    from crossalign.evaluation.profile import profile as measure
    from crossalign.evaluation.profile_table import profile_record, profile_table

    found = []
    for estimator in estimators:
        check_suited(estimator, bench, task)
    for estimator in estimators:
        log(f"{estimator.cli_name} ...")
        found.append(measure(estimator, bench, task=task, repeats=repeats, memory=memory))
    if as_json:
        print(json.dumps(profile_record(found, data=data, task=task or bench.task)))
    else:
        print(profile_table(found, f"{data} ({task or bench.task})"))


@app.command()
@takes_data("task", *SUPERVISED)
def few_shot(model: Model, options: DataOptions, set_: Sets = None, seeds: Seeds = 1,
             k: Ks = None,
             draws: Annotated[int, typer.Option(min=1, help="How often they are drawn.")] = 10,
             baseline: Annotated[bool, typer.Option(
                 help="Also a softmax on codes, as CADA-VAE's; takes minutes.")] = False,
             out: ReportFolder = None, as_json: AsJson = False) -> None:
    """Score accuracy over the number of samples of each new class.

    The weight of side information beside them is chosen on validation classes.
    """
    if out is not None:
        check_writable(out)
    check_seeds_free(set_)
    estimator, _, recipe = build(model, set_, True)
    from crossalign.evaluation import evaluate
    from crossalign.evaluation.protocols import FewShotRecognition
    from crossalign.evaluation.protocols.few_shot_curve import FewShotCurve

    bench = replace(options, task=FewShotRecognition.name).load(recipe)
    task = FewShotRecognition(None if k is None else tuple(k), draws, baseline)
    report = evaluate(estimator, bench, seeds, task=task, tune=False, callbacks=progress(), log=log,
                      keep=runs_in(out))
    if not as_json:
        found = report.artefacts["few_shot"]
        print(f"{FewShotCurve(tuple(found['ks']), found['curves'])}\n")
    publish(report, out, as_json)


@app.command()
@takes_data("task", "pairs", "wrong")
def learning_curve(
        model: Annotated[list[str], typer.Argument(
            help="Models as for run; settings may stand behind commas, as "
            "ridge_map,pairs=class.")],
        options: DataOptions,
        pairs: Annotated[str, typer.Option(
            help="Numbers of training pairs with commas between; all for all.")] = "20,50,100",
        wrong: Annotated[str, typer.Option(
            help="Share of the pairs that is wrong; several, as 0,0.1,0.3, draw the curve over "
            "them, at one number of pairs.")] = "0",
        set_: Sets = None, seeds: Seeds = 1, no_tune: NoTune = False,
        metric: Annotated[str | None, typer.Option(
            help="Score to draw; by default the one that validation maximises.")] = None,
        out: Annotated[Path | None, typer.Option(
            help="Folder for the figure, the numbers and the reports.", **HOME)] = None,
        as_json: AsJson = False) -> None:
    """Score retrieval over the number of training pairs, for several models in one figure.

    With several shares of wrong pairs the curve is over those, at one number of pairs.
    Training rows that are no pairs stay, through one modality each. Pairs are drawn by the seed of
    the run, nested and the same for all models. With --out every finished run is saved, and the
    same command resumes.
    """
    if out is not None:
        check_writable(out)
    check_seeds_free(set_)
    axis, values, other = curve_of(pairs, wrong)
    models = build_contenders(model, set_, no_tune)
    from crossalign.recipes.learning_curve import run_learning_curve

    supervision = replace(options.supervision, **other)
    bench = replace(options, task="retrieval", unpaired=None, labels=None).load()
    curve = run_learning_curve(models, bench, values, supervision, axis=axis, seeds=seeds,
                               metric=metric, out=out, callbacks=progress(), log=log)
    print(json.dumps(curve.to_dict()) if as_json else str(curve))
    if out is not None:
        log(f"wrote {out / 'learning_curve.png'}")
    if curve.interrupted:
        raise KeyboardInterrupt


@app.command()
@takes_data("data", "task", *SUPERVISED)
def alignability(source: Annotated[str, typer.Argument(
                     help="A folder or file of your own, or a built-in name.")],
                 options: DataOptions, as_json: AsJson = False) -> None:
    """Say whether two encoders have anything in common, before a model is fitted on their rows.

    Only training pairs are read, of the first class split.
    """
    from crossalign.evaluation.alignability import alignability as measure

    found = measure(replace(options, data=source, task="retrieval").load().run(0))
    print(json.dumps(found.to_dict()) if as_json else found)


@app.command()
@takes_data()
def evaluate(folder: Annotated[Path, typer.Argument(help="Folder that fit or save wrote.", **HOME)],
             options: DataOptions, out: ReportFolder = None, as_json: AsJson = False,
             bits: Bits = None,
             model: Annotated[str | None, typer.Option(
                 help="FILE.py:CLASS of a model of your own.")] = None) -> None:
    """Evaluate a saved model; nothing is fitted but the head its task needs.

    Options that are not given are those with which fit loaded the data and made its choices.
    """
    if out is not None:
        check_writable(out)
    from crossalign.evaluation import score_fitted
    from crossalign.evaluation.fitted import task_of
    from crossalign.tasks.store import load_fitted

    fitted = load_fitted(folder, model)
    if fitted.pools and options.pool is not None:
        raise ValueError(f"pool: got {options.pool!r}, and the saved model keeps its own; leave it "
                         "out.")
    options = options.over(fitted.source)
    bench = replace(options, task=options.task or fitted.task or None).load(
        pools=fitted.pools)
    protocol = task_of(fitted, bench, options.task, bits=bits)
    report = score_fitted(fitted, bench, task=protocol, pictures=out is not None)
    publish(report, out, as_json)


@app.command()
def suite(name: Annotated[str, typer.Argument(help="A built-in suite, as demo, or FILE.yaml.")],
          out: Annotated[Path, typer.Option(
              help="Folder of the results.", **HOME)] = Path("suite"),
          data: Annotated[Path | None, typer.Option(
              "--data", "-d", help="Folder that holds the data sets.", **HOME)] = None,
          jobs: Annotated[int, typer.Option(
              min=1, help="Runs at a time; with several, each has one thread.")] = 1) -> None:
    """Make a list of runs: a report of each, tables of all, and a page.

    Finished runs are saved, and the same command resumes at the first run that is missing.
    """
    check_writable(out)
    from crossalign.recipes.run_suite import run_suite
    from crossalign.recipes.suite import load_suite

    run_suite(load_suite(name), out, data, jobs=jobs, log=log)


@app.command()
def page(reports: Annotated[list[Path], typer.Argument(
             help="Files written by --out, or their folders; several make one page.", **HOME)],
         out: ReportFolder = None) -> None:
    """Draw the page of saved reports again, with the figures that lie beside them.

    Without --out the page is written beside the first report.
    """
    from crossalign.evaluation import Report
    from crossalign.pages import write_page

    files = [path / "report.json" if path.is_dir() else path for path in reports]
    folder = files[0].parent if out is None else out
    check_writable(folder)
    print(write_page([Report.load(file) for file in files], folder / "report.html"))


@app.command()
def models(name: Annotated[str | None, typer.Argument(help="One model, in full.")] = None) -> None:
    """List the models, or describe one with its parameters."""
    from crossalign.models.catalog import describe_model, models_table

    print(models_table() if name is None else describe_model(name))


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(
        help="One recipe, or the path of your own, in full.")] = None) -> None:
    """List the recipes (a paper's settings and numbers on one data set), or print one in full."""
    from crossalign.recipes.catalog import describe_recipe, recipes_table

    print(recipes_table() if name is None else describe_recipe(name.removeprefix(RECIPE)))


@app.command()
def doctor() -> None:
    """Describe this machine: versions, devices, extras, cache."""
    from crossalign.doctor import examine

    print(examine())


register(app)
register_data(data_app)
for group in (app, data_app):
    for registered in group.registered_commands:
        registered.cls = OnceCommand


def publish(report: Any, out: Path | None, as_json: bool, recipe: Recipe | None = None) -> None:
    """Print a report, beside a recipe's numbers if there are any, and write its files if asked."""
    if out is not None:
        report.save(out / "report.json")
        log(f"wrote {out / 'report.json'}")
    if recipe is None:
        print(json.dumps(report.to_dict()) if as_json else str(report))
    elif as_json:
        print(json.dumps({**report.to_dict(), "recipe": recipe.name,
                          "published": recipe.published}))
    else:
        from crossalign.recipes.catalog import comparison

        print(f"{report}\n\n{comparison(recipe, report)}")
    if out is not None:
        report.html(out / "report.html")
        log(f"wrote {out / 'report.html'}")


def runs_in(out: Path | None) -> Path | None:
    """Return the folder of finished runs in a folder of results."""
    return None if out is None else out / "runs"


if __name__ == "__main__":
    main()
