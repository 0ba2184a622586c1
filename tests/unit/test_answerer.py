"""Answers to questions: targets and losses by loops, blindness by shuffling, unseen pairs."""

from __future__ import annotations

from collections import Counter
from copy import copy
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import small
import torch
from complaints import complaint
from shapes import drawings_elsewhere
from sklearn.linear_model import LogisticRegression

from crossalign import models
from crossalign.evaluation import evaluate, fit_for
from crossalign.evaluation.protocols.vqa import VQA, most_frequent
from crossalign.evaluation.selection import fit_on
from crossalign.metrics import vqa_accuracy
from crossalign.models.answer_network import soft_cross_entropy
from crossalign.preprocessing import apply_scaling, fit_scaling
from crossalign.space.answering import AnsweringSpace
from crossalign.space.spoken import chosen_settings
from crossalign.tasks import Answerer, Fitted
from crossalign.tasks.answer_calibration import (
    FEWEST,
    answer_calibration_error,
    answer_temperature,
)
from crossalign.tasks.answer_targets import frequent_answers, soft_targets
from crossalign.tasks.store import load_fitted
from crossalign.types import Questions, Views

BENCH = small.questions()
TRAIN, TEST, SAID = BENCH["train"], BENCH["test_unseen"], BENCH.said
MODEL = models.RidgeMap(alpha=1.0).fit(TRAIN, classes=BENCH.classes)


def learned(views=TRAIN, said=SAID, **params):
    return Answerer(MODEL, **{"epochs": 20, "hidden": 32, "batch_size": 32, **params}).fit(
        views, said)


def shuffled(views, seed=0):
    """Return the same ids with the pictures of others."""
    rows = np.random.default_rng(seed).permutation(len(views))
    return Views({"image": views["image"][rows]}, views.labels, ids=views.ids)


def weights(task):
    return {name: value.numpy() for name, value in task.network_.state_dict().items()
            if name != "pictures"}


@pytest.fixture(scope="module")
def task():
    return learned()


def test_targets_are_the_accuracies_that_a_loop_over_nine_of_ten_people_gives():
    rng = np.random.default_rng(0)
    given = [tuple(rng.choice(["yes", "no", "red", "two", "dog"], 10)) for _ in range(20)]
    known = frequent_answers(given, 4)
    counts = Counter(text for of in given for text in of)
    assert known.tolist() == sorted(counts, key=lambda t: (-counts[t], t))[:4]
    numbers, scores = soft_targets(given, known)
    for of, places, values in zip(given, numbers, scores, strict=True):
        right = {}
        for a, text in enumerate(known):
            nine = [min(part.count(text) / 3, 1) for part in combinations(of, 9)]
            if text in of:
                right[a] = np.mean(nine)
        found = {int(a): v for a, v in zip(places, values, strict=True) if a < len(known)}
        assert found == pytest.approx(right, abs=1e-6)
        assert (values[places == len(known)] == 0).all()


def test_spellings_of_letters_are_answers_of_their_own():
    known = frequent_answers([("A",), ("a",), ("a",)], 5)
    assert known.tolist() == ["a", "A"]
    assert soft_targets([("A",), ("b",)], known)[0].tolist() == [[1], [2]]


def test_the_loss_is_a_sum_over_answers_and_a_mean_over_questions():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((3, 4))
    numbers, scores = np.array([[0, 2], [3, 4], [4, 4]]), np.array([[0.3, 1], [0.6, 0], [0, 0]])
    total = 0.0
    for k in range(3):
        for a in range(4):
            target = sum(s for b, s in zip(numbers[k], scores[k], strict=True) if b == a)
            p = 1 / (1 + np.exp(-logits[k, a]))
            total -= target * np.log(p) + (1 - target) * np.log(1 - p)
    found = soft_cross_entropy(*map(torch.from_numpy, (logits, numbers, scores)))
    assert float(found) == pytest.approx(total / 3)


def test_what_hardly_varied_in_training_does_not_drown_the_rest():
    """One more feature, blank but for 1e-5 in training, is 0.1 in new pictures."""
    def wider(views, column):
        return Views({"image": np.column_stack([views["image"], column])}, views.labels,
                     ids=views.ids)

    train = wider(TRAIN, 1e-5 * np.random.default_rng(0).standard_normal(len(TRAIN)))
    model = models.RidgeMap().fit(train, classes=BENCH.classes)
    task = Answerer(model, inputs="features", epochs=20, hidden=32, batch_size=32).fit(train, SAID)
    asked = SAID.of(TEST)
    near, far = (task.decision_function(wider(TEST, np.full(len(TEST), value)), asked)
                 for value in (0.0, 0.1))
    assert np.abs(far).max() < 10 * np.abs(near).max()


def test_without_sight_pictures_change_nothing():
    blind, other = (learned(views, sees="question", epochs=3) for views in (TRAIN, shuffled(TRAIN)))
    for name, value in weights(blind).items():
        np.testing.assert_array_equal(value, weights(other)[name])
    asked = SAID.of(TEST)
    np.testing.assert_array_equal(blind.decision_function(TEST, asked),
                                  blind.decision_function(shuffled(TEST), asked))
    frequent = {text: Counter(a[0] for t, a in zip(SAID.texts, SAID.answers, strict=True)
                              if t == text) for text in set(asked.texts)}
    assert set(blind.predict(TEST, asked)) <= {answer for of in frequent.values() for answer in of}
    assert vqa_accuracy(blind.predict(TEST, asked).tolist(), asked.answers) < 0.5


def test_without_words_questions_change_nothing():
    mute = learned(sees="pictures", epochs=2)
    texts = ["Which shape?"] * len(TEST)
    np.testing.assert_array_equal(mute.decision_function(TEST, texts),
                                  mute.decision_function(TEST, ["colour?"] * len(TEST)))


def test_sight_answers_about_pairs_of_shape_and_colour_that_were_never_trained(task):
    asked = SAID.of(TEST)
    found = task.predict(TEST, asked)
    assert vqa_accuracy(found.tolist(), asked.answers) > 0.85
    two = [k for k, kind in enumerate(asked.types) if kind == "same colour"]
    assert vqa_accuracy(found[two].tolist(), asked.take(two).answers) > 0.85
    moved = task.predict(shuffled(TEST), asked)
    assert vqa_accuracy(moved.tolist(), asked.answers) < 0.7


def test_questions_are_asked_in_words_too(task):
    asked = SAID.of(TEST)
    right = task.decision_function(TEST, asked)
    by_rows = task.decision_function(TEST["image"], list(asked.texts), asked.rows(TEST))
    np.testing.assert_array_equal(by_rows, right)
    one = task.predict(TEST, ["Which colour?"] * len(TEST))
    of = [k for k, kind in enumerate(asked.types) if kind == "colour"]
    assert one.tolist() == task.predict(TEST, asked)[of].tolist()
    assert task.unknown_words("Which zebra, zebra or yak?") == ["zebra", "or", "yak"]
    p = task.predict_proba(TEST, asked)
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_columns_that_vary_little_in_training_do_not_drown_the_others_in_new_pictures(seed):
    """Oracle: logistic regression on the codes as they are, and with every column scaled."""
    codes, shapes = drawings_elsewhere(seed)
    train, test = codes[:112], codes[112:]

    def right(scaled):
        head = LogisticRegression(max_iter=5000).fit(scaled(train), shapes[:112])
        return head.score(scaled(test), shapes[112:])

    fitted = fit_scaling(train, "standard")
    assert right(np.asarray) > 0.9 > 0.8 > right(lambda x: apply_scaling(x, "standard", **fitted))
    views = Views({"image": codes}, ids=[str(k) for k in range(150)])
    said = Questions(("which shape?",) * 150, tuple((shape,) for shape in shapes.tolist()),
                     ("shape",) * 150, tuple((str(k),) for k in range(150)))
    model = models.get("dual_encoder")().fit(views[:112])
    task = Answerer(model, epochs=40).fit(views[:112], said)
    assert (task.predict(views[112:], said.texts[112:]) == shapes[112:]).mean() > 0.95


def test_a_seed_gives_the_same_answerer_and_another_another():
    first, again, other = (learned(epochs=2, random_state=seed) for seed in (0, 0, 1))
    for name, value in weights(first).items():
        np.testing.assert_array_equal(value, weights(again)[name])
    assert any((value != weights(other)[name]).any() for name, value in weights(first).items())


@pytest.mark.parametrize("inputs", ["features", "both"])
def test_features_are_read_where_it_is_asked(inputs, tmp_path):
    task = learned(inputs=inputs, epochs=2)
    width = {"features": 12, "both": 12 + MODEL.project(TEST["image"], "image").shape[1]}[inputs]
    assert len(task.scaling_["shift"]) == width
    again = Answerer.load(task.save(tmp_path / "task"))
    asked = SAID.of(TEST)
    np.testing.assert_array_equal(again.decision_function(TEST, asked),
                                  task.decision_function(TEST, asked))


def test_what_cannot_be_asked_or_learned_is_one_sentence(task):
    complaint(lambda: learned(said=SAID.take([])), "questions: none of them")
    complaint(lambda: learned(said=["a?"]), "questions: got", "give Questions")
    complaint(lambda: Answerer(MODEL, sees="nothing"), "sees: got 'nothing'")
    complaint(lambda: Answerer(MODEL).predict(TEST, SAID), "call fit(train, questions) first")
    complaint(lambda: task.predict(TEST[:1], [""]), "question: got ''; ask in words")
    complaint(lambda: task.predict(TEST[:1], [" ?! "][:0]), "questions: 0 for 1 pictures")
    complaint(lambda: task.predict(TEST[:1], "why?"), "questions: got 'why?'")
    complaint(lambda: task.predict(TEST[:2], ["why?"], [[0, 2]]), "rows: got")
    complaint(lambda: task.predict(TEST[:2], ["why?"], [0, 1]), "rows: got")
    complaint(lambda: learned(Views({"sound": TRAIN["image"]}, ids=TRAIN.ids)), "train: has",
              "the model reads")
    complaint(lambda: task.predict(Views({"sound": TEST["image"]}), ["why?"] * len(TEST)), "X: has")


def test_the_most_frequent_answer_of_a_type_is_that_of_a_count():
    train = Questions(("q",) * 5, (("no",), ("yes",), ("yes",), ("red",), ("blue",)),
                      ("a", "a", "a", "b", "b"), ((0,),) * 5)
    assert most_frequent(train, ["a", "b", "c"]) == ["yes", "blue", "yes"]


@pytest.fixture(scope="module")
def report():
    return evaluate(models.RidgeMap(alpha=1.0), BENCH, 2, task=VQA(epochs=20), tune=False)


def test_the_protocol_scores_sight_beside_words_and_pictures_alone(report):
    assert "dropout" in report.selection
    score = {name: value["mean"] for name, value in report.scores.items()}
    assert score["accuracy"] > score["accuracy_question_only"] + 0.25
    assert score["accuracy"] > score["accuracy_image_only"] + 0.25
    kinds = {name for name in score if name.startswith("accuracy[")}
    assert kinds == {"accuracy[shape]", "accuracy[colour]", "accuracy[same colour]"}
    asked = SAID.of(TEST)
    parts = Counter(asked.types)
    mean = sum(score[f"accuracy[{kind}]"] * n for kind, n in parts.items()) / len(asked)
    assert score["accuracy"] == pytest.approx(mean)
    by_class = report.per_class["accuracy"]
    mean = np.average(np.mean(by_class["runs"], axis=0), weights=by_class["weights"])
    assert score["accuracy"] == pytest.approx(mean, abs=1e-6)
    assert sum(by_class["weights"]) == len(asked)
    for base in ("accuracy", "accuracy_question_only"):
        for kind, n in parts.items():
            of_kind = report.per_class[f"{base}[{kind}]"]
            mean = np.average(np.mean(of_kind["runs"], axis=0), weights=of_kind["weights"])
            assert score[f"{base}[{kind}]"] == pytest.approx(mean, abs=1e-6)
            assert sum(of_kind["weights"]) == n


def test_every_run_draws_an_answerer_of_its_own():
    def runs(seeds, **options):
        report = evaluate(models.RidgeMap(alpha=1.0), BENCH, seeds, task=VQA(epochs=2, **options),
                          tune=False)
        return list(zip(*(score["runs"] for name, score in report.scores.items()
                          if not name.startswith("ECE")), strict=True))

    # the ridge map itself draws nothing; what validation chose is that of the first run
    first, second = runs(2)
    assert first != second
    assert runs([1]) == [second]
    assert runs([1], seed=0) == [first]


def test_where_no_class_is_unseen_the_headline_is_that_of_seen_ones():
    from dataclasses import replace

    splits = {name: BENCH[name] for name in ("train", "test_seen")}
    bench = replace(BENCH, splits=splits, validation_split=None)
    report = evaluate(models.RidgeMap(alpha=1.0), bench, task=VQA(epochs=2), tune=False)
    assert "accuracy_seen" not in report.scores
    assert "accuracy" in report.scores


def test_options_of_no_sense_are_one_sentence():
    complaint(lambda: VQA(inputs="sound"), "inputs: got 'sound'")
    complaint(lambda: VQA(epochs=0), "epochs: got 0")
    complaint(lambda: fit_for(models.ESZSL(), BENCH), "does not embed samples, which vqa needs")


PIXELS = [np.full((4, 4), value, np.uint8) for value in range(3)]


def asking(answerer, rows):
    """A space of which only the reading of pictures is made up: picture k has row k."""
    space = object.__new__(AnsweringSpace)
    space.fitted = Fitted(MODEL, answerer=answerer)
    space.readers = SimpleNamespace(
        of_pictures=lambda given: rows[[int(x[0, 0]) for x in given]], frames=None)
    return space


def test_a_space_answers_about_one_picture_or_two_as_its_answerer_does(task, tmp_path):
    space, asked = asking(task, TEST["image"]), SAID.of(TEST)
    one = space.ask(PIXELS[0], "which colour is it?", k=2)
    right = task.predict_proba(TEST[:1], ["which colour"])[0]
    assert one.answers == task.answers_[np.argsort(-right)[:2]].tolist()
    assert one.accuracies == pytest.approx(np.sort(right)[::-1][:2].tolist())
    assert one.unknown == ["is", "it"]
    text = next(t for t, kind in zip(asked.texts, asked.types, strict=True)
                if kind == "same colour")
    two = space.ask(PIXELS[:2], text, k=1)
    assert two.answers == task.predict(TEST, [text], [[0, 1]]).tolist()
    folder = space.fitted.save(tmp_path / "fitted")
    assert len(list(folder.glob("model-*"))) == 1              # the answerer's is the same
    space.fitted = load_fitted(folder)
    assert space.ask(PIXELS[:2], text, k=1) == two


def test_what_a_space_cannot_be_asked_is_one_sentence(task):
    space = asking(task, TEST["image"])
    complaint(lambda: space.ask(PIXELS[0], " "), "question: got ' '; ask in words")
    complaint(lambda: space.ask(PIXELS[0], "zebra?"), "question: got 'zebra?'", "in training")
    complaint(lambda: space.ask(PIXELS, "which colour?"), "items: got 3", "a first and a second")
    complaint(lambda: space.ask("a text", "which colour?"), "items: got 'a text', a text; give",
              "pathlib.Path")
    complaint(lambda: asking(None, TEST["image"]).ask(PIXELS[0], "which colour?"),
              "question: this space was taught no answers", "--questions")
    complaint(lambda: space.ask(PIXELS[0], "which colour? " * 10_000), "question: got",
              "100,000 characters at most")
    complaint(lambda: space.ask(PIXELS[0], "do both have the same colour?"), "items: got 1",
              "are about two pictures")
    complaint(lambda: space.ask(PIXELS[:2], "which shape?"), "items: got 2", "about one picture")


def test_words_tell_how_many_pictures_a_question_is_about(task):
    for text, numbers in (("which shape?", [1]), ("the same colour?", [2]), ("colour?", [1, 2]),
                          ("which have the same colour?", [1, 2]), ("zebra", [1, 2])):
        about = [{len(of) for t, of in zip(SAID.texts, SAID.pictures, strict=True)
                  if word in t.lower()} for word in text.rstrip("?").split()]
        alone = set().union(*(of for of in about if len(of) == 1))
        assert task.numbers_of_pictures(text) == numbers == sorted(
            alone if len(alone) == 1 else {1, 2})


class Says:
    """An answerer of given logits, with a temperature if there is one."""

    answers_ = np.array(["a", "b", "c"], dtype=object)

    def __init__(self, logits):
        self.logits = logits

    def decision_function(self, X, questions, rows=None):
        return self.logits


def drawn_answers(n, heat, seed=0):
    """Logits, and answers drawn from their softmax at a temperature."""
    rng = np.random.default_rng(seed)
    logits = 5 * rng.standard_normal((n, 3))
    shares = np.exp(logits / heat) / np.exp(logits / heat).sum(axis=1, keepdims=True)
    answers = [(str(rng.choice(Says.answers_, p=row)),) for row in shares]
    return logits, Questions(("q",) * n, tuple(answers), ("t",) * n, ((0,),) * n)


def test_a_temperature_is_found_again_and_makes_the_calibration_error_small():
    logits, asked = drawn_answers(4000, 3.0)
    says = Says(logits)
    heat = answer_temperature(says, None, asked)
    assert heat == pytest.approx(3, rel=0.1)
    right = np.array([of[0] for of in asked.answers]) == Says.answers_[logits.argmax(axis=1)]
    shares = {t: np.exp(logits / t) / np.exp(logits / t).sum(axis=1, keepdims=True)
              for t in (1.0, heat)}
    found = {}
    for t, of in shares.items():
        says.predict_proba = lambda X, questions, of=of: of
        found[t] = answer_calibration_error(says, None, asked)
        assert found[t] >= abs(of.max(axis=1).mean() - right.mean()) - 1e-12
    assert found[heat] < 0.03 < 0.1 < found[1.0]


def test_of_several_people_the_most_count_and_of_few_questions_nothing_is_said():
    logits, asked = drawn_answers(FEWEST, 1.0)
    whole = answer_temperature(Says(logits), None, asked)
    assert answer_temperature(Says(logits), None, Questions(
        asked.texts, tuple((*of * 3, "zebra", "zebra") for of in asked.answers), asked.types,
        asked.pictures)) == whole
    unknown = Questions(asked.texts, (("zebra",), *asked.answers[1:]), asked.types, asked.pictures)
    assert answer_temperature(Says(logits), None, unknown) is None
    sure = Questions(asked.texts, tuple((text,) for text in Says.answers_[logits.argmax(axis=1)]),
                     asked.types, asked.pictures)
    assert answer_temperature(Says(logits), None, sure) == pytest.approx(1, abs=1e-3)
    worst = Questions(asked.texts, tuple((text,) for text in Says.answers_[logits.argmin(axis=1)]),
                      asked.types, asked.pictures)
    assert answer_temperature(Says(100 * logits), None, worst) is None


def test_shares_of_a_calibrated_answerer_are_its_softmax_and_of_any_other_its_accuracies(task):
    asked = SAID.of(TEST)
    logits = task.decision_function(TEST, asked).astype(float)
    np.testing.assert_allclose(task.predict_proba(TEST, asked), 1 / (1 + np.exp(-logits)),
                               atol=1e-6)
    warm = copy(task)
    warm.temperature = 2.0
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(warm.predict_proba(TEST, asked), expected, atol=1e-6)


def test_the_protocol_calibrates_on_validation_and_scores_before_and_after(report):
    assert "temperature" in report.selection
    fitted = fit_for(models.RidgeMap(alpha=1.0), BENCH, task=VQA(epochs=20), tune=False)
    outcome = VQA(epochs=20).score(fitted.model, BENCH, fitted.settings)
    answerer, asked = outcome.details["answerer"], SAID.of(TEST)
    assert answerer.temperature == fitted.settings["temperature"]
    assert outcome.scores["ECE"] == answer_calibration_error(answerer, TEST, asked)
    answerer.temperature = None
    assert outcome.scores["ECE_uncalibrated"] == answer_calibration_error(answerer, TEST, asked)
    bare = VQA(epochs=2).score(fitted.model, BENCH)
    assert not {"ECE", "ECE_seen"} & set(bare.scores)


def test_a_space_of_another_task_has_its_answers_chosen_on_validation():
    lines, task = [], VQA()
    chosen = chosen_settings(task, MODEL, BENCH, SAID, "questions", lines.append)
    part = replace(BENCH.validation(), said=SAID)
    fitted = fit_on(models.RidgeMap(alpha=1.0), part, task)
    assert chosen == dict(task.trial(fitted, part).details["chosen"])
    assert {"dropout", "temperature"} == set(chosen)
    assert lines == ["choosing settings by questions of validation pictures"]
    answerer = task.answerer(MODEL, chosen)
    assert {name: getattr(answerer, name) for name in chosen} == chosen
    bare = replace(BENCH, validation_split=None)
    assert chosen_settings(task, MODEL, bare, SAID, "questions", lines.append) == {}


def test_few_questions_choose_no_answers():
    part = BENCH.validation()
    assert set(VQA().asked(part, SAID).splits) == {"train", "test_unseen"}
    few = [number for number in range(len(SAID)) if number % 20 == 0]
    assert VQA().asked(part, SAID.take(few)) is None
    queries = part["test_unseen"][np.arange(5)], part["test_unseen"][np.arange(5, 10)]
    pairs = {"train": part["train"], "query": queries[0], "gallery": queries[1]}
    assert VQA().asked(replace(part, task="retrieval", splits=pairs), SAID) is None
    assert VQA().describe({}).startswith("dropout 0.2 of the answerer and answers that are not")


def test_log_odds_are_those_of_shares_and_go_on_where_these_are_one(task):
    asked = SAID.of(TEST)
    for heat in (None, 2.0, 1e-3):
        told = copy(task)
        told.temperature = heat
        shares = told.predict_proba(TEST, asked)
        for column, answer in enumerate(told.answers_):
            found = told.log_odds(TEST, asked, answer)
            assert np.isfinite(found).all()
            p = shares[:, column]
            inner = (p > 1e-3) & (p < 1 - 1e-3)
            np.testing.assert_allclose(found[inner], np.log(p[inner] / (1 - p[inner])), atol=1e-5)
            assert ((found > 0) == (p > 0.5)).all()
    complaint(lambda: task.log_odds(TEST, asked, "zebra"), "answer: got 'zebra'", "answers_")
