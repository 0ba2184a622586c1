"""Figures hold the data they were given, and say what their axes are."""

import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex

from crossalign.evaluation.subsample import highlighted_classes
from crossalign.pages import plots
from crossalign.pages.plots import palette
from crossalign.pages.plots.cross_modal import class_agreement
from crossalign.pages.plots.projection import matrix_of
from crossalign.pages.plots.wording import shorten


def clusters(n=60, classes=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return rng.normal(size=(classes, 8))[labels] * 4 + rng.normal(size=(n, 8)), labels


def latent_input():
    x, labels = clusters()
    tokens = np.repeat(x[:, None, :], 3, axis=1)  # (n, t, d)
    return {"before": {"image": tokens, "text": x[:, :5]}, "after": {"image": x, "text": x + 0.1},
            "labels": {"image": labels, "text": labels}, "class_names": list("abcdef"),
            "seen": np.arange(6) < 3}


def draw(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG")
    return figure


def axes_with_data(figure):
    return [ax for ax in figure.axes if ax.axison]


def texts(figure):
    return [t.get_text() for ax in figure.axes for t in ax.texts]


def cross_modal_input(n=48, drawn=4):
    """Six classes, the first three seen; the last has no feature point."""
    x, labels = clusters(n, 5)
    side, classes = clusters(6 * drawn, 6)
    return {"before": {"image": np.repeat(x[:, None], 2, axis=1), "class": np.eye(6)},
            "after": {"image": x, "class": side},
            "labels_before": {"image": labels, "class": np.arange(6)},
            "labels_after": {"image": labels, "class": classes}, "seen": np.arange(6) < 3}


def swept(runs=3, **changes):
    values = np.array([4.0, 1.0, 2.0])
    rng = np.random.default_rng(0)
    return {"values": values, "validation": 0.5 + 0.01 * rng.normal(size=(runs, 3)),
            "test": 0.4 + 0.01 * rng.normal(size=(runs, 3)), "chosen": 2.0, "paper": 2.5, **changes}


def legend_of(figure):
    return [t.get_text() for t in figure.legends[0].get_texts()]


CURVE = {"unseen": np.linspace(0, 0.8, 50), "seen": np.linspace(0.9, 0, 50),
         "chosen": (0.5, 0.4), "raw": (0.2, 0.7), "ausuc": 0.36}


@pytest.mark.parametrize("figure", [
    lambda: plots.latent(**latent_input()),
    lambda: plots.trade_off(**CURVE),
    lambda: plots.precision_recall({"a->b": {"recall": [0, 1], "precision": [1, 0.2],
                                             "chance": 0.1}}),
    lambda: plots.class_accuracy(list("abc"), [0.1, 0.9, 0.5], [True, True, False]),
    lambda: plots.class_accuracy([f"c{i}" for i in range(80)], np.linspace(0, 1, 80),
                                 np.arange(80) % 2 == 0),
    lambda: plots.history({"loss": [3.0, 2.0, 1.0], "kl": [1000.0, 10.0, 0.1]}),
    lambda: plots.confusion(np.eye(3), ["a", "bb", "cccc"]),
    lambda: plots.cross_modal(**cross_modal_input()),
    lambda: plots.sensitivity({"alpha": swept()}),
], ids=["latent", "trade_off", "pr", "few", "many", "history", "confusion", "cross_modal",
        "sensitivity"])
def test_axes_are_labelled_and_titled(figure):
    drawn = draw(figure())
    for ax in axes_with_data(drawn):
        assert ax.get_xlabel() or ax.get_ylabel()
    first = drawn.axes[0]
    assert first.get_xlabel()
    assert first.get_ylabel()
    assert first.get_title(loc="left")


def test_no_global_state_of_pyplot():
    code = ("import sys, io; from crossalign.pages import plots; "
            "plots.history({'loss': [2.0, 1.0]}).savefig(io.BytesIO()); "
            "print('matplotlib.pyplot' in sys.modules)")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_trade_off_draws_the_curve_and_names_its_points():
    ax = draw(plots.trade_off(**CURVE)).axes[0]
    assert "36.0" in ax.get_title(loc="left")
    curve = next(line for line in ax.lines if to_hex(line.get_color()) == palette.BLUE)
    np.testing.assert_allclose(curve.get_xdata(), 100 * CURVE["unseen"])
    np.testing.assert_allclose(curve.get_ydata(), 100 * CURVE["seen"])
    legend = [t.get_text() for t in ax.get_legend().get_texts()]
    assert legend == ["calibrated on validation: U 50.0, S 40.0, H 44.4",
                      "raw (gamma 0): U 20.0, S 70.0, H 31.1"]


def test_contours_are_of_equal_harmonic_mean():
    ax = draw(plots.trade_off(**CURVE)).axes[0]
    contours = [line for line in ax.lines if to_hex(line.get_color()) == palette.GRID]
    assert len(contours) == len(ax.texts) - 1 >= 4  # one text is the arrow
    for h, line in zip(range(10, 100, 10), contours, strict=False):
        u, s = line.get_data()
        np.testing.assert_allclose(2 * u * s / (u + s), h)


def test_a_long_curve_keeps_its_ends():
    u = np.linspace(0, 0.7, 20_001)
    ax = plots.trade_off(0.7 - u, u, (0.3, 0.4), (0.3, 0.4), 0.245).axes[0]
    curve = next(line for line in ax.lines if to_hex(line.get_color()) == palette.BLUE)
    assert len(curve.get_xdata()) <= 1000
    assert (curve.get_xdata()[0], curve.get_xdata()[-1]) == pytest.approx((0, 70))


def test_few_classes_are_named_sorted_and_valued():
    names = ["ant", "bee", "cat", "dog"]
    figure = draw(plots.class_accuracy(names, [0.2, 0.9, np.nan, 0.5], [False, True, True, False]))
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["dog", "ant", "bee"]
    assert texts(figure) == ["50", "20", "90"]
    legend = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert legend == ["unseen (mean 35.0)", "seen (mean 90.0)"]


def test_many_classes_name_their_extremes_only():
    figure = plots.class_accuracy([f"c{i}" for i in range(40)], np.arange(40) / 100)
    ax = figure.axes[0]
    assert ax.get_title(loc="left") == "40 classes, mean 19.5 %"
    assert "best: c39 39, c38 38" in ax.get_xlabel()
    assert "worst: c0 0, c1 1" in ax.get_xlabel()
    assert len(ax.get_xticks()) == 0


def test_hits_frame_right_and_wrong_by_colour_and_mark():
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    queries = [{"image": picture, "text": "q"}, {"image": None, "text": "words " * 30}]
    results = [[{"image": None, "text": "r"}, {"image": picture[..., 0], "text": ""}],
               [{"image": None, "text": "r"}]]
    figure = draw(plots.hits(queries, results, [[True, False], [False]], "text->image"))
    assert "right for 1 of 2 queries" in figure.get_suptitle()
    assert figure.get_suptitle().startswith("text → image")
    frames = [to_hex(ax.spines["left"].get_edgecolor()) for ax in figure.axes]
    assert frames == [palette.INK, palette.GREEN, palette.RED, palette.INK, palette.RED]
    assert [t for t in texts(figure) if t in "✓✗"] == ["✓", "✗", "✗"]


def test_hits_of_several_rankings_stand_below_one_another():
    def lists(*names):
        return [[{"image": None, "text": name}] for name in names]

    queries = [{"image": None, "text": "q0"}, {"image": None, "text": "q1"}]
    results = {"by a": lists("a0", "a1"), "by b": lists("b0", "b1"), "both": lists("c0", "c1")}
    correct = {"by a": [[True], [False]], "by b": [[False], [False]], "both": [[True], [True]]}
    figure = draw(plots.hits(queries, results, correct, "image->text"))
    assert figure.get_suptitle() == "image → text ranked by by a, by b and both"
    assert [t.get_text() for t in figure.texts[1:]] == 2 * list(results)
    assert [t for t in texts(figure) if t[-1:] in "01"] == [
        "q0", "a0", "b0", "c0", "q1", "a1", "b1", "c1"]
    frames = [to_hex(ax.spines["left"].get_edgecolor()) for ax in figure.axes]
    green, red, ink = palette.GREEN, palette.RED, palette.INK
    assert frames == [ink, green, red, green, ink, red, red, green]
    place = {ax.texts[0].get_text(): ax.get_position() for ax in figure.axes}
    assert place["q0"].x0 < place["a0"].x0 == place["b0"].x0 == place["c1"].x0
    heights = [place[name].y0 for name in ("a0", "b0", "c0", "a1", "b1", "c1")]
    assert heights == sorted(heights, reverse=True)
    assert place["q0"].y0 == place["a0"].y0
    assert place["c1"].y0 >= 0


def test_large_pictures_become_thumbnails():
    big = np.zeros((400, 200, 3), dtype=np.uint8)
    ax = plots.hits([{"image": big, "text": ""}], [[]], [[]]).axes[0]
    assert ax.images[0].get_array().shape == (128, 64, 3)
    ax = plots.hits([{"image": np.full((2, 2), 0.5), "text": ""}], [[]], [[]]).axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), 128)


def test_history_is_logarithmic_only_over_decades():
    figure = draw(plots.history({"a_b": [3.0, 2.0], "kl": [1e4, 1.0], "nothing": [np.nan],
                                 "signed": [-100.0, 5.0]}))
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "log", "linear"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a b", "kl", "signed"]


def test_confusion_rows_are_percent():
    figure = draw(plots.confusion([[3, 1], [0, 5]], ["a", "b"]))
    assert [t.get_text() for t in figure.axes[0].texts] == ["75", "25", "0", "100"]


def test_latent_is_deterministic_and_keeps_to_its_budget():
    given = latent_input()
    one, two = (plots.latent(**given, max_points=60, highlight=2) for _ in range(2))
    points = [[c.get_offsets() for c in ax.collections] for ax in axes_with_data(one)]
    again = [[c.get_offsets() for c in ax.collections] for ax in axes_with_data(two)]
    for panel, other in zip(points, again, strict=True):
        assert sum(map(len, panel)) == 60
        np.testing.assert_array_equal(np.concatenate(panel), np.concatenate(other))
    legend = [t.get_text() for t in one.axes[4].texts] + [t.get_text() for t in one.axes[5].texts]
    assert {"seen classes", "unseen classes", "image (30 points)"} <= set(legend)


def test_latent_needs_every_modality_everywhere():
    given = latent_input()
    del given["labels"]["text"]
    with pytest.raises(ValueError, match="give the same in all three"):
        plots.latent(**given)


def test_tokens_are_drawn_as_their_mean():
    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(60, 4, 8)) + clusters()[0][:, None]
    means = tokens.mean(axis=1)
    np.testing.assert_allclose(matrix_of(tokens), means, rtol=1e-5)
    assert matrix_of(np.zeros((2, 3, 4))).tolist() == [[0] * 4] * 2
    given = latent_input()
    of_tokens, of_means = (plots.latent(**given | {"before": {"image": x, "text": x}})
                           for x in (tokens, matrix_of(tokens)))
    for a, b in zip(of_tokens.axes[0].collections, of_means.axes[0].collections, strict=True):
        np.testing.assert_array_equal(a.get_offsets(), b.get_offsets())


def test_cross_modal_columns_hold_their_classes_only():
    given = cross_modal_input(drawn=4)
    figure = draw(plots.cross_modal(**given))
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "Seen classes, before", "Seen classes, after",
        "Unseen classes, before", "Unseen classes, after"]
    images = [int((given["labels_after"]["image"] < 3).sum()),
              int((given["labels_after"]["image"] >= 3).sum())]
    assert images[0] != images[1]
    for ax, features, side in zip(figure.axes, np.repeat(images, 2), (3, 12, 3, 12), strict=True):
        blue, orange = ax.collections
        assert (len(blue.get_offsets()), len(orange.get_offsets())) == (features, side)
        assert to_hex(blue.get_facecolor()[0]) == palette.BLUE
        assert to_hex(orange.get_facecolor()[0]) == palette.ORANGE
        assert f"{features} image and {side} class points of 3 classes" in ax.get_xlabel()
    assert legend_of(figure) == ["image (features)", "class (side information)"]


def test_cross_modal_classes_are_those_of_its_column():
    """Points of the other column may move without a trace."""
    given = cross_modal_input()
    one = plots.cross_modal(**given)
    unseen = given["labels_after"]["image"] >= 3
    given["after"]["image"] = np.where(unseen[:, None], 9.0, given["after"]["image"])
    two = plots.cross_modal(**given)
    same = [all(np.array_equal(c.get_offsets(), d.get_offsets())
                for c, d in zip(a.collections, b.collections, strict=True))
            and a.get_title(loc="right") == b.get_title(loc="right")
            for a, b in zip(one.axes, two.axes, strict=True)]
    assert same == [True, True, True, False]


def test_cross_modal_is_deterministic_and_keeps_to_its_budget():
    one, two = (plots.cross_modal(**cross_modal_input(), max_points=20, random_state=3)
                for _ in range(2))
    for ax, again in zip(one.axes, two.axes, strict=True):
        assert len(ax.collections[0].get_offsets()) == 10
        assert len(ax.collections[1].get_offsets()) <= 10
        for c, d in zip(ax.collections, again.collections, strict=True):
            np.testing.assert_array_equal(c.get_offsets(), d.get_offsets())


def test_cross_modal_prints_the_agreement_of_the_aligned_space():
    given = cross_modal_input()
    figure = plots.cross_modal(**given)
    for ax, classes in zip(figure.axes[1::2], ((0, 1, 2), (3, 4, 5)), strict=True):
        pairs = []
        for m, y in given["labels_after"].items():
            mine = np.isin(y, classes)
            pairs += [given["after"][m][mine], y[mine]]
        share, chance = class_agreement(*pairs)
        assert 0 < chance < share
        assert f"for {100 * share:.1f} % of class points" in ax.get_title(loc="right")
        assert f"(chance {100 * chance:.1f} %)" in ax.get_title(loc="right")
    assert all("chance" not in ax.get_title(loc="right") for ax in figure.axes[::2])


def test_cross_modal_without_feature_points_draws_side_information_alone():
    given = cross_modal_input()
    kept = given["labels_after"]["image"] < 3
    given["before"]["image"], given["after"]["image"] = (
        given[x]["image"][kept] for x in ("before", "after"))
    given["labels_before"]["image"] = given["labels_after"]["image"][kept]
    given["labels_after"]["image"] = given["labels_after"]["image"][kept]
    seen_after, unseen_after = draw(plots.cross_modal(**given)).axes[1::2]
    assert [len(ax.collections) for ax in (seen_after, unseen_after)] == [2, 1]
    assert "no class has both image and class points" in unseen_after.get_title(loc="right")
    all_seen = draw(plots.cross_modal(**given | {"seen": np.ones(6, dtype=bool)}))
    assert [len(ax.collections) for ax in all_seen.axes] == [2, 2, 0, 0]


def test_class_agreement_equals_a_loop():
    rng = np.random.default_rng(1)
    features, side = rng.normal(size=(40, 3)), rng.normal(size=(30, 3))
    y, t = rng.integers(0, 4, 40), rng.integers(0, 6, 30)
    right, luck, counted = 0, 0.0, 0
    for point, c in zip(side, t, strict=True):
        if c not in y:
            continue
        gaps = [float(((point - other) ** 2).sum()) for other in features]
        right += y[gaps.index(min(gaps))] == c
        luck += sum(other == c for other in y) / len(y)
        counted += 1
    assert 0 < counted < len(t)
    assert class_agreement(features, y, side, t) == pytest.approx((right / counted, luck / counted))


def test_sensitivity_draws_means_in_the_order_of_the_values():
    given = swept()
    figure = draw(plots.sensitivity({"alpha": given, "beta": swept()}))
    ax = figure.axes[0]
    order = [1, 2, 0]
    validation = next(line for line in ax.lines if line.get_label().startswith("validation"))
    test = next(line for line in ax.lines if line.get_label().startswith("test"))
    for line, part in ((validation, "validation"), (test, "test")):
        np.testing.assert_allclose(line.get_xdata(), [1, 2, 4])
        np.testing.assert_allclose(line.get_ydata(), 100 * given[part].mean(axis=0)[order])
    assert to_hex(validation.get_color()) == palette.BLUE
    assert validation.get_linewidth() > test.get_linewidth()
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_sensitivity_band_is_one_sd_and_absent_for_one_run():
    given = swept()
    ax = plots.sensitivity({"alpha": given}).axes[0]
    (band,) = ax.collections
    mean, sd = given["validation"].mean(axis=0), given["validation"].std(axis=0, ddof=1)
    low, high = (100 * f(mean + s * sd) for f, s in ((np.min, -1), (np.max, 1)))
    assert band.get_paths()[0].vertices[:, 1].min() == pytest.approx(low)
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(high)
    single = plots.sensitivity({"alpha": swept(runs=1)})
    assert not single.axes[0].collections
    assert legend_of(single)[0] == "validation H (1 run)"


def test_sensitivity_marks_what_was_chosen_and_what_is_published():
    given = swept()
    figure = draw(plots.sensitivity({"alpha": given, "beta": swept(chosen=None, paper=None)},
                                    "AUSUC"))
    marked, bare = figure.axes
    at = {to_hex(line.get_color()): line.get_xdata()[0] for line in marked.lines
          if len(line.get_xdata()) == 2}
    assert at == {palette.RED: 2.0, palette.INK: 2.5}
    diamond = next(line for line in marked.lines
                   if line.get_marker() == "D" and len(line.get_xdata()))
    assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == pytest.approx(
        (2, 100 * given["validation"][:, 2].mean()))
    assert marked.get_xlabel() == "value\nvalidation chose 2, the paper 2.5"
    assert bare.get_xlabel() == "value"
    assert len(bare.lines) == 2
    for known, told in (({"paper": None}, "validation chose 2"), ({"chosen": None},
                                                                  "the paper has 2.5")):
        ax = plots.sensitivity({"alpha": swept(**known)}).axes[0]
        assert ax.get_xlabel() == f"value\n{told}"
    assert legend_of(figure) == ["validation AUSUC (mean ± sd of 3 runs)",
                                 "test AUSUC: shown, never used to choose",
                                 "value that validation chose", "value of the paper"]


def test_sensitivity_is_logarithmic_only_over_decades():
    def panel(*values):
        flat = np.full((1, len(values)), 0.5)
        return {"values": values, "validation": flat, "test": None, "chosen": None, "paper": None}

    figure = draw(plots.sensitivity({"a": panel(1, 20), "b": panel(1, 21), "c": panel(0, 0.1, 3),
                                     "d": panel(-1, 1, 99)}))
    assert [ax.get_xscale() for ax in figure.axes] == ["linear", "log", "symlog", "linear"]
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "value", "value, log scale", "value, log scale above 0.1", "value"]
    assert [t.get_text() for t in figure.axes[2].get_xticklabels()] == ["0", "0.1", "3"]
    low, high = figure.axes[0].get_ylim()
    assert (low, high) == pytest.approx((45, 55))


def test_sensitivity_numbers_ticks_where_there_is_room():
    values = np.arange(285, 306)
    figure = draw(plots.sensitivity({"lambda": {"values": values,
                                                "validation": np.full((1, 21), 0.5)}}))
    labels = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    np.testing.assert_allclose(figure.axes[0].get_xticks(), values)
    assert labels[0] == "285"
    assert 4 <= sum(map(bool, labels)) <= 11
    boxes = [t.get_window_extent() for t in figure.axes[0].get_xticklabels() if t.get_text()]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_tsne_keeps_clusters_together_and_bears_a_collapsed_space():
    x, labels = clusters(90, 3)
    xy = plots.tsne({"a": x[:50], "b": x[50:]})
    assert [len(part) for part in xy.values()] == [50, 40]
    points = np.concatenate(list(xy.values()))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert (labels[gaps.argmin(axis=1)] == labels).mean() > 0.95
    collapsed = plots.tsne({"a": np.ones((12, 4))})["a"]
    assert np.isfinite(collapsed).all()
    assert plots.tsne({"a": np.ones((2, 1))})["a"].shape == (2, 2)


def test_principal_components_equal_scikit_learn():
    from sklearn.decomposition import PCA

    x = np.random.default_rng(0).normal(size=(20, 6))
    ours, theirs = plots.principal(x, 3), PCA(3).fit_transform(x)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-5)


def test_highlighted_classes_are_large_and_half_unseen():
    labels = {"a": np.repeat(np.arange(6), [9, 8, 7, 3, 2, 1]), "b": np.array([-1, 5])}
    seen = np.array([True, True, True, True, False, False])
    assert highlighted_classes(labels, seen, 4) == [0, 1, 4, 5]
    assert highlighted_classes(labels, None, 3) == [0, 1, 2]
    assert highlighted_classes(labels, np.zeros(6, dtype=bool), 3) == [0, 1, 2]


@pytest.mark.parametrize(("text", "limit", "short"), [
    ("short", 5, "short"), ("x" * 40, 9, "xx…xxxxxx"),
    ("LATIN CAPITAL LETTER A WITH CIRCUMFLEX", 26, "LATIN…A WITH CIRCUMFLEX")])
def test_shorten_keeps_the_end(text, limit, short):
    assert shorten(text, limit) == short
    assert len(short) <= limit


@pytest.mark.parametrize(("call", "match"), [
    (lambda: plots.class_accuracy(["a"], [np.nan]), "no class has one"),
    (lambda: plots.hits([], [], []), "at least one"),
    (lambda: plots.hits([{"text": "q"}], [], []), "as many of each"),
    (lambda: plots.hits([{"text": "q"}], {"a": [[]]}, {"b": [[]]}), "same rankings"),
    (lambda: plots.saliency([]), "none given"),
    (lambda: plots.saliency([{"parts": {"m": {"saliency": [0.5], "kept": [True], "image": None,
                                              "words": ["a", "b"]}}}]), "words of 2"),
    (lambda: plots.saliency([{"parts": {"m": {"saliency": [0.5] * 4, "kept": [True] * 4,
                                              "grid": (2, 3)}}}]), "grid of 6"),
    (lambda: plots.history({"a": []}), "none holds"),
    (lambda: plots.confusion(np.eye(2), ["a"]), "give"),
    (lambda: plots.sensitivity({}), "none given"),
    (lambda: plots.sensitivity({"a": swept(values=[1, 2])}), r"give \(runs, 2\)"),
    (lambda: plots.sensitivity({"a": swept(test=np.ones((2, 4)))}), "test of shape"),
    (lambda: plots.sensitivity({"a": swept(validation=[[np.nan] * 3])}), "no finite score"),
    (lambda: plots.cross_modal(**cross_modal_input() | {"after": {"image": np.eye(3)}}),
     "the same two")])
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
