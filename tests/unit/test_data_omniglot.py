"""Omniglot: pen strokes against loops, zips of every kind, who asks and what is unseen."""

from __future__ import annotations

import io
import json
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.sources.omniglot import drawings as omniglot_drawings
from crossalign.data.sources.omniglot.drawings import cell_shares, read_drawings
from crossalign.data.sources.omniglot.pen_strokes import Strokes, parse_strokes, resample, scaled
from crossalign.data.sources.omniglot.source import load_omniglot, patches
from crossalign.data.sources.omniglot.stroke_features import (
    DIRECTIONS,
    GRID,
    PIECE,
    PIECES,
    POINTS,
    directions,
    stroke_pieces,
    stroke_vectors,
    traced,
)
from crossalign.data.splits.divisions import group_splits
from crossalign.data_options import DataOptions

SMALL = {"Greek": 3, "Korean": 2, "Latin": 3}
DRAWERS = 8


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


# -- strokes -----------------------------------------------------------------------------------
def pen(rng, strokes=3, dots=()):
    """Random strokes of one drawing, a list of (p, 3) arrays."""
    drawn, time = [], 0.0
    for s in range(strokes):
        n = 1 if s in dots else int(rng.integers(2, 9))
        times = time + rng.integers(1, 50, n).cumsum()
        time = times[-1]
        drawn.append(np.c_[rng.uniform(5, 100, (n, 1)), -rng.uniform(5, 60, (n, 1)), times])
    return drawn


def flat(drawings):
    points = [np.concatenate(d) for d in drawings]
    begins = [np.concatenate([np.arange(len(s)) == 0 for s in d]) for d in drawings]
    return Strokes(np.concatenate(points), np.concatenate(begins),
                   np.repeat(np.arange(len(points)), [len(p) for p in points]))


def apart(strokes, i):
    """The strokes of drawing i, a list of (p, 3) arrays."""
    rows = strokes.drawing == i
    return np.split(strokes.points[rows], np.flatnonzero(strokes.begins[rows])[1:])


def written(drawing):
    lines = ["START"]
    for stroke in drawing:
        lines += [f"{x:.6f},{y:.6f},{t:.0f}" for x, y, t in stroke] + ["BREAK"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def many():
    rng = np.random.default_rng(3)
    return [pen(rng, 1), pen(rng, 4, dots=(1, 3)), pen(rng, 3, dots=(0, 1, 2)),
            pen(rng, 1, dots=(0,)), pen(rng, 12), pen(rng, 40)]


def test_text_becomes_points():
    text = "START\n1,-2,0\n1.5,-2.5,30\nBREAK\n7,-1e1,90\nBREAK\n"
    for ending in ("\n", "\r\n"):
        points, begins = parse_strokes(text.replace("\n", ending))
        np.testing.assert_array_equal(points, [[1, -2, 0], [1.5, -2.5, 30], [7, -10, 90]])
        assert begins.tolist() == [True, False, True]
    _, begins = parse_strokes("START BREAK 1,2,3 BREAK BREAK 4,5,6 5,6,7 BREAK")  # empty strokes
    assert begins.tolist() == [True, True, False]


@pytest.mark.parametrize("text", [
    "", "START", "START\nBREAK\n", "1,2,3\nBREAK", "START\n1,2,3\n", "START\n1,2\nBREAK\n",
    "START\n1,2,3\n4,5\nBREAK\n", "START\n1,2\n3,4,5,6\nBREAK\n", "START\n1,x,3\nBREAK\n",
    "START\n1,nan,3\nBREAK\n", "START\n1,2,3\nBREAK\n4,5,6\n", "\x00\x01"])
def test_text_that_is_something_else(text):
    complaint(lambda: parse_strokes(text), "text: is not START")


def test_drawings_are_centred_and_scaled_alone(many):
    together = scaled(flat(many))
    for i, drawing in enumerate(many):
        points = np.concatenate(apart(together, i))
        whole = np.concatenate(drawing)
        side = max(np.ptp(whole[:, 0]), np.ptp(whole[:, 1]))
        reach = np.abs(points[:, :2]).max(axis=0)
        np.testing.assert_allclose(reach.max(), float(side > 0))
        np.testing.assert_allclose(points[:, :2].min(axis=0), -points[:, :2].max(axis=0), atol=1e-9)
        if side:
            np.testing.assert_allclose(np.diff(points[:, 0]) * side / 2, np.diff(whole[:, 0]))
        assert (points[:, 2].min(), points[:, 2].max()) == (0.0, float(len(whole) > 1))


def walked(strokes, n_points):
    """The pen's way by a loop: rest, then move, stroke by stroke."""
    lengths = [np.hypot(*np.diff(s[:, :2], axis=0).T).sum() for s in strokes]
    total = sum(lengths)
    rest = (total or 1) / max(n_points - len(strokes), 1)
    spacing = (total + rest * len(strokes)) / n_points
    points, owner = [], []
    for i in range(n_points):
        left = (i + 0.5) * spacing
        s = 0
        while left > rest + lengths[s] and s < len(strokes) - 1:
            left, s = left - rest - lengths[s], s + 1
        along = np.r_[0, np.hypot(*np.diff(strokes[s][:, :2], axis=0).T).cumsum()]
        points.append([np.interp(max(left - rest, 0), along, strokes[s][:, c]) for c in range(3)])
        owner.append(s)
    return np.array(points), np.diff(owner, prepend=-1) != 0


@pytest.mark.parametrize("n_points", [POINTS, 7])
def test_resampling_equals_a_walk(many, n_points):
    points, begins = resample(flat(many), n_points)
    assert points.shape == (len(many), n_points, 3)
    for i, drawing in enumerate(many):
        expected, first = walked(drawing, n_points)
        np.testing.assert_allclose(points[i], expected, atol=1e-6)
        np.testing.assert_array_equal(begins[i], first)


def test_every_stroke_keeps_a_point_even_a_dot(many):
    _, begins = resample(flat(many), POINTS)
    assert begins.sum(axis=1)[:5].tolist() == [1, 4, 3, 1, 12]  # 40 strokes are too many for 32


def test_directions_equal_a_loop_over_steps(many):
    strokes = scaled(flat(many))
    got = directions(strokes).reshape(len(many), GRID, GRID, DIRECTIONS)
    for i in range(len(many)):
        want = np.zeros((GRID, GRID, DIRECTIONS))
        for stroke in apart(strokes, i):
            for a, b in pairwise(stroke):
                x, y = (a[:2] + b[:2]) / 2
                at = np.arctan2(b[1] - a[1], b[0] - a[0]) / (2 * np.pi) * DIRECTIONS
                for d in range(DIRECTIONS):
                    off = abs((at - d + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
                    cell = [min(int((v + 1) / 2 * GRID), GRID - 1) for v in (y, x)]
                    want[*cell, d] += max(1 - off, 0) * np.hypot(*(b - a)[:2])
        total = want.sum()
        np.testing.assert_allclose(got[i], want / total if total else 0, atol=1e-9)


def test_right_is_direction_zero_and_up_is_two():
    right, up = ([np.array([[0.0, 0, 0], [*end, 1]])] for end in ((1, 0), (0, 1)))
    counts = directions(scaled(flat([right, up]))).reshape(2, -1, DIRECTIONS).sum(axis=1)
    np.testing.assert_allclose(counts, np.eye(DIRECTIONS)[[0, 2]], atol=1e-12)


def test_pieces_equal_cutting_each_stroke(many):
    strokes = scaled(flat(many))
    tokens, mask = stroke_pieces(flat(many))
    assert tokens.shape == (len(many), PIECES, 8)
    for i in range(len(many)):
        own = apart(strokes, i)
        lengths = [np.hypot(*np.diff(s[:, :2], axis=0).T).sum() for s in own]
        longest = max(PIECE, sum(lengths) / max(PIECES - len(own), 1))
        want = []
        for stroke, length in zip(own, lengths, strict=True):
            along = np.r_[0, np.hypot(*np.diff(stroke[:, :2], axis=0).T).cumsum()]
            n = max(int(np.ceil(length / longest)), 1)
            for j in range(n):
                places = [np.interp((j + h) * length / n, along, stroke[:, c])
                          for h in (0, 0.5, 1) for c in (0, 1)]
                time = np.interp((j + 0.5) * length / n, along, stroke[:, 2])
                want.append([*places, float(j == 0), time])
        want = np.array(want[:PIECES])
        np.testing.assert_array_equal(mask[i], np.arange(PIECES) < len(want))
        np.testing.assert_allclose(tokens[i][mask[i]], want, atol=1e-5)
        assert not tokens[i][~mask[i]].any()


def test_a_vector_depends_on_its_own_drawing_and_not_on_place_or_size(many):
    rows = stroke_vectors(flat(many))
    assert rows.shape == (len(many), 4 * POINTS + GRID * GRID * DIRECTIONS)
    for i, drawing in enumerate(many):
        np.testing.assert_allclose(stroke_vectors(flat([drawing]))[0], rows[i], atol=1e-5)
        moved = [stroke * [2, 2, 3] + [7, -9, 500] for stroke in drawing]
        np.testing.assert_allclose(stroke_vectors(flat([moved]))[0], rows[i], atol=1e-4)


def test_strokes_are_drawn_upright():
    corner = [np.array([[0.0, 10, 0], [0, 0, 1], [10, 0, 2]])]  # down, then right: an L
    picture = traced(flat([corner]), 28)[0] > 100
    rows, columns = np.nonzero(picture)
    np.testing.assert_allclose([rows.min(), columns.min()], 3, atol=1)
    np.testing.assert_allclose([rows.max(), columns.max()], 24, atol=1)
    assert picture[4:24, 2:5].any(axis=1).all()
    assert not picture[:20, 8:].any()


# -- pictures ----------------------------------------------------------------------------------
def test_shares_of_cells_equal_a_finer_grid():
    ink = np.random.default_rng(0).random((105, 105))
    finer = np.repeat(np.repeat(ink, 4, axis=0), 4, axis=1)        # 420 = 28 * 15
    want = finer.reshape(28, 15, 28, 15).mean(axis=(1, 3))
    cells = cell_shares(105, 28)
    np.testing.assert_allclose(cells @ ink @ cells.T, want)


def test_patches_are_squares_with_their_place():
    ink = np.random.default_rng(0).random((2, 28, 28))
    got = patches(ink)
    for row in range(7):
        for column in range(7):
            token = got[:, 7 * row + column]
            square = ink[:, 4 * row:4 * row + 4, 4 * column:4 * column + 4]
            np.testing.assert_array_equal(token[:, :16], square.reshape(2, 16))
            np.testing.assert_allclose(token[:, 16:], [[row / 3 - 1, column / 3 - 1]] * 2)


# -- zips --------------------------------------------------------------------------------------
def drawing_of(alphabet, character, drawer):
    """Strokes that belong to a name, and what they look like."""
    rng = np.random.default_rng([sum(alphabet.encode()), character, drawer])
    strokes = pen(rng, 2)
    image = Image.new("1", (105, 105), 1)
    for stroke in strokes:
        ImageDraw.Draw(image).line([(x, -y) for x, y, _ in stroke], fill=0, width=2)
    return strokes, image


def write_part(folder, part="background_small1", alphabets=SMALL, drawers=DRAWERS):
    """Both zips of a part, with what Macs leave in them."""
    folder.mkdir(exist_ok=True)
    content = {"images": {}, "strokes": {}}
    for alphabet, count in alphabets.items():
        for character in range(1, count + 1):
            for drawer in range(1, drawers + 1):
                strokes, image = drawing_of(alphabet, character, drawer)
                stream = io.BytesIO()
                image.save(stream, "png")
                stem = f"{alphabet}/character{character:02}/{9 + character:04}_{drawer:02}"
                content["images"][f"{stem}.png"] = stream.getvalue()
                content["strokes"][f"{stem}.txt"] = written(strokes).encode()
    for kind, members in content.items():
        root = f"{kind}_{part}"
        extra = {f"{root}/.DS_Store": b"x",
                 f"__MACOSX/{root}/Greek/character01/._0010_01.txt": b"x"}
        write_zip(folder / f"{root}.zip", {f"{root}/{n}": c for n, c in members.items()} | extra)
    return folder


def write_zip(file, members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def members_of(file):
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def folder(tmp_path):
    return write_part(tmp_path / "omni")


def test_every_drawing_is_read_as_it_was_made(folder):
    bench = load_omniglot(folder)
    assert (bench.name, bench.task, bench.modalities) == ("omni", "retrieval", ("image", "strokes"))
    assert bench.classes.names == tuple(f"{a}/character{c + 1:02}" for a in SMALL
                                        for c in range(SMALL[a]))
    assert bench["train"].widths == {"image": 784, "strokes": 200}
    for views in bench.splits.values():
        for i, name in enumerate(views.ids):
            alphabet, character, stem = name.split("/")
            drawer = int(stem[-2:])
            strokes, image = drawing_of(alphabet, int(character[-2:]), drawer)
            ink = np.repeat(np.repeat(~np.asarray(image), 4, axis=0), 4, axis=1)
            want = ink.reshape(28, 15, 28, 15).mean(axis=(1, 3))
            np.testing.assert_allclose(views["image"][i].reshape(28, 28), want, atol=0.51 / 255)
            text = written(strokes)
            points, begins = parse_strokes(text)
            row = stroke_vectors(Strokes(points, begins, np.zeros(len(points), int)))[0]
            np.testing.assert_allclose(views["strokes"][i], row, atol=1e-5)
            assert bench.classes.names[views.labels[i]] == f"{alphabet}/{character}"
            assert (views.meta["alphabet"][i], views.meta["drawer"][i]) == (alphabet, drawer)
            np.testing.assert_allclose(1 - views.meta["show:image"][i] / 255, want, atol=0.51 / 255)
        assert views.meta["show:strokes"].shape == (len(views), 28, 28)


def test_parts_that_overlap_are_read_once(folder):
    alone = read_drawings(folder)
    write_part(folder, "background_small2", {"Latin": 3, "Tagalog": 2})
    both = read_drawings(folder)
    assert len(both.name) == len(alone.name) + 2 * DRAWERS == len(np.unique(both.name))
    assert sorted(both.name) == list(both.name)
    rows = np.searchsorted(both.name, alone.name)
    for kept, again in zip(alone, both, strict=True):
        np.testing.assert_array_equal(kept, again[rows])
    assert len(load_omniglot(folder).classes) == 10


def test_strokes_know_nothing_of_the_pictures(folder):
    before = read_drawings(folder)
    file = folder / "images_background_small1.zip"
    white = io.BytesIO()
    Image.new("L", (105, 105), 255).save(white, "png")
    write_zip(file, {name: white.getvalue() for name in members_of(file) if name.endswith("png")})
    after = read_drawings(folder)
    assert not after.picture.any()
    for name in ("strokes", "pieces", "mask", "traced"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_what_was_read_is_kept_until_a_zip_changes(folder, monkeypatch, tmp_path):
    fresh = load_omniglot(folder, cache=False)
    assert not (tmp_path / "cache").exists()
    written_ = load_omniglot(folder)
    read = []
    monkeypatch.setattr(omniglot_drawings, "_read", lambda files: read.append(files))
    kept = load_omniglot(folder)
    assert read == []
    for split, views in fresh.splits.items():
        for other in (written_, kept):
            for m in views.modalities:
                np.testing.assert_array_equal(views[m], other[split][m])
    assert fresh.protocol == written_.protocol == kept.protocol
    write_part(folder, alphabets={"Greek": 4})
    with pytest.raises(AttributeError):
        load_omniglot(folder)
    assert len(read) == 1


# -- who asks and what is unseen ---------------------------------------------------------------
@pytest.mark.parametrize("variant", ["", "alphabets"])
def test_protocol_on_every_run(folder, variant):
    bench = load_omniglot(folder, variant=variant)
    of = bench.protocol["class_split"]["of"]
    masks = set()
    for k in range(of):
        run = bench.run(k)
        record = json.loads(json.dumps(dict(run.protocol)))
        seen = run.classes.seen
        masks.add(tuple(seen))
        assert set(run["query"].meta["drawer"]) == {4, 8}
        for split in ("train", "gallery"):
            assert set(run[split].meta["drawer"]) == {1, 2, 3, 5, 6, 7}
        assert set(run["train"].labels) == set(np.flatnonzero(seen))
        for split in ("query", "gallery"):
            assert set(run[split].labels) == set(np.flatnonzero(~seen))
        alphabets = {n.partition("/")[0] for n, s in zip(run.classes.names, seen, strict=True) if s}
        others = {n.partition("/")[0] for n, s in zip(run.classes.names, seen, strict=True)
                  if not s}
        if variant == "alphabets":
            assert not alphabets & others
            assert record["unseen"] == sorted(others)
        else:
            assert record["unseen"] == "characters"
            assert seen.sum() == 4
        assert record["class_split"] == {"k": k, "of": of, "seed": 0}
        assert record["samples"] == {s: len(v) for s, v in run.splits.items()}
        assert "[4, 8]" in record["test_part"]
        assert record["leaks"]["backbone_saw_unseen_classes"] is False
        assert record["leaks"]["duplicate_gallery_rows"] is False
        assert record["leaks"]["query_in_gallery"] is False
    assert len(masks) == of or not variant
    assert bench.protocol == bench.run(0).protocol == bench.run(1).run(0).protocol
    complaint(lambda: bench.run(of), f"k: got {of}", f"0 to {of - 1}")


@pytest.mark.parametrize("variant", ["", "alphabets"])
def test_validation_lives_inside_the_training_rows(folder, variant):
    bench = load_omniglot(folder, variant=variant)
    validated = 0
    for k in range(bench.protocol["class_split"]["of"]):
        run = bench.run(k)
        val = run.validation()
        names = np.array(run.classes.names)
        alphabets = {n.partition("/")[0] for n in names[run.classes.seen]}
        if variant == "alphabets" and len(alphabets) == 1:
            assert val is None
            continue
        validated += 1
        assert set(val.classes.names) == set(names[run.classes.seen])
        ids = np.concatenate([views.ids for views in val.splits.values()])
        assert len(np.unique(ids)) == len(ids)
        assert set(ids) < set(run["train"].ids)
        assert set(val["query"].meta["drawer"]) == {3, 7}
        for split in ("train", "gallery"):
            assert set(val[split].meta["drawer"]) == {1, 2, 5, 6}
        assert val.classes.unseen.sum() >= 2
        for views in val.splits.values():
            for name, label in zip(views.ids, views.labels, strict=True):
                assert name.startswith(val.classes.names[label] + "/")
        if variant == "alphabets":
            sides = [{n.partition("/")[0] for n in np.array(val.classes.names)[s]}
                     for s in (val.classes.seen, val.classes.unseen)]
            assert not sides[0] & sides[1]
    assert validated


def test_seed_moves_classes_and_not_drawers(folder):
    one, other = (load_omniglot(folder, seed=s) for s in (0, 1))
    assert one.classes.seen.tolist() != other.classes.seen.tolist()
    assert one.protocol["test_part"] == other.protocol["test_part"]


def test_group_splits_are_whole_near_half_distinct_and_do_not_move():
    sizes = [24, 22, 24, 47, 40, 26, 42, 17]                       # the alphabets of both parts
    groups = np.repeat(np.arange(8), sizes)
    seen = group_splits(groups)
    assert seen.shape == (10, 242)
    assert len(np.unique(seen, axis=0)) == 10
    for row in seen:
        assert all(len(set(row[groups == g])) == 1 for g in range(8))
        assert abs(row.mean() - 0.5) < 0.1
    np.testing.assert_array_equal(group_splits(groups, 3), seen[:3])
    assert (group_splits(groups, seed=1) != seen).any()
    two = group_splits([0, 0, 1, 1, 1])
    assert sorted(two.tolist()) == [[False, False, True, True, True], [True, True, False, False,
                                                                       False]]
    assert group_splits([0, 1, 1]).tolist() == [[True, False, False]]
    for groups in ([0, 0, 0], [0, 1]):
        complaint(lambda groups=groups: group_splits(groups), "groups: ", "give two or more")


def test_tokens_are_the_same_drawings(folder):
    rows, tokens = load_omniglot(folder), load_omniglot(folder, tokens=True)
    assert rows.protocol["split_id"] == tokens.protocol["split_id"]
    assert rows.protocol["features"] != tokens.protocol["features"]
    for split, views in tokens.splits.items():
        assert views["image"].shape[1:] == (49, 18)
        assert views["strokes"].shape[1:] == (PIECES, 8)
        assert list(views.masks) == ["strokes"]
        drawn = views["image"][:, :, :16].reshape(-1, 7, 7, 4, 4).swapaxes(2, 3).reshape(-1, 784)
        np.testing.assert_array_equal(drawn, rows[split]["image"])
        np.testing.assert_array_equal(views.ids, rows[split].ids)
        first = np.argmax(views.masks["strokes"], axis=1)
        np.testing.assert_array_equal(first, 0)
        assert (views["strokes"][:, 0, 6] == 1).all()
    assert set(tokens.run(1).validation()["query"].masks) == {"strokes"}


# -- the front door ----------------------------------------------------------------------------
def test_the_front_door_takes_both_variants(folder, monkeypatch):
    whole, alphabets = load_omniglot(folder), load_omniglot(folder, variant="alphabets")
    assert data.load(folder).protocol == whole.protocol
    assert data.load(f"{folder}:alphabets").protocol == alphabets.protocol
    assert data.load(f"{folder}:alphabets", "retrieval").protocol == alphabets.protocol
    assert alphabets.name == "omni-alphabets"
    monkeypatch.setenv("CROSSALIGN_DATA", str(folder.parent))
    assert data.load("omni:alphabets").protocol == alphabets.protocol
    listed = {about.name: about[1:4] for about in data.available()}
    assert listed["omni"] == (("retrieval",), ("alphabets",), True)
    tokens = data.load("omni", tokens=True)
    assert tokens.protocol == load_omniglot(folder, tokens=True).protocol
    assert tokens["train"]["image"].ndim == tokens["train"]["strokes"].ndim == 3
    complaint(lambda: data.load("omni", "gzsl"), "'gzsl'", "retrieval")
    complaint(lambda: data.load("omni:alphabets", "transfer"), "'transfer'", "alphabets")
    complaint(lambda: data.load("omni:letters"), "no variant 'letters'", "omni:alphabets")
    complaint(lambda: data.load("omni-letters"), "'omni-letters' is neither",
              "crossalign data list")
    complaint(lambda: data.load("omni", attributes="x.mat"), "attributes", "omniglot")
    complaint(lambda: load_omniglot(folder, variant="sketch"), "variant: got 'sketch'")
    for name, splits in (("omni", "10 loaded"), ("omni:alphabets", "4 loaded")):
        checks = dict(data.validate(name))
        assert checks["class splits"].startswith(splits)
        assert checks["split query"].startswith(f"{len(data.load(name)['query'])} samples")


def test_the_command_line_reaches_unseen_alphabets(folder):
    bench = DataOptions(f"{folder}:alphabets").load()
    assert bench.protocol == load_omniglot(folder, variant="alphabets").protocol
    ran = CliRunner().invoke(app, ["data", "validate", f"{folder}:alphabets"])
    assert ran.exit_code == 0, ran.output
    assert "ok  readable: omni-alphabets: retrieval" in ran.stdout


# -- what can be wrong -------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["images", "strokes"])
def test_damaged_zips(folder, kind):
    file = folder / f"{kind}_background_small1.zip"
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[200:260] = bytes(60)
    for content in (b"", whole[:40], whole[:len(whole) // 2], whole[:-30], bytes(flipped),
                    b"<!doctype html><title>Sign in</title>" * 20):
        file.write_bytes(content)
        complaint(lambda: data.load(folder), file.name, "truncated")
    file.unlink()
    complaint(lambda: load_omniglot(folder), *(["strokes_background"] if kind == "strokes" else []))


def test_zips_that_do_not_fit(folder):
    images = folder / "images_background_small1.zip"
    strokes = folder / "strokes_background_small1.zip"
    whole = members_of(strokes)
    name = next(n for n in whole if n.endswith("0011_05.txt"))

    def spoiled(content):
        write_zip(strokes, {**whole, name: content})
        return lambda: load_omniglot(folder)

    complaint(spoiled(b"START\n1,2\nBREAK\n"), "0011_05.txt in strokes_background_small1.zip")
    complaint(spoiled(b"\xff\xfe"), "0011_05.txt")
    write_zip(strokes, {n: c for n, c in whole.items() if n != name})
    complaint(lambda: load_omniglot(folder), "0011_05 is in one of", "1 drawings")
    write_zip(strokes, whole)
    drawn = members_of(images)
    small = io.BytesIO()
    Image.new("L", (28, 28)).save(small, "png")
    name = next(n for n in drawn if n.endswith("0011_05.png"))
    for content in (small.getvalue(), b"no picture", drawn[name][:60]):
        write_zip(images, {**drawn, name: content})
        complaint(lambda: load_omniglot(folder), "0011_05.png", "105 x 105")
    for file in (images, strokes):
        write_zip(file, {"readme.md": b"x"})
    complaint(lambda: load_omniglot(folder), "holds no drawing")
    images.unlink()
    complaint(lambda: load_omniglot(folder), "images_*.zip")
    complaint(lambda: data.load(folder), "nothing that is read here")


def test_too_few_characters_or_drawers(tmp_path):
    few = write_part(tmp_path / "few", alphabets={"Greek": 3})
    complaint(lambda: load_omniglot(few), "3 characters", "needs four")
    one = write_part(tmp_path / "one", alphabets={"Greek": 4})
    assert load_omniglot(one).validation() is None
    complaint(lambda: load_omniglot(one, variant="alphabets"), "groups: 1 groups of 4 classes")
    alone = write_part(tmp_path / "alone", drawers=3)
    complaint(lambda: load_omniglot(alone), "'Greek/character01' was drawn by [1, 2, 3] only")


# -- the real drawings -------------------------------------------------------------------------
@pytest.mark.shared
def test_real_counts(shared, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(Path(__file__).parents[2] / ".pytest_cache/data"))
    drawings = read_drawings(shared / "omniglot")
    assert len(drawings.name) == 2720 + 3120 - 1000 == len(np.unique(drawings.name))
    bench = data.load(shared / "omniglot")
    assert len(bench.classes) == 136 + 156 - 50
    assert {v: len(bench[v]) for v in bench.splits} == {"train": 121 * 15, "query": 121 * 5,
                                                        "gallery": 121 * 15}
    alphabets = data.load(f"{shared / 'omniglot'}:alphabets")
    assert alphabets.protocol["class_split"]["of"] == 10
    shares = [alphabets.run(k).classes.seen.mean() for k in range(10)]
    assert min(shares) > 0.4
    assert max(shares) < 0.6
    assert drawings.mask.any(axis=1).all()
    counts = np.bincount(np.unique([n.rpartition("_")[0] for n in drawings.name],
                                   return_inverse=True)[1])
    assert (counts == 20).all()


@pytest.mark.shared
def test_pictures_and_strokes_show_the_same_drawing(shared, monkeypatch):
    """A picture finds its own traced strokes among 200: two sources, one drawing."""
    monkeypatch.setenv("CROSSALIGN_CACHE", str(Path(__file__).parents[2] / ".pytest_cache/data"))
    drawings = read_drawings(shared / "omniglot")
    rows = np.linspace(0, len(drawings.name) - 1, 200).astype(int)
    drawn = []
    for picture in drawings.picture[rows]:
        ink = np.argwhere(picture > 60)
        (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1
        side = max(bottom - top, right - left)
        square = np.zeros((side, side), np.uint8)
        y, x = (side - (bottom - top)) // 2, (side - (right - left)) // 2
        square[y:y + bottom - top, x:x + right - left] = picture[top:bottom, left:right]
        drawn.append(np.asarray(Image.fromarray(square).resize((12, 12), Image.Resampling.BOX)))
    shown = [np.asarray(Image.fromarray(t[2:26, 2:26]).resize((12, 12), Image.Resampling.BOX))
             for t in drawings.traced[rows]]
    a, b = (np.reshape(x, (200, -1)).astype(float) for x in (drawn, shown))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    assert ((a @ b.T).argmax(axis=1) == np.arange(200)).mean() > 0.8
