"""The task of captions: rows beside the decoder, and what it may say where captions have parts."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from complaints import complaint
from typer.testing import CliRunner

from crossalign import metrics, models
from crossalign.cli import app
from crossalign.evaluation import evaluate
from crossalign.evaluation.protocols import VQA, Captioning
from crossalign.evaluation.protocols.caption_choices import (
    MISLED,
    best_value,
    heard,
)
from crossalign.space.captions import OneCaptioner
from crossalign.types import Benchmark, Captions, Classes, Views

COLOURS, ANIMALS = ("red", "blue", "green", "white"), ("cat", "dog", "bird", "fish")
PAIRS = list(itertools.product(COLOURS, ANIMALS))
SEEN = np.array([(i + j) % 4 != 0 for i in range(4) for j in range(4)])
SIDE = np.array([[x in pair for x in COLOURS + ANIMALS] for pair in PAIRS], dtype=np.float32)
CLASSES = Classes(SIDE, SEEN, tuple(" ".join(pair) for pair in PAIRS))


@cache
def bench(with_parts, noise=0.3):
    rng = np.random.default_rng(0)
    shown = rng.standard_normal((8, 12))
    ids, texts, splits = [], [], {}
    for split, of, n in (("train", SEEN, 12), ("test_seen", SEEN, 2), ("test_unseen", ~SEEN, 4)):
        labels = np.repeat(np.flatnonzero(of), n)
        names = [f"{split}-{i}" for i in range(len(labels))]
        data = {"image": (SIDE[labels] @ shown + noise * rng.standard_normal((len(labels), 12)))}
        if split == "train":
            data["text"] = SIDE[labels] + 0.01 * rng.standard_normal((len(labels), 8))
        splits[split] = Views(data, labels, ids=names)
        ids += names
        texts += [(CLASSES.names[c],) for c in labels]
    said = Captions(tuple(ids), tuple(texts))
    return Benchmark("pairs", "caption", splits, CLASSES,
                     said=replace(said, parts=(COLOURS, ANIMALS)) if with_parts else said)


@cache
def outcome(with_parts):
    fitted = models.RidgeMap().fit(bench(with_parts)["train"])
    return Captioning(epochs=2).score(fitted, bench(with_parts), {"unseen": "decoder"})


def test_a_part_of_one_picture_is_refused_before_anything_is_fitted():
    whole = bench(False)
    one = replace(whole, splits={**whole.splits, "test_unseen": whole["test_unseen"][[3]]})
    complaint(lambda: Captioning().check_benchmark(one), "data: test_unseen of 'pairs' holds one "
              "picture, 'test_unseen-3'", "put two or more there")
    Captioning().check_benchmark(whole)
    part = replace(whole, splits={"train": whole["train"],
                                  "test_unseen": whole["test_unseen"][[3]]})
    held = replace(whole, validation_split=lambda: part)
    complaint(lambda: Captioning().check_benchmark(held), "data: validation of 'pairs' holds one")


def test_rows_stand_beside_the_decoder():
    found, free = outcome(True), outcome(False)
    assert {"exact", "exact_free", "exact_nameless", "CIDEr_nameless", "exact_template",
            "exact_retrieval", "exact_text_only", "exact_seen"} <= set(found.scores)
    assert "exact_free" not in free.scores
    references = bench(True).said.of(bench(True)["test_unseen"])
    for end in ("", "_free", "_nameless", "_template", "_retrieval", "_text_only"):
        assert found.scores[f"exact{end}"] == pytest.approx(
            metrics.exact_match(found.details["captions"][end], references))
    assert found.scores["exact_retrieval"] == 0


def test_with_parts_only_captions_of_parts_are_said():
    said = outcome(True).details["captions"]
    allowed = {f"{colour} {animal}" for colour, animal in PAIRS}
    for end in ("", "_nameless", "_text_only", "_seen"):
        assert set(said[end]) <= allowed
    assert said["_free"] == outcome(False).details["captions"][""]
    assert said["_nameless"] != said[""]


def test_a_language_model_speaks_and_the_small_decoder_stands_beside_it(tmp_path, monkeypatch):
    pytest.importorskip("transformers", reason="needs the extra 'language'")
    from small_language import taught

    from crossalign.tasks import language_captioner

    place = taught(tmp_path / "model", "llama", [f" {colour} {animal}" for colour, animal in PAIRS],
                   steps=60)
    task = Captioning(epochs=4, language_model=place, lora=2)
    fitted = models.RidgeMap().fit(bench(True)["train"])
    said, own = [], language_captioner.LanguageCaptioner.caption

    def heard(captioner, *args, **settings):
        said.append((captioner.route, captioner.recogniser is not None, captioner.lora))
        return own(captioner, *args, **settings)

    monkeypatch.setattr(language_captioner.LanguageCaptioner, "caption", heard)
    found = task.score(fitted, bench(True), {"unseen": "decoder"})
    assert set(said) == {("paired", True, 2), ("text_only", True, 2), ("paired", False, 2)}
    assert set(found.scores) == {*outcome(True).scores, "exact_small", "CIDEr_small"}
    small = Captioning(epochs=4).score(fitted, bench(True), {"unseen": "decoder"})
    assert found.scores["exact_small"] == small.scores["exact"]
    assert found.scores["exact_template"] == small.scores["exact_template"]
    assert found.details["captions"][""] != found.details["captions"]["_small"]
    assert set(found.details["captions"][""]) <= {f"{one} {two}" for one, two in PAIRS}
    assert task.stated()["language_model"]["model"] == place
    assert task.facts["language_model"]["model_sha256"] == task.stated()["language_model"][
        "model_sha256"]
    assert task.facts["lora"] == 2
    assert "may have read" in task.note
    chosen = task.calibrate(task.trial(fitted, bench(True)), bench(True))
    assert {"guidance", "guidance_small", "guidance_text_only"} <= set(chosen)


def worth_by_hand(parts):
    """Harmonic mean over parts of CIDEr-D, with rare words that few items of both have."""
    scores = metrics.cider_d_scores([text for texts, _ in parts for text in texts],
                                    [of for _, each in parts for of in each])
    cut = len(parts[0][0])
    unseen, seen = scores[:cut].mean(), scores[cut:].mean()
    return 2 * unseen * seen / (unseen + seen)


def test_settings_are_chosen_where_no_caption_is_exact():
    """A caption with a word that is right is worth more than one without."""
    data = bench(False)
    said = {"test_unseen": len(data["test_unseen"]), "test_seen": len(data["test_seen"])}

    class Saying:
        def __init__(self, word):
            self.word = word

        def caption(self, samples, **settings):
            return [f"{of[0].split()[self.word]} thing" for of in data.said.of(samples)]

        def set_params(self, word):
            self.word = word

    class Silent(Saying):
        def caption(self, samples, **settings):
            return ["thing"] * len(samples)

    assert all(said.values())
    before = heard(Silent(0), data)
    assert before == (0, 0)
    value, after = best_value(Saying(0), before, "word", (0, 1), data)
    assert value == 1
    assert after.exact == 0
    texts = [(Saying(1).caption(data[split]), data.said.of(data[split])) for split in said]
    assert after.worth == pytest.approx(worth_by_hand(texts))


def test_the_decoder_stands_beside_names_that_are_captions():
    data, task = bench(False), Captioning(epochs=2)
    fitted = models.RidgeMap().fit(data["train"])
    found = task.score(fitted, data, {"unseen": "name"})
    assert found.scores["exact_decoder"] == outcome(False).scores["exact"]
    assert found.scores["CIDEr_decoder"] == outcome(False).scores["CIDEr"]
    assert found.details["captions"][""] != outcome(False).details["captions"][""]
    assert "exact_decoder" not in outcome(False).scores
    for end in ("", "_text_only"):                         # where nothing could be chosen
        assert task.captioner(fitted, None, end=end).unseen == "name"
    assert found.scores["exact_text_only"] == outcome(False).scores["exact_text_only"]


def test_names_overrule_sight_where_validation_says_so():
    """Choosing trains both, and keeps the one whose captions are worth more."""
    made = []

    class Noted(OneCaptioner):
        def _captioner(self, *of):
            made.append(super()._captioner(*of))
            return made[-1]

    data = bench(False, noise=1.2)
    fitted = models.RidgeMap().fit(data["train"])
    chosen = Noted(epochs=30).trial(fitted, data).details["chosen"]
    assert [captioner.misled for captioner in made] == list(MISLED)
    found = {captioner.misled: worth_by_hand(
        [(captioner.set_params(guidance=0, unseen="decoder").caption(data[split], repeats=0),
          data.said.of(data[split])) for split in ("test_unseen", "test_seen")])
        for captioner in made}
    assert chosen["misled"] == max(found, key=found.get)
    assert len({round(value, 6) for value in found.values()}) == len(MISLED)


def test_a_language_model_that_cannot_speak_is_refused_before_anything_is_fitted(tmp_path):
    task = Captioning(language_model=str(tmp_path / "none"))
    complaint(lambda: evaluate(models.RidgeMap(), bench(True), task=task), "language_model:",
              "there is no such folder")
    complaint(lambda: Captioning(lora=4), "lora: got 4 and no language model")
    complaint(lambda: Captioning(language_model="gpt2", lora=-1), "lora: got -1")


@pytest.mark.parametrize("task", [Captioning, VQA])
def test_options_out_of_range_are_refused(task):
    for given in ({"epochs": 0}, {"epochs": 2.5}, {"inputs": "sound"}):
        (name, value), = given.items()
        with pytest.raises(ValueError, match=f"^{name}: got {value!r} for {task.name}; give "):
            task(**given)


def test_the_command_takes_a_language_model_for_captions_alone():
    run = ["run", "ridge_map", "--data", "synthetic", "--language-model", "gpt2"]
    complaint(lambda: CliRunner().invoke(app, run, catch_exceptions=False),
              "language_model: got gpt2 for transfer; it is an option of caption")
    complaint(lambda: CliRunner().invoke(app, [*run[:4], "--lora", "4"], catch_exceptions=False),
              "lora: got 4 for transfer; it is an option of caption")
