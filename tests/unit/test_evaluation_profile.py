"""What a model costs, against counts by hand and a clock that does as it is told."""

import json
import pickle
import time

import numpy as np
import pytest

from crossalign.evaluation.peak_memory import Peak, peak_memory
from crossalign.evaluation.profile import EMBEDDED, Profile, fit_briefly, flops, profile
from crossalign.evaluation.profile_table import amount, profile_record, profile_table
from crossalign.evaluation.protocols import Retrieval
from crossalign.models import CADAVAE, CCA, ESZSL, FGAN, Chance
from crossalign.types import Benchmark, Classes, Views

PLAIN = {"dim": 8, "heads": 2, "readers": ("linear", "linear"), "pool": "mean",
         "label_encoder": "linear", "epochs": 9, "samples": 10}


def views(classes, first=0, per_class=6, tokens=True):
    rng = np.random.default_rng(first)
    n = classes * per_class
    shapes = {"image": (n, 6, 5), "text": (n, 4, 3)} if tokens else {"image": (n, 5),
                                                                     "text": (n, 3)}
    return Views({m: rng.standard_normal(shape) for m, shape in shapes.items()},
                 first + np.arange(n) % classes, ids=first * 100 + np.arange(n))


def bench(tokens=True):
    """Four seen classes and three unseen ones."""
    return Benchmark("toy", "retrieval", {
        "train": views(4, tokens=tokens), "query": views(3, 4, tokens=tokens),
        "gallery": views(3, 4, 7, tokens=tokens).select("image", "text")[18:]},
        Classes(np.eye(7), np.arange(7) < 4))


# -- counts ------------------------------------------------------------------------------------
def test_parameters_and_operations_of_linear_layers():
    cost = profile(FGAN(**PLAIN), bench(), repeats=1, memory=False)
    reader = {"image": 5 * 8 + 8 + 2 * 8, "text": 3 * 8 + 8 + 2 * 8}      # linear, norm
    region, labels = 8 * 8 + 8 + 2 * 8, 8 * 4 + 4                         # four seen classes
    assert cost.parameters == sum(reader.values()) + 2 * (region + labels)
    assert cost.flops == {"image": 2 * (6 * 5 * 8 + 8 * 8 + 8 * 4),
                          "text": 2 * (4 * 3 * 8 + 8 * 8 + 8 * 4)}
    still = profile(FGAN(**PLAIN, mu=0.0), bench(), repeats=1, memory=False)
    assert still.parameters == cost.parameters - 2 * labels                # they do not learn


def test_operations_of_attention_and_of_sequences():
    """Every product of matrices of eq. 3-10, with fused layers and GRUs taken apart."""
    model = FGAN(**PLAIN | {"readers": ("attention", "gru"), "pool": "concat", "epochs": 1},
                 ratios=(0.5, 0.5)).fit(views(4))

    def attention(t):
        return t * 8 * 24 + 2 * t * t * 8 + t * 8 * 8                      # in, QK and AV, out

    def region(t, k):
        return attention(t) + t * 8 + k * t * 8 + k * 8 * 8

    image = 6 * 5 * 8 + attention(6) + 6 * 2 * 8 * 16 + region(6, 3) + 8 * 4
    text = 2 * 4 * (3 * 12 + 4 * 12) + 4 * 8 * 8 + region(4, 2) + 8 * 4    # two directions of four
    data = views(4)
    assert flops(model, data["image"][:1], "image") == 2 * image
    assert flops(model, data["text"][:3], "text") == 3 * 2 * text


def test_closed_forms_count_what_they_have_learned():
    cost = profile(CCA(n_components=2), bench(tokens=False), repeats=1, memory=False)
    # shifts, scales, farthest rows and means, then maps, then correlations
    assert cost.parameters == 4 * (5 + 3) + 2 * (5 + 3) + 2
    assert cost.flops == {"image": None, "text": None}
    assert profile(Chance(), bench(tokens=False), repeats=1, memory=False).parameters == 0


def test_a_shared_encoder_counts_once():
    square = bench(tokens=False)
    splits = {name: Views({"a": part["image"], "b": part["image"]}, part.truth, ids=part.ids)
              for name, part in square.splits.items()}
    both = Benchmark("toy", "retrieval", splits, square.classes)
    apart, tied = (profile(FGAN(**PLAIN, tied=tied), both, repeats=1, memory=False)
                   for tied in (False, True))
    assert apart.parameters == 2 * tied.parameters


def test_a_recogniser_is_measured_by_how_it_scores():
    rng = np.random.default_rng(0)
    side = rng.standard_normal((6, 4))
    parts = {name: Views({"image": side[y] @ rng.standard_normal((4, 5))}, y, ids=start + np.arange(
        len(y))) for name, y, start in (("train", np.arange(40) % 4, 0),
                                        ("test_seen", np.arange(8) % 4, 100),
                                        ("test_unseen", 4 + np.arange(8) % 2, 200))}
    cost = profile(ESZSL(), Benchmark("toy", "gzsl", parts, Classes(side, np.arange(6) < 4)),
                   repeats=1, memory=False)
    assert list(cost.embed_rate) == ["image"]
    assert cost.parameters > 0


# -- speed -------------------------------------------------------------------------------------
class Told:
    """A clock that moves only when it is told to."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


class Slow(CCA):
    """Takes a time that is given in advance for each fit and each embedding."""

    clock, fits, calls = None, [], []

    def fit(self, X, y=None, **options):
        self.clock.now += self.fits.pop(0)
        return super().fit(X, y, **options)

    def embed(self, x, modality):
        if len(x) > 1:                                                     # operations are counted
            self.clock.now += self.calls.pop(0)
        return super().embed(x, modality)


def test_speeds_are_medians_after_the_first(monkeypatch):
    clock = Told()
    monkeypatch.setattr("crossalign.evaluation.profile.time", clock)
    Slow.clock, Slow.fits, Slow.calls = clock, [50, 1, 4, 2], [90, 1, 3, 2, 80, 4, 2, 3]
    data = bench(tokens=False)
    cost = profile(Slow(), data, repeats=3, memory=False)
    assert cost.train_rate == len(data["train"]) / 2
    assert cost.embed_rate == {"image": len(data["query"]) / 2, "text": len(data["query"]) / 3}
    assert Slow.fits == Slow.calls == []


def test_training_ends_after_the_epochs_that_are_timed(monkeypatch):
    seen = []
    train = FGAN.fit

    def fit(self, *arguments, **options):
        train(self, *arguments, **options)
        seen.append(len(self.history_["loss"]))
        return self

    monkeypatch.setattr(FGAN, "fit", fit)
    model = FGAN(**PLAIN)
    started = time.perf_counter()
    cost = profile(model, bench(), repeats=2, memory=False)
    assert seen == [3]
    assert cost.train_rate > 24 / (time.perf_counter() - started)
    assert cost.params == model.get_params()
    assert not hasattr(model, "network_")


def test_bad_input():
    with pytest.raises(ValueError, match="repeats: got 0"):
        profile(CCA(), bench(), repeats=0)
    with pytest.raises(ValueError, match="CADAVAE reads vectors"):
        profile(CADAVAE(), bench())


# -- memory ------------------------------------------------------------------------------------
def test_memory_of_a_call_is_what_it_adds():
    peak = peak_memory(np.ones, 25_000_000)
    assert 199e6 < peak.host < 240e6
    assert peak.gpu is None


def test_memory_of_training_is_measured_elsewhere():
    n, d = 200, 400
    rng = np.random.default_rng(0)
    parts = {name: Views({m: rng.standard_normal((n, d)) for m in ("a", "b")}, y, ids=start
                         + np.arange(n)) for name, y, start in (
                             ("train", np.arange(n) % 4, 0), ("query", 4 + np.arange(n) % 3, n),
                             ("gallery", 4 + np.arange(n) % 3, 2 * n))}
    data = Benchmark("toy", "retrieval", parts, Classes(np.eye(7), np.arange(7) < 4))
    peak = peak_memory(fit_briefly, CCA(), data, Retrieval())
    assert 2 * n * d * 8 < peak.host < 100e6             # both modalities in double precision


def test_memory_is_that_of_an_epoch_and_of_all_modalities(monkeypatch):
    asked = []

    def measure(call, *arguments):
        asked.append(call(*arguments))
        pickle.dumps((call, arguments))
        return Peak(len(asked), None)

    monkeypatch.setattr("crossalign.evaluation.profile.peak_memory", measure)
    embedded = []
    embed = FGAN.embed
    monkeypatch.setattr(FGAN, "embed", lambda self, x, m: (embedded.append((m, len(x))),
                                                           embed(self, x, m))[1])
    cost = profile(FGAN(**PLAIN), bench(), repeats=1)
    assert (cost.train_memory, cost.embed_memory) == (Peak(1, None), Peak(2, None))
    assert len(asked[0].history_["loss"]) == 1
    assert embedded[2:4] == [("image", 18), ("text", 18)]          # after two to count operations


def test_what_cannot_be_sent_or_fails_is_said_in_one_sentence():
    with pytest.raises(ValueError, match="cannot be sent to another process"):
        peak_memory(lambda: None)
    with pytest.raises(ValueError, match=r"another process failed \(ValueError: negative"):
        peak_memory(np.ones, -1)


# -- table -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("number", "text"), [
    (0, "0"), (7, "7"), (7.5, "7.50"), (999, "999"), (999.6, "1.00 k"), (1234, "1.23 k"),
    (9_520_000, "9.52 M"), (23.8e9, "23.8 G"), (640e9, "640 G"), (0.0123, "0.0123"),
    (None, "\N{EN DASH}")])
def test_amounts_have_three_digits(number, text):
    assert amount(number) == text


def test_table_and_record():
    one = Profile("fgan", {"similarity": "joint"}, 9_500_000, {"image": 23_800_000_000, "text": 12},
                  Peak(812_000_000, 2_400_000_000), None, 28.8, {"image": 100.0, "text": 2e4})
    two = Profile("cca", {}, 26, {"image": None}, None, Peak(3_000_000, None), 1e6, {"image": 5.5})
    title, _, header, rule, first, second, *_ = profile_table([one, two], "toy").splitlines()
    assert title == "toy"
    assert header.split("  ")[0] == "model"
    assert len({len(line) for line in (header, rule, first, second)}) == 1
    assert first.split() == ["fgan", "9.50", "M", "23.8", "G", "12", "812", "+", "2,400", "GPU",
                             "\N{EN DASH}", "28.8", "100", "20.0", "k"]
    dash = "\N{EN DASH}"
    assert second.split() == ["cca", "26", dash, dash, dash, "3", "1.00", "M", "5.50", dash]
    record = json.loads(json.dumps(profile_record([one, two], data="toy")))
    assert record["data"] == "toy"
    assert record["embedded_per_call"] == EMBEDDED
    assert record["models"][0]["train_memory"] == {"host": 812_000_000, "gpu": 2_400_000_000}
    assert record["models"][1]["flops"] == {"image": None}
