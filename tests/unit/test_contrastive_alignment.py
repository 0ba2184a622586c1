import numpy as np
import pytest
import torch
from complaints import complaint
from torch import nn

from crossalign.losses import info_nce, klot, sigmoid_contrast, structure_gap
from crossalign.models import ContrastiveAlignment
from crossalign.models.dual_encoder.contrastive_objective import ContrastiveObjective
from crossalign.training import Batch
from crossalign.types import Views


def concepts(n, seed=0, noise=0.5):
    """Rows of two modalities that are maps of the same six numbers, with noise."""
    rng = np.random.default_rng(9)
    maps = {m: rng.standard_normal((6, width)) for m, width in (("image", 40), ("text", 30))}
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 6))
    return {m: z @ a + noise * rng.standard_normal((n, a.shape[1])) for m, a in maps.items()}


def few_pairs(pairs=15, others=400):
    """Samples of which the first have both modalities, and the others one in turn."""
    here = np.arange(pairs + others) < pairs
    turn = np.arange(pairs + others) % 2 == 0
    return Views(concepts(pairs + others), present={"image": here | turn, "text": here | ~turn})


def recall(model):
    """Share of test rows whose partner is the nearest."""
    test = concepts(300, seed=1)
    image, text = (model.embed(test[m], m) for m in ("image", "text"))
    return np.mean((image @ text.T).argmax(axis=1) == np.arange(300))


def objective(terms=(), widths=(3, 3), **options):
    settings = {"loss": "infonce", "temperature": 0.2, "mixup": 0.0, "epsilon": 0.1,
                "teacher_epsilon": 0.5, **options}
    names = ("a", "b", "c")[:len(widths)]
    return ContrastiveObjective({m: nn.Identity() for m in names},
                                dict(zip(names, widths, strict=True)), terms=terms, **settings)


def batch_of(rows, seed=0, **present):
    views = {m: torch.from_numpy(x).float() for m, x in rows.items()}
    there = {m: torch.tensor(p) for m, p in present.items()}
    return Batch(views, present=there, generator=torch.Generator().manual_seed(seed),
                 weights={"structure": torch.tensor(2.0), "klot": torch.tensor(3.0)})


@pytest.mark.parametrize("loss", ["infonce", "sigmoid"])
def test_contrast_is_over_the_rows_that_have_both_of_two_modalities(loss):
    x = np.random.default_rng(0).standard_normal((3, 6, 3))
    here = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 1], [0, 1, 1, 1, 1, 1]], dtype=bool)
    network = objective(widths=(3, 3, 3), loss=loss)
    found = network(batch_of(dict(zip("abc", x, strict=True)),
                             **dict(zip("abc", here, strict=True))), "projectors")["loss"]
    u = torch.from_numpy(x / np.linalg.norm(x, axis=2, keepdims=True)).float()
    parts = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = here[i] & here[j]
        logits = u[i][both] @ u[j][both].T / 0.2
        parts.append(info_nce(logits) if loss == "infonce" else sigmoid_contrast(logits - 10))
    assert found.item() == pytest.approx(np.mean([p.item() for p in parts]), rel=1e-5)


def test_terms_are_added_with_their_weights_over_all_rows_that_there_are():
    rng = np.random.default_rng(0)
    x, taught = rng.standard_normal((2, 6, 3)), rng.standard_normal((2, 6, 4))
    here = {"a": [True] * 4 + [False] * 2, "b": [True] * 3 + [False] + [True] * 2}
    rows = {m: np.concatenate([x[i], taught[i]], axis=1) for i, m in enumerate("ab")}
    found = objective(("structure", "klot"))(batch_of(rows, **here), "projectors")
    a, b = (torch.from_numpy(x[i]).float()[torch.tensor(here[m])] for i, m in enumerate("ab"))
    t, s = (torch.from_numpy(taught[i]).float()[torch.tensor(here[m])] for i, m in enumerate("ab"))
    unit = [nn.functional.normalize(rows) for rows in (a, b)]
    wanted = (t @ s.T) / (t @ s.T).std()
    assert found["klot"].item() == pytest.approx(
        klot(wanted, unit[0] @ unit[1].T, 0.1, 0.5).item(), rel=1e-5)
    assert found["structure"].item() == pytest.approx(
        np.mean([structure_gap(x, x).item() for x in (a, b)]), abs=1e-6)
    assert found["loss"].item() == pytest.approx(
        (found["contrast"] + 2 * found["structure"] + 3 * found["klot"]).item(), rel=1e-6)


def test_one_weight_mixes_all_modalities_half_with_half():
    rows = np.random.default_rng(0).standard_normal((7, 3))
    network = objective(mixup=1.0)
    batch = batch_of({"a": rows, "b": 2 * rows})
    mixed, there = network._mixed(batch.views, {m: torch.ones(7, dtype=torch.bool) for m in "ab"},
                                  batch)
    torch.testing.assert_close(mixed["a"], mixed["b"])           # of rows that are twice as long
    assert len(mixed["a"]) == len(there["a"]) == 3
    for code, first, second in zip(mixed["a"].numpy(), rows[:3], rows[3:6], strict=True):
        share = np.linalg.lstsq(np.stack([first, second], axis=1), code, rcond=None)
        assert share[1].sum() < 1e-10                            # it lies between the two
        assert (share[0] >= 0).all()
    other = network._mixed(batch.views, {m: torch.ones(7, dtype=torch.bool) for m in "ab"}, batch)
    assert not torch.allclose(mixed["a"], other[0]["a"])         # the weight is drawn anew


@pytest.mark.parametrize(("value", "clamped"), [(1e-9, 1e-3), (9.0, 0.5)])
def test_the_learned_temperature_stays_in_its_range(value, clamped):
    rows = np.random.default_rng(0).standard_normal((5, 3))
    batch = batch_of({"a": rows, "b": rows[::-1].copy()})
    found = objective(temperature=value)(batch, "projectors")["loss"]
    assert found.item() == objective(temperature=clamped)(batch, "projectors")["loss"].item()


def test_a_teacher_and_rows_without_partner_are_better_than_contrast_of_pairs():
    views = few_pairs()
    paired = views.having("image").having("text")
    settings = {"device": "cpu", "dropout": 0.0, "latent": 32}
    alone = recall(ContrastiveAlignment(**settings).fit(views))
    taught = {"teacher": "ridge", "alpha": 1.0, **settings}
    on_pairs = recall(ContrastiveAlignment(**taught).fit(paired))
    on_all = recall(ContrastiveAlignment(**taught).fit(views))
    assert on_all > alone + 0.1
    assert on_all > on_pairs + 0.1


@pytest.mark.parametrize("options", [{}, {"mixup": 1.0}, {"structure": 1.0}, {"teacher": "ridge"},
                                     {"teacher": "committee"}, {"loss": "sigmoid"},
                                     {"projector": "mlp"}, {"projector": "glu"}])
def test_every_option_learns_pairs(options):
    model = ContrastiveAlignment(device="cpu", latent=32, hidden=64, epochs=60, dropout=0.0,
                                 **options)
    assert recall(model.fit(few_pairs(60, 100))) > 0.05          # by chance 1 of 300
    terms = {"structure", "klot"} & set(model.history_)
    assert terms == {"structure"} & set(options) | ({"klot"} if "teacher" in options else set())


def test_three_modalities_need_no_sample_with_all():
    rows = concepts(90)
    rows["sketch"] = rows["image"][:, :20] + 0.1
    pairs = [np.arange(90) % 3 != k for k in range(3)]
    views = Views(rows, present=dict(zip(rows, pairs, strict=True)))
    model = ContrastiveAlignment(device="cpu", latent=16, epochs=100, lr=3e-3).fit(views)
    test = concepts(300, seed=1)
    found = model.embed(test["image"], "image") @ model.embed(test["text"], "text").T
    assert (found.argmax(axis=1) == np.arange(300)).mean() > 0.1
    complaint(lambda: ContrastiveAlignment(teacher="ridge").fit(views), "teacher: 'ridge'",
              "choose two")


def test_too_few_pairs_are_refused():
    complaint(lambda: ContrastiveAlignment().fit(few_pairs(1, 10)), "has 1 samples of two",
              "at least 2")
    complaint(lambda: ContrastiveAlignment(mixup=1.0).fit(few_pairs(3, 10)), "has 3", "mixup=0")
    complaint(lambda: ContrastiveAlignment().fit(few_pairs().select("image")), "add another one")


@pytest.mark.parametrize("teacher", ["none", "ridge"])
def test_a_teacher_makes_the_grid_no_larger(teacher):
    model = ContrastiveAlignment(teacher=teacher)
    tried = [len(values) for name, values in model.search_space.items()
             if name not in model.idle(few_pairs())]
    assert np.prod(tried) == 32
