"""Whatever a file, an option or a model folder holds: a result, or one sentence of what is wrong.

The examples are the same in every run. ``CROSSALIGN_EXAMPLES=3000`` tries so many of each kind,
drawn anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from unittest import mock

import h5py
import hostile_files
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from PIL import Image
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from small_models import fitted

from crossalign.arguments import build
from crossalign.cli import main
from crossalign.data import validate
from crossalign.data.sources.picture_folder.source import load_picture_folder
from crossalign.models.store import load_model
from crossalign.recipes import load_recipe

MORE = os.environ.get("CROSSALIGN_EXAMPLES")
hostile = settings(max_examples=int(MORE or 20), derandomize=MORE is None, deadline=None,
                   database=None, suppress_health_check=list(HealthCheck), print_blob=False)


def answer(call) -> str:
    """What a call complains of, empty where it does not; anything but one sentence is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
            return ""
        except ValueError as error:
            text = str(error)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    assert ": " in text
    return text


def command(*words: str) -> tuple[int, str]:
    """The exit code of a command line and what it says on standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (mock.patch.object(sys, "argv", ["crossalign", *words]), warnings.catch_warnings(),
          contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)):
        warnings.simplefilter("ignore")
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        else:
            code = 0
    assert code in (0, 2), err.getvalue()
    assert "Traceback" not in err.getvalue()
    return code, err.getvalue()


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# -- bytes ---------------------------------------------------------------------------------------
@st.composite
def changes(draw):
    """A few places of a file, as shares of its length, and what happens there."""
    place = st.floats(0, 1, exclude_max=True)
    one = st.tuples(st.sampled_from(["cut", "set", "add", "drop", "repeat"]), place,
                    st.one_of(st.binary(min_size=1, max_size=8),
                              st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\x7f\xff\xff\xff"])))
    return draw(st.lists(one, min_size=1, max_size=6))


def changed(content: bytes, what) -> bytes:
    data = bytearray(content)
    for kind, place, new in what:
        at = int(place * len(data))
        if kind == "cut":
            del data[max(at, 8):]
        elif kind == "set":
            data[at:at + len(new)] = new
        elif kind == "add":
            data[at:at] = new
        elif kind == "drop":
            del data[at:at + len(new)]
        else:
            data[at:at] = data[at:at + 64]
    return bytes(data)


@functools.cache
def valid(kind: str) -> bytes:
    """A small valid file of a kind."""
    with folder() as place:
        file = place / f"a.{kind}"
        table = hostile_files.pairs()
        if kind == "npz":
            np.savez_compressed(file, **table)
        elif kind == "npy":
            np.save(file, table["image"])
        elif kind == "csv":
            names = [f"{m}_{i}" for m in ("image", "text") for i in range(table[m].shape[1])]
            rows = np.hstack([table["image"], table["text"]])
            lines = [",".join([*names, "label"])]
            lines += [",".join([*(f"{v:.3f}" for v in row), str(label)])
                      for row, label in zip(rows, table["labels"], strict=True)]
            file.write_text("\n".join(lines))
        elif kind == "mat":
            scipy.io.savemat(file, {**table, "labels": table["labels"] + 1}, do_compression=True)
        elif kind == "hdf5":
            with h5py.File(file, "w") as stored:
                for name, values in table.items():
                    stored.create_dataset(name, data=(values + (name == "labels")).T,
                                          compression="gzip" if values.ndim > 1 else None)
        return file.read_bytes()


@pytest.mark.parametrize("kind", ["npz", "csv", "mat", "hdf5"])
def test_damaged_files(kind):
    @hostile
    @given(changes())
    def holds(what):
        with folder() as place:
            file = place / f"a.{kind.replace('hdf5', 'mat')}"
            file.write_bytes(changed(valid(kind), what))
            answer(lambda: validate(file))

    with folder() as place:  # the file itself is fine
        file = place / f"a.{kind.replace('hdf5', 'mat')}"
        file.write_bytes(valid(kind))
        assert answer(lambda: validate(file)) == ""
    holds()


@hostile
@given(changes())
def test_damaged_arrays(what):
    with folder() as place:
        for name, values in hostile_files.pairs().items():
            np.save(place / f"{name}.npy", values)
        (place / "image.npy").write_bytes(changed(valid("npy"), what))
        answer(lambda: validate(place))
        np.save(place / "image.npy", hostile_files.pairs()["image"])
        (place / "labels.npy").write_bytes(changed(valid("npy"), what))
        answer(lambda: validate(place))


@hostile
@given(st.text(st.sampled_from("image_0text1label,;\t\n\r\"' .-+e\0\ufeffé9split"), max_size=200))
def test_tables_of_any_text(text):
    with folder() as place:
        (place / "a.csv").write_text(text, encoding="utf-8", newline="")
        answer(lambda: validate(place / "a.csv"))


@hostile
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), changes())
def test_pictures_of_any_bytes(contents, what):
    with folder() as place:
        good = io.BytesIO()
        Image.new("L", (8, 8), 7).save(good, "png")
        for name in "abcd":
            (place / name).mkdir()
            for i in range(4):
                (place / name / f"{i}.png").write_bytes(good.getvalue() + bytes([i, ord(name)]))
        for i, content in enumerate([*contents, changed(good.getvalue(), what)]):
            (place / "a" / f"{i}.png").write_bytes(content)
            (place / "b" / f"{i}.txt").write_bytes(content)
        answer(lambda: load_picture_folder(place, cache=False))


# -- arrays --------------------------------------------------------------------------------------
ANY_ARRAY = arrays_of.arrays(
    st.one_of(arrays_of.scalar_dtypes(), arrays_of.unicode_string_dtypes(max_len=4),
              arrays_of.byte_string_dtypes(max_len=4)),
    st.one_of(arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
              st.sampled_from([(36,), (36, 2), (2, 36), (36, 1), (36, 0), (36, 0, 3), (36, 2, 3),
                               (6, 3), (6,)])))
NAMES = st.sampled_from(["image", "text", "labels", "label", "class", "train", "split", "ids",
                         "class_names", "class_embeddings", "features", "domain", "mask", "audio"])


@hostile
@given(st.dictionaries(NAMES, ANY_ARRAY, max_size=3), st.sampled_from(["npz", "npy", "mat"]))
def test_tables_of_any_arrays(table, kind):
    with folder() as place:
        table = {**hostile_files.pairs(), **table}
        if kind == "npz":
            np.savez(place / "a.npz", **table)
            answer(lambda: validate(place / "a.npz"))
        elif kind == "npy":
            for name, values in table.items():
                np.save(place / f"{name}.npy", values)
            answer(lambda: validate(place))
        else:
            kept = {name: v for name, v in table.items() if v.dtype.kind in "biufcUS"
                    and v.dtype.itemsize < 16}
            with contextlib.suppress(ValueError, TypeError):  # what SciPy cannot write
                scipy.io.savemat(place / "a.mat", kept)
                answer(lambda: validate(place / "a.mat"))


@st.composite
def benchmark_variables(draw):
    """Some variables of a split file, changed."""
    values = draw(st.dictionaries(
        st.sampled_from(["features", "labels", "att", "allclasses_names", "trainval_loc",
                         "test_seen_loc", "test_unseen_loc", "train_loc", "val_loc"]),
        st.one_of(st.none(), arrays_of.arrays(
            st.sampled_from([np.float64, np.int16, np.uint8, bool]),
            arrays_of.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=61))),
        min_size=1, max_size=2))
    return values


@hostile
@given(benchmark_variables())
def test_benchmarks_of_any_variables(variables):
    from crossalign.data import load

    labels, rows = np.repeat(np.arange(1, 7), 10), np.arange(60).reshape(6, 10) + 1
    att = np.random.default_rng(0).standard_normal((5, 6))
    content = {"features": att[:, labels - 1], "labels": labels[:, None], "att": att,
               "trainval_loc": rows[:4, :8].reshape(-1, 1), "test_unseen_loc": rows[4:].reshape(
                   -1, 1), "test_seen_loc": rows[:4, 8:].reshape(-1, 1)} | variables
    content = {k: v for k, v in content.items() if v is not None}
    with folder() as place:
        for file, names in (("res101.mat", {"features", "labels"}), ("att_splits.mat", None)):
            scipy.io.savemat(place / file, {
                k: v for k, v in content.items()
                if (k in names if names else k not in ("features", "labels"))})
        answer(lambda: load(place))
        answer(lambda: validate(place))


# -- words ---------------------------------------------------------------------------------------
KEYS = ["alpha", "gamma", "latent", "epochs", "lr", "kl_ramp", "hidden", "random_state", "device",
        "scaling", "modality", "readers", "view_weights", "n_components", "reg", "whitening", ""]
VALUES = st.one_of(
    st.integers().map(str), st.floats().map(str), st.text(max_size=20),
    st.recursive(st.one_of(st.integers(-3, 10**12), st.booleans(), st.none(), st.text(max_size=3)),
                 lambda inner: st.lists(inner, max_size=3), max_leaves=8).map(json.dumps),
    st.sampled_from(["&a [*a]", "!!int ''", "*x", "{a: 1}", "[[[[[[", "1e400", "-0", "~",
                     "9" * 5000, "!!python/object/apply:os.system [ls]", ".nan", "[.inf, .nan]"]))
MODELS = st.sampled_from(["eszsl", "acmr", "cca", "fgan", "fusionnet_qsma", "lcale", "ridge_map",
                          "recipe:acmr-cub", "perfect_alignment", "chance"])


@hostile
@given(MODELS, st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=3),
       st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=2))
def test_parameters_of_any_words(model, sets, tunes):
    answer(lambda: build(model, ["=".join(pair) for pair in sets], False,
                         ["=".join(pair) for pair in tunes]))


WORDS = st.one_of(st.text(st.characters(exclude_characters="\0"), max_size=12), st.sampled_from(
    ["", "-1", "0", "1e9", "9" * 30, "~", "~nobody", "/dev/null", "/dev/stdin", ".", "..",
     "a" * 5000, "glyphs", "retrieval", "é", "\udcff", "*", "$HOME", "--help"]))


@hostile
@given(st.sampled_from(["--seeds", "--unseen", "--attributes", "--bits", "--pool", "--task",
                        "--data", "--encoder", "--text-encoder", "--set", "--tune"]), WORDS)
def test_options_of_any_words(option, word):
    # the benchmark is a file that is not there, unless it is what is tried
    where = [] if option == "--data" else ["--data", "nowhere.npz"]
    command("run", "eszsl", *where, option, word, "--no-tune")


@hostile
@given(st.sampled_from([["models"], ["recipes"], ["data", "validate"], ["evaluate"], ["profile"],
                        ["run"], ["few-shot"], ["ablate"]]), WORDS)
def test_arguments_of_any_words(words, word):
    rest = {"profile": ["--data", "nowhere.npz"], "run": ["--data", "nowhere.npz"],
            "few-shot": ["--data", "nowhere.npz"],
            "ablate": ["--data", "nowhere.npz", "--out", tempfile.gettempdir()],
            "data": [], "evaluate": ["--data", "nowhere.npz"]}.get(words[0], [])
    if word == "glyphs" and words[0] == "data":
        return  # valid, and takes seconds
    command(*words, word, *rest)


# -- recipes -------------------------------------------------------------------------------------
RECIPE = b"""model: acmr
data: CUB
source: "Me, 2026"
task: gzsl
params: {latent: 8, kl_ramp: [0, 9], lr: 1e-4, hidden: [[9, 9], [9, 9]]}
rows: {bare: {iem: "off"}}
sweeps: {kl: [1, 2]}
published: {bare: {H: 12.0}}
expects: {classes: 200}
notes: [One.]
"""


@hostile
@given(changes())
def test_damaged_recipes(what):
    with folder() as place:
        (place / "mine.yaml").write_bytes(changed(RECIPE, what))
        answer(lambda: load_recipe(place / "mine.yaml"))


FIELDS = st.sampled_from(["model", "data", "source", "task", "params", "rows", "sweeps",
                          "published", "expects", "notes", "name", "x"])
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
              st.sampled_from(["acmr", "eszsl", "latent", "kl"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.one_of(FIELDS, st.sampled_from(["kl", "latent", "H", ""])), inner, max_size=3)),
    max_leaves=10)


@hostile
@given(st.dictionaries(FIELDS, ANY_JSON, max_size=4))
def test_recipes_of_any_fields(fields):
    with folder() as place:
        (place / "mine.yaml").write_text(json.dumps({"model": "acmr", "data": "CUB",
                                                     "source": "me"} | fields))
        answer(lambda: load_recipe(place / "mine.yaml"))


# -- model folders -------------------------------------------------------------------------------
@functools.cache
def saved(kind: str) -> Path:
    place = Path(tempfile.mkdtemp())
    return fitted(kind)[0].save(place / "m")


@pytest.fixture(scope="module", autouse=True)
def _without_remains():
    yield
    for kind in KINDS:
        shutil.rmtree(saved(kind).parent, ignore_errors=True)


KINDS = ("ESZSL", "RidgeMap", "CADAVAE")


@st.composite
def record_changes(draw):
    """Paths into a record, as choices at every level, and what is put there."""
    return draw(st.lists(st.tuples(st.lists(st.integers(0, 30), min_size=1, max_size=4),
                                   st.sampled_from(["set", "drop", "add"]), ANY_JSON),
                         min_size=1, max_size=3))


def edited(record, what):
    for path, kind, new in what:
        at = record
        for step in path[:-1]:
            keys = list(at) if isinstance(at, dict) else range(len(at)) \
                if isinstance(at, list) else []
            if not len(keys) or not isinstance(at[keys[step % len(keys)]], dict | list):
                break
            at = at[keys[step % len(keys)]]
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            continue
        key = keys[path[-1] % len(keys)]
        if kind == "drop":
            del at[key]
        elif kind == "add" and isinstance(at, dict):
            at[new if isinstance(new, str) else "embed"] = new
        else:
            at[key] = new
    return record


@pytest.mark.parametrize("kind", KINDS)
def test_edited_records_of_models(kind):
    @hostile
    @given(record_changes())
    def holds(what):
        with folder() as place:
            shutil.copytree(saved(kind), place / "m")
            record = json.loads((place / "m" / "model.json").read_text())
            (place / "m" / "model.json").write_text(json.dumps(edited(record, what)))
            answer(lambda: used(load_model(place / "m")))

    holds()


def used(model) -> None:
    """Read rows as an evaluation does."""
    for modality, width in model.widths_.items():
        rows = np.ones((2, width), np.float32)
        if hasattr(model, "embed"):
            model.embed(rows, modality)
    repr(model)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_weights_of_models(kind):
    @hostile
    @given(changes(), st.booleans())
    def holds(what, sealed):
        with folder() as place:
            shutil.copytree(saved(kind), place / "m")
            content = changed((place / "m" / "weights.safetensors").read_bytes(), what)
            (place / "m" / "weights.safetensors").write_bytes(content)
            record = json.loads((place / "m" / "model.json").read_text())
            if sealed:
                record["sha256"] = hashlib.sha256(content).hexdigest()
            (place / "m" / "model.json").write_text(json.dumps(record))
            answer(lambda: used(load_model(place / "m")))

    holds()


@hostile
@given(st.sampled_from(KINDS), st.dictionaries(st.one_of(st.sampled_from(
    ["coef_", "mean_", "network_/x", "scale_/image", "embed", "widths_", "embeddings_"]),
    st.text(max_size=5)), ANY_ARRAY.filter(lambda a: a.dtype.kind in "biuf"
                                          and a.dtype.itemsize in (1, 4, 8)
                                          and a.dtype.isnative and a.ndim), max_size=2))
def test_weights_of_any_arrays(kind, extra):
    with folder() as place:
        shutil.copytree(saved(kind), place / "m")
        held = load_arrays((place / "m" / "weights.safetensors").read_bytes())
        content = save_arrays({k: np.ascontiguousarray(v) for k, v in {**held, **extra}.items()})
        (place / "m" / "weights.safetensors").write_bytes(content)
        record = json.loads((place / "m" / "model.json").read_text())
        record["sha256"] = hashlib.sha256(content).hexdigest()
        (place / "m" / "model.json").write_text(json.dumps(record))
        answer(lambda: used(load_model(place / "m")))


def test_archives_of_any_members():
    @hostile
    @given(st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=40)), max_size=3))
    def holds(members):
        with folder() as place:
            with zipfile.ZipFile(place / "a.npz", "w") as archive, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for name, content in members:
                    with contextlib.suppress(UnicodeEncodeError, ValueError):
                        archive.writestr(name or "a", content)
            answer(lambda: validate(place / "a.npz"))

    holds()
