"""Pictures of what a token model looks at, and of what its spaces find."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from crossalign.evaluation import score_fitted
from crossalign.evaluation.figures.rankings import CANDIDATES, CASES, RESULTS
from crossalign.evaluation.figures.tokens import SAMPLES
from crossalign.models import CCA, FGAN
from crossalign.pages import plots
from crossalign.pages.page import render
from crossalign.pages.plots import palette
from crossalign.pages.plots.token_parts import ON_PAPER, WORDS, tints
from crossalign.types import Benchmark, Classes, Views

T, WORDS_OF = 6, ("small", "letter", "a", "with", "ring")


def tokens(first, classes, per_class, start):
    """Six patches in a grid of 2 x 3, and two to five words, which their vectors number."""
    labels = first + np.arange(classes * per_class) % classes
    rng = np.random.default_rng(start)
    side = np.random.default_rng(0).normal(size=(12, 4))[labels]
    image = 0.3 * rng.normal(size=(len(labels), T, 4))
    image[:, 2] += side
    text = np.zeros((len(labels), 5, 6), np.float32)
    length = rng.integers(2, 6, len(labels))
    text[..., :4] = side[:, None]
    text[..., 5] = np.arange(1, 6)
    text[np.arange(5) >= length[:, None]] = 0
    words = np.array([" ".join(WORDS_OF[:n]) for n in length])
    pictures = rng.integers(0, 256, (len(labels), 8, 9)).astype(np.uint8)
    return Views({"image": image, "text": text}, labels, ids=start + np.arange(len(labels)),
                 meta={"show:image": pictures, "grid:image": np.tile((2, 3), (len(labels), 1)),
                       "words:text": words})


@pytest.fixture(scope="module")
def bench():
    return Benchmark("toy", "retrieval", {
        "train": tokens(0, 6, 8, 0), "query": tokens(6, 6, 12, 1000),
        "gallery": tokens(6, 6, 5, 2000)}, Classes(np.eye(12), np.arange(12) < 6))


@pytest.fixture(scope="module")
def model(bench):
    return FGAN(dim=8, heads=2, samples=10, epochs=3, lr=1e-2, ratios=(0.5, 0.4)).fit(
        bench["train"], classes=bench.classes)


@pytest.fixture(scope="module")
def report(model, bench):
    return score_fitted(model, bench)


# -- artefacts ---------------------------------------------------------------------------------
def test_saliency_of_samples_that_are_spread_evenly(report, model, bench):
    part, query = report.artefacts["saliency"], bench["query"]
    assert len(part) == SAMPLES
    for sample, row in zip(part, np.linspace(0, len(query) - 1, SAMPLES).astype(int), strict=True):
        assert sample["text"] == bench.classes.names[query.truth[row]]
        for m in ("image", "text"):
            np.testing.assert_allclose(sample["parts"][m]["saliency"],
                                       model.saliency(query[m][row:row + 1], m)[0], atol=1e-6)
            np.testing.assert_array_equal(sample["parts"][m]["kept"],
                                          model.kept_tokens(query[m][row:row + 1], m)[0])
        np.testing.assert_array_equal(sample["parts"]["image"]["image"],
                                      query.meta["show:image"][row])
        assert sample["parts"]["image"]["grid"] == (2, 3)
        assert sample["parts"]["text"]["words"] == (
            query.meta["words:text"][row].split() + [""] * 5)[:5]


def test_what_the_data_does_not_tell_is_left_out(model, bench):
    splits = dict(bench.splits)
    bare = splits["query"].take(np.arange(len(splits["query"])))
    known = bare.meta
    bare.meta = {"show:image": known["show:image"], "grid:image": known["grid:image"] + 1,
                 "show:text": known["words:text"]}
    other = Benchmark("toy", "retrieval", splits | {"query": bare}, bench.classes)
    part = score_fitted(model, other).artefacts["saliency"][0]["parts"]
    assert set(part["image"]) == {"saliency", "kept", "image"}    # a grid of other patches
    assert set(part["text"]) == {"saliency", "kept"}


def test_queries_under_several_rankings_are_those_on_which_they_differ(report, model, bench):
    query, gallery = bench["query"], bench["gallery"]
    rows = np.unique(np.linspace(0, len(query) - 1, CANDIDATES).astype(int))
    for direction, sheet in report.artefacts["hits"].items():
        a, b = direction.split("->")
        marks = {}
        for space in model.similarities:
            model.set_params(similarity=space)
            scores = model.compare(model.similarity_inputs(query[a][rows], a),
                                   model.similarity_inputs(gallery[b], b))
            best = np.argsort(-scores, axis=1, kind="stable")[:, :RESULTS]
            marks[space] = gallery.truth[best] == query.truth[rows][:, None]
            assert sheet["first_right"][space] == marks[space][:, 0].sum()
        model.set_params(similarity="joint")
        differ = [i for i in range(len(rows))
                  if len({tuple(m[i].tolist()) for m in marks.values()}) > 1]
        assert sheet["candidates"] == len(rows)
        assert sheet["differing"] == len(differ) >= CASES
        cases = [differ[i] for i in np.linspace(0, len(differ) - 1, CASES).astype(int)]
        for space, right in sheet["correct"].items():
            assert right == marks[space][cases].tolist()
            assert [len(row) for row in sheet["results"][space]] == [RESULTS] * CASES


def test_other_models_have_one_ranking():
    flat = {name: Views({m: part[m].mean(axis=1) for m in ("image", "text")}, part.truth,
                        ids=part.ids)
            for name, part in (("train", tokens(0, 6, 8, 0)), ("query", tokens(6, 6, 4, 1000)),
                               ("gallery", tokens(6, 6, 5, 2000)))}
    bench = Benchmark("toy", "retrieval", flat, Classes(np.eye(12), np.arange(12) < 6))
    found = score_fitted(CCA().fit(flat["train"]), bench).artefacts
    assert "saliency" not in found
    assert isinstance(found["hits"]["image->text"]["results"], list)


# -- page --------------------------------------------------------------------------------------
def test_the_page_shows_and_counts_them(report):
    kinds = ("hits", "saliency")
    text = render(replace(report, artefacts={kind: report.artefacts[kind] for kind in kinds}))
    captions = re.findall("<figcaption>(.*?)</figcaption>", text)
    for sheet, caption in zip(report.artefacts["hits"].values(), captions, strict=False):
        for space, count in sheet["first_right"].items():
            assert f"{count} by {space}" in caption
        assert f"places in {sheet['differing']} of them; 4 of those" in caption
    assert "spread evenly, and the weight" in captions[2]
    assert "3 of 6 patches kept" in text
    assert "ranked by embedding, labels, joint and affinity" in text
    assert text.count('<figure class="wide">') == len(captions) == 3


# -- picture -----------------------------------------------------------------------------------
def picture_of(**changes):
    part = {"saliency": np.array([0.2, 0.4, 0.6, 0.5, 0.3, 0.8]),
            "kept": np.array([0, 0, 1, 0, 0, 1], bool), "image": np.full((4, 6), 255, np.uint8),
            "grid": (2, 3)}
    return {"text": "A", "parts": {"image": part | changes}}


def test_patches_are_tinted_by_their_saliency_and_the_kept_outlined():
    figure = plots.saliency([picture_of()])
    ax = figure.axes[0]
    pixels = np.asarray(ax.images[0].get_array())
    assert pixels.shape == (4, 6, 3)
    for patch, s in enumerate((0.2, 0.4, 0.6, 0.5, 0.3, 0.8)):
        r, c = divmod(patch, 3)
        block = pixels[2 * r:2 * r + 2, 2 * c:2 * c + 2].reshape(-1, 3)
        np.testing.assert_allclose(block, np.tile(tints()((s - 0.2) / 0.6)[:3], (4, 1)), atol=0.02)
    assert pixels[0, 0].min() > 0.98                              # the least salient is paper
    np.testing.assert_allclose(pixels[-1, -1], to_rgb(palette.RED), atol=0.02)
    outline = ax.collections[-1]
    assert to_hex(outline.get_edgecolor()[0]) == ON_PAPER[1]
    found = {frozenset(map(tuple, s.tolist())) for s in outline.get_segments()}
    border = [((2, 0), (3, 0)), ((2, 0), (2, 1)), ((3, 0), (3, 1)),   # both patches of one column
              ((2, 1), (2, 2)), ((3, 1), (3, 2)), ((2, 2), (3, 2))]
    assert found == {frozenset(s) for s in border}
    assert "image: 2 of 6 patches kept" in [t.get_text() for t in figure.texts]


def test_ink_stays_ink_and_sizes_need_not_divide():
    ink = np.zeros((5, 7, 3), np.uint8)
    ax = plots.saliency([picture_of(image=ink)]).axes[0]
    assert np.asarray(ax.images[0].get_array()).max() == 0
    left, right, bottom, top = ax.images[0].get_extent()
    assert ax.get_aspect() * (bottom - top) / (right - left) == pytest.approx(5 / 7)


def test_one_scale_for_all_samples():
    weak = picture_of(saliency=np.full(6, 0.2))
    one, two = plots.saliency([picture_of(), weak]).axes[:2]
    assert np.asarray(two.images[0].get_array()).min() > 0.98
    assert np.asarray(one.images[0].get_array()).min() < 0.5


def test_words_have_bars_and_the_kept_are_bold():
    part = {"saliency": np.array([0.5, 0.25, 1.0, 0.0]), "kept": np.array([1, 0, 1, 0], bool),
            "words": ["small", "letter", "a", ""]}
    figure = plots.saliency([{"text": "A", "parts": {"text": part}}])
    ax = figure.axes[0]
    words = {t.get_text(): t for t in ax.texts[::2]}
    assert {w: t.get_fontweight() for w, t in words.items()} == {
        "small": "bold", "letter": "normal", "a": "bold"}
    widths = np.array([bar.get_width() for bar in ax.patches])
    np.testing.assert_allclose(widths / widths[2], [0.5, 0.25, 1])
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches] == [
        palette.BLUE, palette.GRID, palette.BLUE]
    assert [t.get_text() for t in ax.texts[1::2]] == ["0.50", "0.25", "1.00"]


def test_of_long_texts_the_most_salient_words_are_shown():
    rng = np.random.default_rng(0)
    values = rng.permutation(np.linspace(0.1, 0.9, 30))
    part = {"saliency": values, "kept": values > 0.8, "words": [f"w{i}" for i in range(30)]}
    figure = plots.saliency([{"text": "A", "parts": {"text": part}}])
    expected = [f"w{i}" for i in range(30) if (values > values[i]).sum() < WORDS]
    assert [t.get_text() for t in figure.axes[0].texts[::2]] == expected
    assert any(f"the {WORDS} most salient" in t.get_text() for t in figure.texts)


def test_tokens_of_neither_kind_have_bars():
    part = {"saliency": np.array([0.5, 0.0, 0.25]), "kept": np.array([1, 0, 0], bool)}
    bars = plots.saliency([{"text": "A", "parts": {"sound": part}}]).axes[0].patches
    assert [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in bars] == [
        (0, 0.5), (2, 0.25)]
    with_image = plots.saliency([picture_of(grid=None)])
    assert len(with_image.axes[0].images) == 1
    assert len(with_image.axes[1].patches) == 6


def test_nothing_is_drawn_outside_of_the_figure():
    words = {"saliency": np.full(9, 0.5), "kept": np.ones(9, bool), "words": ["word"] * 9}
    samples = [{"text": "LATIN CAPITAL LETTER A WITH SOMETHING VERY LONG ABOVE " * 2,
                "parts": {**picture_of()["parts"], "text": words, "sound": words | {"words": None}}}
               ] * 6
    figure = plots.saliency(samples, columns=4, limit=5)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    boxes = [ax.get_position() for ax in figure.axes]
    assert len(boxes) == 5 * 3 + 1
    assert min(b.y0 for b in boxes) > 0
    assert max(b.x1 for b in boxes) <= 1
    for i, a in enumerate(boxes):
        for b in boxes[i + 1:]:
            assert (a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 + 1e-9 or b.y1 <= a.y0 + 1e-9)
