"""Commands about a space: build one, ask it, serve it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossalign.arguments import HOME, LanguageModel, Lora, check_writable, log, progress
from crossalign.boundary import tell
from crossalign.cli_maps import MapFile, check_item, check_map, draw_map
from crossalign.cli_pictures import Files, answered, pictures_of, question_about
from crossalign.cli_space_changes import (
    Folder,
    adapt,
    add,
    add_class,
    migrate,
    remove,
)
from crossalign.data_arguments import takes_data
from crossalign.data_options import SUPERVISED, DataOptions
from crossalign.tables import aligned, printable

if TYPE_CHECKING:
    from crossalign.space import Answer, Hit

Count = Annotated[int, typer.Option("--k", min=1, help="Number of answers.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
STRANGE = "unlike all that the space was built from; "
"""Words before what is said of a picture that is unlike all others, see `space.unlike`."""
AsCsv = Annotated[bool, typer.Option("--csv", help="Comma-separated lines on standard output.")]
Where = Annotated[list[str] | None, typer.Option(
    help="Only items with this in their payload, as class=butterfly; repeated for one key, any of "
    "its values.")]
LISTED = 8
"""Number of classes of a set that are named."""
MATCH = {True: "yes", False: "no", None: ""}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (build, search, recognise, caption, ask, add, add_class, adapt, remove, embed,
                    migrate, serve):
        app.command()(command)


@takes_data("data", *SUPERVISED)
def build(source: Annotated[str, typer.Argument(
              help="A folder or file of your own, or a built-in name.")],
          options: DataOptions,
          out: Annotated[Path, typer.Option(help="Folder of the space.", **HOME)],
          models: Annotated[str | None, typer.Option(
              help="Models to choose among, with commas between; by default a short list.")] = None,
          budget: Annotated[float, typer.Option(
              min=0, help="Seconds after which no further model is tried.")] = 300.0,
          name: Annotated[str | None, typer.Option(help="Name of the space.")] = None,
          replace_: Annotated[bool, typer.Option(
              "--replace", help="Replace a space that is there, with what was added.")] = False,
          adapt_: Annotated[bool, typer.Option(
              "--adapt", help="Let unlabelled pictures teach where classes without training "
              "pictures lie; the way is chosen on validation classes.")] = False,
          captions: Annotated[bool, typer.Option(
              "--captions", help="Learn to say what pictures show, from the captions of the "
              "data.")] = False,
          questions: Annotated[bool, typer.Option(
              "--questions", help="Learn to answer about pictures, from the questions of the "
              "data, as a table with path, question and answer.")] = False,
          language_model: LanguageModel = None, lora: Lora = None) -> None:
    """Build a space of pictures and texts, which answers about raw ones.

    Encode, choose a model on validation classes, fit, calibrate, index.
    """
    check_writable(out)
    from crossalign.space import build_space

    chosen = None if models is None else [word.strip() for word in models.split(",")]
    space = build_space(replace(options, data=source), out, models=chosen, budget=budget, name=name,
                        replace=replace_, adapt=adapt_, captions=captions, questions=questions,
                        language_model=language_model, lora=lora, log=log,
                        callbacks=progress())
    print(f"\n{out}: {len(space):,} items, {len(space.class_names)} classes\n\ntry next:")
    if "text" in space.modalities:
        print(f'  crossalign search {out} "some words"')
    print(f"  crossalign search {out} --{space.looks} FILE")
    if space.captions:
        print(f"  crossalign caption {out} FILE")
    if space.asked_about:
        print(f'  crossalign ask {out} FILE "a question?"')
    if space.class_names:
        print(f"  crossalign recognise {out} FILE")
        print(f'  crossalign add-class {out} "new name" --text "what it looks like"')
    print(f"  crossalign serve {out}")


def search(space: Folder,
           words: Annotated[str | None, typer.Argument(help="A text to search with.")] = None,
           image: Annotated[Path | None, typer.Option(
               "--image", "--clip", help="A picture, or a clip, to search with.", **HOME)] = None,
           k: Count = 10, where: Where = None,
           modality: Annotated[str | None, typer.Option(help="image, clip or text.")] = None,
           why: Annotated[bool, typer.Option(
               "--why", help="Say which training pairs and words put each item there.")] = False,
           as_json: AsJson = False) -> None:
    """Search a space by a text or a picture."""
    if (words is None) == (image is None):
        raise ValueError("words: give a text, or a picture by --image FILE; one of them.")
    from crossalign.space import Space, nothing_matches
    from crossalign.space.thumbs import THUMB_KEY

    opened, query = Space.open(space), words if image is None else image
    found = opened.search(query, k, filters(where), modality)
    said = opened.why(query, [hit.id for hit in found]) if why else []
    untold = opened.unjudged(query, found)
    if words is not None and "note" in opened.card:
        tell(f"note: {opened.card['note']}")
    if as_json:
        print(json.dumps({"none": nothing_matches(found), "hits": [{**hit._asdict(), "payload": {
            key: value for key, value in hit.payload.items() if key != THUMB_KEY}}
            for hit in found], **({} if untold is None else {"unjudged": untold}),
            **({"why": [one._asdict() for one in said]} if why else {})}))
        return
    if not found:                                      # which says nothing of what is alike
        print("the space holds no item" + (", or none that the filters let through"
                                           if where or modality else ""))
        return
    judged = any(hit.match is not None for hit in found)
    print("\n".join(aligned([
        ["", "score", "chance", *(["match"] if judged else []), "item", "class", "text"], *(
            [str(n), f"{hit.score:.3f}", likely(hit), *([MATCH[hit.match]] if judged else []),
             hit.id, *shown(hit)] for n, hit in enumerate(found, 1))], words=6 + judged)))
    if nothing_matches(found):
        print("nothing matches: these are the nearest, and no more similar than the nearest of "
              "what is not there")
    elif untold is not None:
        print(f"whether these match is not told: {untold}")
    for one in said:
        print(f"\n{printable(one.id)}")
        for kind, parts in (("pairs", one.pairs), ("words", one.words)):
            if parts:
                print(f"  {kind}: "
                      + printable(", ".join(f"{name} {worth:+.3f}" for name, worth in parts)))


def recognise(space: Folder, files: Files, k: Count = 3, as_csv: AsCsv = False,
              as_json: AsJson = False, occlusion: MapFile = None) -> None:
    """Name what pictures show, with calibrated probabilities, or that it is none of the classes.

    Where some cannot be read the others are answered, and the exit code is 2.
    """
    if as_csv and as_json:
        raise ValueError("--csv: given beside --json; choose one of them.")
    check_map(occlusion, files)
    from crossalign.space import Space

    opened = Space.open(space)
    check_item(opened, occlusion, files)
    found = answered(files, lambda pictures: opened.recognise(pictures, k), opened.clips)
    draw_map(opened, occlusion, files, "class")
    untold = opened.unpromised
    reasons = reasons_of(unpromised=untold, uncompared=opened.uncompared)
    if as_json:
        print(json.dumps({"answers": [{"file": str(file), **answer._asdict()} for file, answer in
                                      zip(found.files, found.answers, strict=True)],
                          **found.facts, **reasons}))
    elif as_csv:
        write_csv([str(file) for file in found.files], found.answers)
    else:
        for file, answer in zip(found.files, found.answers, strict=True):
            said = ", ".join(f"{name} {100 * p:.0f} %" for name, p in
                             zip(answer.names, answer.probabilities, strict=True))
            print(printable(f"{file}: {STRANGE * bool(answer.unlike)}"
                            f"{'none of the classes; nearest ' * answer.none}{said}"))
            if answer.set:
                of = "" if untold is None else ", if that has training pictures"
                print(printable(f"  meant to hold the right one in 90 %{of}: {named(answer.set)}"))
    tell_reasons(reasons, as_json)
    found.end()


def caption(space: Folder, files: Files, as_json: AsJson = False,
            occlusion: MapFile = None) -> None:
    """Say in words what pictures show, also of classes that no caption in training named.

    Where some cannot be read the others are answered, and the exit code is 2.
    """
    check_map(occlusion, files)
    from crossalign.space import Space

    opened = Space.open(space)
    check_item(opened, occlusion, files)
    found = answered(files, opened.captioned, opened.clips)
    draw_map(opened, occlusion, files, "caption")
    reasons = reasons_of(uncompared=opened.uncompared)
    if as_json:
        print(json.dumps({"captions": [{"file": str(file), **said._asdict()} for file, said in
                                       zip(found.files, found.answers, strict=True)],
                          **found.facts, **reasons}))
    else:
        for file, said in zip(found.files, found.answers, strict=True):
            instead = "" if said.instead is None else f" (but recognised as {said.instead})"
            print(printable(f"{file}: {STRANGE * bool(said.unlike)}"
                            f"{'none of the classes; nearest ' * said.none}"
                            f"{said.caption}{instead}"))
    tell_reasons(reasons, as_json)
    found.end()


def ask(space: Folder,
        about: Annotated[list[str], typer.Argument(
            metavar="FILE [FILE] QUESTION", help="One picture, or a first and a second, and then "
            "the question.")],
        k: Count = 3, as_json: AsJson = False, occlusion: MapFile = None) -> None:
    """Answer a question about a picture, or about two."""
    pictures, question = question_about(about)
    check_map(occlusion)
    from crossalign.space import Space

    opened = Space.open(space)
    reply = opened.ask(pictures, question, k)
    draw_map(opened, occlusion, pictures, "answer", question)
    if reply.unknown:
        tell("note: no question in training had the words " + ", ".join(reply.unknown))
    if reply.unlike:
        tell(f"note: {STRANGE}this answer says little")
    if not reply.calibrated:
        tell("note: these shares are not calibrated, as the space had too few questions for that")
    reasons = reasons_of(uncompared=opened.uncompared)
    tell_reasons(reasons, as_json)
    if as_json:
        print(json.dumps({"question": question, "files": about[:-1], **reply._asdict(),
                          **reasons}))
    else:
        print(printable(", ".join(f"{text} {100 * p:.0f} %" for text, p in
                                  zip(reply.answers, reply.accuracies, strict=True))))


def embed(space: Folder, files: Files,
          out: Annotated[Path, typer.Option(help="File of the vectors, .npy.", **HOME)]) -> None:
    """Write the vectors of pictures, as the index of a space compares them."""
    check_writable(out)
    if out.suffix != ".npy":
        raise ValueError(f"--out: got {str(out)!r}; give a file of arrays, as vectors.npy.")
    import io

    import numpy as np

    from crossalign.files import write_bytes
    from crossalign.space import Space

    stream = io.BytesIO()
    opened = Space.open(space)
    vectors = opened.embed(pictures_of(files, opened.clips))
    np.save(stream, vectors, allow_pickle=False)
    write_bytes(out, stream.getvalue())
    print(f"{len(vectors):,} vectors of width {vectors.shape[1]} in {out}")


def serve(space: Folder,
          host: Annotated[str, typer.Option(
              help="Address to listen at; others than this machine's own need a token.")
              ] = "127.0.0.1",
          port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any free one.")
                          ] = 8000,
          token: Annotated[str | None, typer.Option(
              envvar="CROSSALIGN_TOKEN", help="Bearer token that requests carry.")] = None) -> None:
    """Serve a space over HTTP, with a page to try it, until Ctrl-C."""
    try:
        from crossalign.serve.start import door_of
        from crossalign.serve.start import serve as listen
    except ModuleNotFoundError as error:
        raise ImportError(f"serve: the package {error.name} is missing: "
                          "pip install 'crossalign[serve]'.") from None
    from crossalign.space import Space

    door_of(host, token)
    opened = Space.open(space)
    try:
        listen(opened, host, port, token, log=log)
    finally:
        opened.close()


def filters(words: list[str] | None) -> dict[str, Any] | None:
    """Read ``key=value`` filters; several values of a key mean any of them.

    Raises
    ------
    ValueError
        For a filter without ``=``.
    """
    found: dict[str, list[str]] = {}
    for text in words or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"--where: got {text!r}; write key=value.")
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()} or None


def likely(hit: Hit) -> str:
    """Return the share of random pairs that are as similar as a hit, for a table."""
    return "" if hit.chance is None else f"{100 * hit.chance:.1f} %"


def shown(hit: Hit) -> list[str]:
    """Return class and text of a hit for a table, or where it has no text what the space says."""
    from crossalign.space.answering import SAID
    from crossalign.space.items import TEXT

    about = hit.payload
    text = about[TEXT] if TEXT in about else f"said: {about[SAID]}" if SAID in about else ""
    return [str(about.get("class", "")), str(text)[:60]]


def reasons_of(**reasons: str | None) -> dict[str, str]:
    """Return why something is not told, by its key in JSON."""
    return {name: why for name, why in reasons.items() if why is not None}


def tell_reasons(reasons: Mapping[str, str], as_json: bool) -> None:
    """Print why something is not told, as notes; JSON says it itself."""
    for why in () if as_json else reasons.values():
        tell(f"note: {why}")


def named(classes: list[str]) -> str:
    """Return the first names of a set, and how many more there are."""
    more = f" and {len(classes) - LISTED} more" if len(classes) > LISTED else ""
    return f"{', '.join(classes[:LISTED])}{more}"


def write_csv(files: list[str], answers: list[Answer]) -> None:
    """Write answers as lines of file, class, probability, whether it is none of them, whether the
    class is in the set, and whether the picture is unlike all others, empty if that is not told.
    """
    from crossalign.tables import csv_cell

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "class", "probability", "none", "in_set", "unlike"])
    for file, answer in zip(files, answers, strict=True):
        for name, chance in zip(answer.names, answer.probabilities, strict=True):
            writer.writerow([csv_cell(file), csv_cell(name), f"{chance:.4f}",
                             *("" if said is None else str(said).lower() for said in
                               (answer.none, name in answer.set, answer.unlike))])
