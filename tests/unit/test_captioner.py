"""Captions: the decoder and its cache, ways of decoding, words, names, and the task as a whole."""

import itertools
import math
import re
from copy import copy, deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from shapes import drawings_elsewhere

from crossalign import models
from crossalign.networks import CaptionDecoder
from crossalign.preprocessing.scaling import fit_within
from crossalign.tasks import Captioner, ZeroShot, decoding
from crossalign.tasks.caption_names import rank_shares, with_truth, wrong_classes
from crossalign.tasks.caption_speaker import spoken
from crossalign.tasks.caption_words import END, START, CaptionWords
from crossalign.tasks.input_rows import fit_inputs, scaled_inputs
from crossalign.tasks.modality_gap import noise_for, projected, standardise
from crossalign.tasks.store import load_task
from crossalign.types import Classes, Views

COLOURS, ANIMALS = ("red", "blue", "green", "white"), ("cat", "dog", "bird", "fish")
PAIRS = list(itertools.product(COLOURS, ANIMALS))
SEEN = np.array([(i + j) % 4 != 0 for i in range(4) for j in range(4)])
SIDE = np.array([[colour == x for x in COLOURS] + [animal == x for x in ANIMALS]
                 for colour, animal in PAIRS], dtype=np.float32)
CLASSES = Classes(SIDE, SEEN, tuple(" ".join(pair) for pair in PAIRS))


def samples(kept, n, seed=0):
    """Pictures that show both parts of their class, and texts of it."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.flatnonzero(kept), n)
    view = np.random.default_rng(9).standard_normal((8, 12))
    return Views({"image": SIDE[labels] @ view + 0.1 * rng.standard_normal((len(labels), 12)),
                  "text": SIDE[labels] + 0.01 * rng.standard_normal((len(labels), 8))}, labels)


TRAIN, TEST = samples(SEEN, 20), samples(~SEEN, 5, 1)


def said(views):
    return [(f"a {CLASSES.names[c]}",) for c in views.truth]


@cache
def parts():
    model = models.RidgeMap().fit(TRAIN)
    of_classes = models.RidgeMap().fit(TRAIN.select("image"), classes=CLASSES)
    return model, ZeroShot(of_classes).fit(TRAIN.select("image"), CLASSES)


@cache
def captioner(route="paired", named=True, epochs=20):
    model, head = parts()
    return Captioner(model, head if named else None, route, width=32, layers=1, epochs=epochs,
                     batch_size=16, random_state=3).fit(TRAIN, said(TRAIN))


def small_decoder(layers=2):
    torch.manual_seed(0)
    return CaptionDecoder(12, 5, width=8, heads=2, layers=layers, prefix=2, longest=6, ranks=2,
                          spelt=3, dropout=0.0).eval()


def test_a_cached_decoder_says_what_one_without_a_cache_says():
    decoder = small_decoder()
    codes, text = torch.randn(4, 5), torch.randint(1, 12, (4, 5))
    names = torch.randint(0, 12, (4, 2, 3))
    sight = torch.tensor([True, False, True, True])
    whole = decoder(codes, sight, names, text)
    state = decoder.start(names)
    steps = [decoder.say(state, decoder.tokens(codes, sight), text[:, :1])[:, -1]]
    steps += [decoder.say(state, None, text[:, t:t + 1])[:, -1] for t in range(1, 5)]
    torch.testing.assert_close(torch.stack(steps, dim=1), whole)
    torch.testing.assert_close(whole.exp().sum(dim=2), torch.ones(4, 5), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(whole[0], decoder(codes + 1, sight, names, text)[0])
    torch.testing.assert_close(whole[1], decoder(codes + 1, sight, names, text)[1])  # without sight


def test_later_words_do_not_change_earlier_ones():
    decoder = small_decoder()
    names, sight = torch.randint(0, 12, (1, 2, 3)), torch.ones(1, dtype=torch.bool)
    text = torch.randint(1, 12, (1, 5))
    other = text.clone()
    other[0, 3:] = 11 - text[0, 3:] % 11
    codes = torch.randn(1, 5)
    first, second = decoder(codes, sight, names, text), decoder(codes, sight, names, other)
    torch.testing.assert_close(first[:, :3], second[:, :3])
    assert not torch.allclose(first[:, 3:], second[:, 3:])


class Chain:
    """A toy that says words by a table of the last word, for n texts."""

    def __init__(self, n=2, words=3, seed=0):
        draws = torch.Generator().manual_seed(seed)
        self.table = torch.randn((n, words + 1, words), generator=draws).log_softmax(dim=2)
        self.of, self.last = torch.arange(n), torch.full((n,), words)

    def first(self):
        return self.table[self.of, self.last]

    def next(self, words):
        self.last = words
        return self.first()

    def keep(self, rows):
        self.of, self.last = self.of[rows], self.last[rows]


def every(chain, text, longest):
    """Return the log-probabilities of all texts of words 1, 2, ... with the end, word 0."""
    words = chain.table.shape[2]
    found = {}
    for size in range(longest + 1):
        for body in itertools.product(range(1, words), repeat=size):
            last, total = words, 0.0
            for word in (*body, 0):
                total += float(chain.table[text, last, word])
                last = word
            found[body] = total
    return found


@pytest.mark.parametrize("length", [0.0, 0.7])
def test_a_beam_as_wide_as_all_beginnings_is_exhaustive_search(length):
    for seed in range(5):
        found = decoding.beam(Chain(seed=seed), decoding.Limits(0, 4), width=2**4, length=length)
        for text in range(2):
            whole = every(Chain(seed=seed), text, 4)
            best = max(whole, key=lambda body: whole[body] / (len(body) + 1) ** length)
            assert tuple(found[text]) == best


def test_greedy_is_the_likeliest_word_again_and_again():
    for seed in range(5):
        found = decoding.greedy(Chain(seed=seed), decoding.Limits(0, 4))
        for text in range(2):
            chain, last, body = Chain(seed=seed), 3, []
            while len(body) < 4:
                last = int(chain.table[text, last].argmax())
                if last == 0:
                    break
                body.append(last)
            assert found[text] == body
    drawn = decoding.nucleus(Chain(seed=1), decoding.Limits(0, 4),
                             torch.Generator().manual_seed(0), share=1e-6)
    assert drawn == decoding.greedy(Chain(seed=1), decoding.Limits(0, 4))


def test_limits_of_length_and_repetition_hold():
    for seed in range(5):
        limits = decoding.Limits(0, 6, shortest=3, repeats=2)
        for texts in (decoding.greedy(Chain(words=4, seed=seed), limits),
                      decoding.beam(Chain(words=4, seed=seed), limits, 3),
                      decoding.nucleus(Chain(words=4, seed=seed), limits,
                                       torch.Generator().manual_seed(seed))):
            for text in texts:
                assert 3 <= len(text) <= 6
                runs = list(itertools.pairwise(text))
                assert len(set(runs)) == len(runs)


def test_a_text_ends_at_its_limit_even_if_its_speaker_would_not():
    limits = decoding.Limits(0, 2)
    table = torch.tensor([float("-inf"), math.log(0.5), math.log(0.5)]).expand(1, 4, 3)

    def chain():
        found = Chain(1)
        found.table = table
        return found

    for texts in (decoding.greedy(chain(), limits), decoding.beam(chain(), limits, 2),
                  decoding.nucleus(chain(), limits, torch.Generator().manual_seed(0))):
        assert len(texts[0]) == 2
        assert 0 not in texts[0]


def test_a_text_that_no_word_may_follow_ends_by_every_way():
    def chain():
        return Chain(words=3, seed=1)

    limits = decoding.Limits(0, 9, shortest=8, repeats=1)             # of words 1 and 2 alone
    draws = torch.Generator().manual_seed(0)
    for said in (decoding.greedy(chain(), limits), decoding.beam(chain(), limits),
                 decoding.nucleus(chain(), limits, draws)):
        assert [sorted(text) for text in said] == [[1, 2], [1, 2]]


def test_a_nucleus_of_no_share_is_the_likeliest_word():
    limits = decoding.Limits(0, 4)
    assert decoding.nucleus(Chain(), limits, torch.Generator().manual_seed(0), share=0.0) == \
        decoding.greedy(Chain(), limits)


def test_guidance_that_leaves_no_word_ends_a_caption_by_every_way():
    one = copy(captioner()).set_params(guidance=3.0, repeats=1)
    said_ = one.caption(TEST, shortest=8)
    assert all(said_)
    assert not any(np.diff([sorted(text.split()).count("a") for text in said_]))
    assert all(one.caption(TEST, "beam", shortest=8))
    assert all(one.caption(TEST, "nucleus", generator=torch.Generator().manual_seed(0), shortest=8))


def test_the_nucleus_draws_by_the_seed_and_never_what_is_unlikely():
    limits = decoding.Limits(0, 1)
    table = torch.tensor([0.1, 0.6, 0.3]).log().expand(1, 4, 3)
    counts = {1: 0, 2: 0}
    for seed in range(200):
        chain = Chain(1)
        chain.table = table
        (text,) = decoding.nucleus(chain, limits, torch.Generator().manual_seed(seed), share=0.85)
        counts[text[0]] += 1
    assert abs(counts[1] / 200 - 2 / 3) < 0.1


def test_words_are_numbers_and_what_is_unknown_is_spelt():
    words = CaptionWords.of(["A red cat.", "a blue dog"])
    assert words.words == ["a", "blue", "cat", "dog", "red"]
    for text in ("a red cat", "a žluťoučký cat", "日本語", ""):
        assert words.text([*words.numbers(text), END, *words.numbers("dog")]) == text
    assert words.rows(["a red"], 4).tolist() == [[*words.numbers("a red"), 0, 0]]


def test_names_of_training_are_wrong_as_often_as_told():
    scores = np.array([[0.9, 0.5, 0.1, 0.7]]).repeat(4000, axis=0)
    labels, seen = np.zeros(4000, dtype=int), np.array([True, True, True, False])
    wrong = wrong_classes(scores, labels, seen, 3)
    assert wrong[0].tolist() == [1, 2, -1]
    truth = with_truth(wrong, labels, np.array([0.6, 0.2, 0.0]), np.random.default_rng(0))
    shares = rank_shares(truth, labels)
    assert shares[0] == pytest.approx(0.75, abs=0.03)
    assert shares[1:] == [pytest.approx(0.25, abs=0.03), 0.0]
    assert {tuple(row) for row in truth.tolist()} == {(0, 1, 2), (1, 0, 2)}


def test_noise_has_the_cosine_that_was_asked_for():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((500, 400)) * 3 + 1
    rows = standardise(rows, fit_within(rows, one_unit=True))
    noisy = rows + noise_for(0.6, 400) * rng.standard_normal(rows.shape)
    cosines = (rows * noisy).sum(axis=1) / np.linalg.norm(noisy, axis=1)
    assert cosines.mean() == pytest.approx(0.6, abs=0.01)
    near = projected(noisy.astype(np.float32), rows, 1e-3)
    assert ((near * rows).sum(axis=1) > 0.99).mean() > 0.95


@pytest.mark.parametrize("route", ["paired", "text_only"])
def test_combinations_never_captioned_are_said_as_often_as_they_are_recognised(route):
    found = captioner(route).caption(TEST)
    known = (parts()[1].predict(TEST.select("image")) == TEST.truth).mean()
    assert known > 0.7
    right = [text == of[0] for text, of in zip(found, said(TEST), strict=True)]
    assert np.mean(right) >= known


def test_a_saved_captioner_says_the_same(tmp_path):
    task = captioner()
    task.save(tmp_path / "captioner")
    loaded = load_task(tmp_path / "captioner")
    assert loaded.caption(TEST, "beam") == task.caption(TEST, "beam")
    assert loaded.caption(TEST["image"][:3]) == task.caption(TEST)[:3]


def test_the_seed_settles_training_and_draws():
    again = Captioner(**{**captioner().get_params(deep=False), "epochs": 2})
    first, second = (Captioner(**again.get_params(deep=False)).fit(TRAIN, said(TRAIN))
                     for _ in range(2))
    for one, other in zip(first.network_.parameters(), second.network_.parameters(), strict=True):
        assert torch.equal(one, other)
    drawn = [captioner().caption(TEST, "nucleus", generator=torch.Generator().manual_seed(5))
             for _ in range(2)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("inputs", ["codes", "features", "both"])
def test_the_decoder_reads_of_a_sample_what_it_is_told_to(inputs):
    model = captioner().model
    task = Captioner(model, width=32, layers=1, epochs=1, inputs=inputs).fit(TRAIN, said(TRAIN))
    code, features = np.asarray(model.embed(TEST["image"], "image")), np.asarray(TEST["image"])
    read = {"codes": [code], "features": [features], "both": [code, features]}[inputs]
    rows = np.concatenate(read, axis=1)
    low, high = (task.scaling_["shift"] + side * task.scaling_["farthest"] * task.scaling_["scale"]
                 for side in (-1, 1))
    rows = (np.clip(rows, low, high) - task.scaling_["shift"]) / task.scaling_["scale"]
    np.testing.assert_allclose(task._codes(TEST), rows, rtol=1e-4, atol=1e-4)


def test_features_count_alike_and_codes_as_much_as_they_vary():
    rows = np.random.default_rng(0).normal(size=(50, 2)) * [1e-2, 1]
    columns = scaled_inputs(blocks := {"codes": rows, "features": rows}, fit_inputs(blocks))
    np.testing.assert_allclose(columns.std(axis=0), [1e-2 / np.sqrt(0.25), 1, 1, 1], rtol=0.3)


def test_what_is_farther_than_all_training_rows_is_read_as_the_farthest():
    train = Views({"image": TRAIN["image"] * np.array([1e-2] + [1] * 11)}, TRAIN.labels)
    model = models.RidgeMap().fit(train, classes=CLASSES)
    task = Captioner(model, width=32, layers=1, epochs=1, inputs="features").fit(train, said(TRAIN))
    codes = task._codes(train)
    far, farther = (task._codes(Views({"image": np.asarray(train["image"]) + by})) for by in (
        np.eye(12)[0], 50 * np.eye(12)[0]))
    np.testing.assert_array_equal(far, farther)
    np.testing.assert_allclose(far[:, 0], np.abs(codes[:, 0]).max(), rtol=1e-6)
    np.testing.assert_array_equal(far[:, 1:], codes[:, 1:])


@pytest.mark.parametrize(("inputs", "least"), [("codes", 0.95), ("both", 0.8)])
def test_drawings_elsewhere_on_the_paper_than_those_of_training_are_captioned(inputs, least):
    """By columns of their own deviations these are at chance, see `drawings_elsewhere`."""
    codes, shapes = drawings_elsewhere(0)
    said = [[f"a {shape}"] for shape in shapes.tolist()]
    train = Views({"image": codes[:112]})
    model = models.get("dual_encoder")().fit(train)
    task = Captioner(model, inputs=inputs, width=32, layers=1).fit(train, said[:112])
    found = task.caption(Views({"image": codes[112:]}))
    assert np.mean([[text] == of for text, of in zip(found, said[112:], strict=True)]) > least


def test_a_cosine_of_zero_is_not_taken_for_none():
    with pytest.raises(ValueError, match=r"cosine: got 0\.0; give a number above 0"):
        Captioner(captioner().model, route="text_only", epochs=1, cosine=0.0).fit(
            TRAIN, said(TRAIN))


def test_captions_that_are_cut_are_told():
    model = captioner().model
    with pytest.warns(UserWarning, match="180 of 240 are longer than longest=2 words"):
        Captioner(model, width=8, heads=2, layers=1, epochs=1, longest=2).fit(
            TRAIN, [("a cat",) if i % 4 == 0 else of for i, of in enumerate(said(TRAIN))])


def test_a_caption_that_is_cut_is_not_learned_to_end():
    words = CaptionWords.of(["a red cat"])
    a, red, _ = words.numbers("a red cat")
    assert words.rows(["a red cat", "a red"], 2, ended=True).tolist() == [[a, red, 0],
                                                                         [a, red, END]]
    with pytest.warns(UserWarning, match="240 of 240 are longer than longest=2 words"):
        task = Captioner(captioner().model, width=16, heads=2, layers=1, epochs=4, longest=2).fit(
            TRAIN, said(TRAIN))
    said_so = decoding.greedy(task.speaker(TEST), decoding.Limits(END, 2))
    assert {len(numbers) for numbers in said_so} == {2}
    speaker = task.speaker(TEST)
    likeliest = speaker.first().argmax(dim=1)
    after = speaker.next(speaker.next(likeliest).argmax(dim=1))
    assert float(after.exp()[:, END].max()) < 0.5


def test_names_of_classes_are_whole_or_told():
    name = "an albatross with an exceptionally long tail of unheard-of words " + "x" * 20
    head = ZeroShot(parts()[1].model)
    long = Classes(SIDE, SEEN, (*CLASSES.names[:-1], name))
    head.fit(TRAIN.select("image"), long)
    short = {"width": 16, "heads": 2, "layers": 1, "epochs": 1}
    with pytest.warns(UserWarning, match="names of classes: 1 of 16 are longer than spelt=64 wo"):
        Captioner(captioner().model, head, **short).fit(TRAIN, said(TRAIN))
    task = Captioner(captioner().model, head, spelt=120, **short).fit(TRAIN, said(TRAIN))
    vocabulary = task._vocabulary
    assert [vocabulary.text(row) for row in task._name_rows(vocabulary)] == [
        *CLASSES.names[:-1], name.replace("-", " "), ""]


def test_samples_are_captioned_in_blocks_that_change_nothing():
    many = samples(SEEN, 23, 2)
    assert len(many) > captioner().block
    one = copy(captioner())
    one.block = len(many)
    assert captioner().caption(many) == one.caption(many)


def test_the_decoder_speaks_on_its_own_device():
    task = copy(captioner())
    task.network_ = deepcopy(captioner().network_).to("meta")
    for guidance in (0.0, 0.5):
        task.guidance = guidance
        speaker = task.speaker(TEST)
        words = speaker.first().argmax(dim=1)
        speaker.keep(torch.arange(len(TEST), device="meta"))
        assert speaker.next(words).device.type == "meta"


@pytest.mark.parametrize("head", [None, "recogniser"])
def test_samples_without_the_modality_are_neither_learned_from_nor_captioned(head):
    model, recogniser = parts()
    lacking = np.arange(len(TRAIN)) % 3 == 0
    part = Views({m: np.where(lacking[:, None], 0, TRAIN[m]) if m == "image" else TRAIN[m]
                  for m in TRAIN.modalities}, TRAIN.labels, present={"image": ~lacking})
    task = Captioner(model, head and recogniser, epochs=1)
    with pytest.raises(ValueError, match=f"X: {lacking.sum()} samples lack 'image'; leave them"):
        task.fit(part, said(TRAIN))
    task.fit(part.having("image"), [of for of, gone in zip(said(TRAIN), lacking, strict=True)
                                    if not gone])
    with pytest.raises(ValueError, match=f"X: {lacking.sum()} samples lack 'image'"):
        task.caption(part)


def test_from_texts_alone_pictures_and_texts_need_not_be_of_the_same_samples():
    model, _ = parts()
    pictures = np.arange(len(TRAIN)) % 2 == 0
    rows = {"image": pictures, "text": ~pictures}
    apart = Views({m: np.where(there[:, None], TRAIN[m], 0) for m, there in rows.items()},
                  TRAIN.labels, present=rows)
    captions = [of if there else () for of, there in zip(said(TRAIN), ~pictures, strict=True)]
    task = Captioner(model, route="text_only", epochs=1).fit(apart, captions)
    codes = fit_within(model.embed(TRAIN["image"][pictures], "image"), one_unit=True)
    for name, fitted in codes.items():
        np.testing.assert_allclose(task.scaling_[name], fitted, rtol=1e-5, atol=1e-6)
    told = Captioner(model, route="text_only", epochs=1).fit(TRAIN[~pictures], said(
        TRAIN[~pictures]))
    np.testing.assert_allclose(task.memory_, told.memory_, atol=1e-6)
    assert task._learned_codes(apart, np.flatnonzero(~pictures)).tolist() == (
        told._learned_codes(TRAIN[~pictures], np.arange((~pictures).sum())).tolist())
    with pytest.raises(ValueError, match="samples lack 'text'"):
        task.fit(apart, said(TRAIN))


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device"):
        Captioner(captioner().model, device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="device: got 'cuda' and torch finds no GPU"):
            Captioner(captioner().model, device="cuda", epochs=1).fit(TRAIN, said(TRAIN))


def test_features_are_not_read_where_texts_alone_are_learned_from():
    with pytest.raises(ValueError, match="inputs: got 'features' for vectors by the route 'text_"):
        Captioner(captioner().model, route="text_only", inputs="features").fit(TRAIN, said(TRAIN))


def test_a_guided_speaker_weighs_what_sight_adds():
    task = Captioner(**{**captioner().get_params(deep=False), "guidance": 0.0})
    for name in (*task.learned, "network_"):
        setattr(task, name, getattr(captioner(), name))
    plain = task.speaker(TEST).first()
    blind = small = task.network_
    names = torch.zeros(len(TEST), task.names, task.spelt, dtype=torch.long)
    state = blind.start(names)
    tokens = small.tokens(torch.from_numpy(task._codes(TEST)),
                          torch.zeros(len(TEST), dtype=torch.bool))
    habit = blind.say(state, tokens, torch.full((len(TEST), 1), START))[:, -1]
    task.guidance = 0.5
    guided = task.speaker(TEST).first()
    kept = torch.isfinite(guided) & (plain > plain.amax(dim=1, keepdim=True) - 2.3)
    expected = 1.5 * plain - 0.5 * habit
    shift = (guided - expected)[kept].detach()
    rows = kept.nonzero()[:, 0]
    for row in range(len(TEST)):
        of = shift[rows == row]
        torch.testing.assert_close(of, of[:1].expand_as(of), rtol=1e-3, atol=1e-3)


def test_guidance_chooses_among_words_even_if_a_sign_is_likeliest():
    sight = torch.tensor([[0.98, 0.015, 0.005]]).log()
    habit = torch.tensor([[0.4, 0.2, 0.4]]).log()
    found = spoken([sight.clone(), habit], 1.0, torch.zeros(1, 3, dtype=torch.bool), [0])
    guided = torch.tensor([0.015**2 / 0.2, 0.005**2 / 0.4])
    torch.testing.assert_close(found.exp()[0, 1:], guided / guided.sum())
    assert float(found[0, 0]) == float("-inf")


def test_what_does_not_fit_is_refused_with_the_way_out():
    model, head = parts()
    with pytest.raises(ValueError, match="not fitted; call fit"):
        Captioner(model, head).caption(TEST)
    with pytest.raises(ValueError, match="captions: got 1 for 240 samples"):
        Captioner(model).fit(TRAIN, [("a",)])
    with pytest.raises(ValueError, match="generator: got None"):
        captioner().caption(TEST, "nucleus")
    with pytest.raises(ValueError, match="longest: got 99; give a number of words from 1 to 32"):
        captioner().caption(TEST, longest=99)
    with pytest.raises(ValueError, match="route: got 'unpaired'"):
        Captioner(model, route="unpaired")


@pytest.mark.parametrize(("captions", "says"), [
    ([()] * len(TRAIN), "captions: got none of"),
    (["a cat"] * len(TRAIN), "captions: sample 0 has 'a cat'; give each sample a list of texts"),
    ([(7,)] * len(TRAIN), "captions: sample 0 has"),
    ([("a cat", " ")] * len(TRAIN), "a single one too, and none that is empty"),
    ([7] * len(TRAIN), "captions: sample 0 has 7")])
def test_captions_that_cannot_be_learned_are_a_sentence(captions, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        Captioner(parts()[0]).fit(TRAIN, captions)


@pytest.mark.parametrize(("asked", "says"), [
    ({"repeats": 1.5}, "repeats: got 1.5"), ({"repeats": -1}, "repeats: got -1"),
    ({"shortest": -1}, "shortest: got -1"), ({"length": float("nan")}, "length: got nan"),
    ({"longest": 1.5}, "longest: got 1.5")])
def test_limits_out_of_range_are_a_sentence(asked, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        captioner().caption(TEST, **asked)


@pytest.mark.parametrize("route", ["paired", "text_only"])
def test_a_sample_without_a_class_has_only_wrong_names_and_misleads_none(route):
    labels = TRAIN.truth.copy()
    labels[::3] = -1
    model, head = parts()
    task = Captioner(model, head, route, misled=1.0, random_state=3)
    task.modality_ = "image"
    rows = task._training_rows(TRAIN.with_labels(labels), [""] * len(TRAIN), np.arange(len(TRAIN)))
    np.testing.assert_array_equal(rows.right[:len(TRAIN)][::3], rows.wrong[:len(TRAIN)][::3])
    assert (rows.right >= 0).all()
    assert set(rows.wrong[:len(TRAIN)][::3, 0].tolist()) != {int(np.flatnonzero(SEEN)[-1])}
    assert 0 < rows.told.sum() <= (labels >= 0).sum()


@pytest.mark.parametrize(("labels", "says"), [
    (np.full(len(TRAIN), 99), "labels: 99..99 outside the 16 classes"),
    (np.ones((len(TRAIN), 16), dtype=bool), "labels: shape")])
def test_labels_of_foreign_or_several_classes_are_a_sentence(labels, says):
    model, head = parts()
    with pytest.raises(ValueError, match=re.escape(says)):
        Captioner(model, head).fit(TRAIN.with_labels(labels), said(TRAIN))


def test_the_loss_is_the_cross_entropy_of_the_log_probabilities():
    """Also of names that share words, whose words the text has, and of texts without any name."""
    torch.manual_seed(0)
    decoder = CaptionDecoder(words=30, inputs=5, width=16, heads=2, layers=2, longest=8, ranks=3,
                             spelt=4, dropout=0.0).double()
    with torch.no_grad():
        for weight in decoder.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    codes, sighted = torch.randn(6, 5).double(), torch.arange(6) % 3 > 0
    names = torch.randint(1, 12, (6, 3, 4))
    names[:, 2, 2:] = 0
    names[5] = 0
    text, wanted = torch.randint(0, 12, (6, 7)), torch.randint(0, 12, (6, 7))
    for smoothing in (0.0, 0.1, 1.0):
        said = decoder(codes, sighted, names, text)
        naive = torch.stack([torch.stack([
            -(1 - smoothing) * said[i, j, wanted[i, j]] - smoothing * said[i, j].sum() / 30
            if wanted[i, j] else torch.tensor(0.0).double() for j in range(7)]) for i in range(6)])
        found = decoder.losses(codes, sighted, names, text, wanted, smoothing)
        torch.testing.assert_close(found, naive, rtol=1e-9, atol=1e-9)
        own, other = (torch.autograd.grad(loss.square().sum(), list(decoder.parameters()))
                      for loss in (naive, found))
        for one, two in zip(own, other, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-7, atol=1e-7)


def by_name(**settings):
    return copy(captioner()).set_params(unseen="name", **settings)


def test_names_are_the_captions_of_samples_recognised_as_unseen():
    both = Views({"image": np.concatenate([TRAIN["image"][::20], TEST["image"][::5]])})
    head = parts()[1]
    found = head.calibrated(head.decision_function(both)).argmax(axis=1)
    assert 0 < SEEN[found].sum() < len(both)
    for way in ("greedy", "beam"):
        own = captioner().caption(both, way)
        assert by_name().caption(both, way) == [
            text if SEEN[c] else CLASSES.names[c] for text, c in zip(own, found, strict=True)]
        assert by_name().caption(both[SEEN[found]], way) == [
            text for text, c in zip(own, found, strict=True) if SEEN[c]]


def test_names_keep_to_limits_and_grammar():
    own = captioner().caption(TEST, longest=1)
    assert by_name().caption(TEST, longest=1) == own                       # names have two words
    assert by_name().caption(TEST, shortest=3) == captioner().caption(TEST, shortest=3)
    phrases = [["a"], ["red cat", "white bird"]]
    held = captioner().caption(TEST, parts=phrases)
    assert by_name().caption(TEST, parts=phrases) == held
    called = [text in CLASSES.names for text in by_name().caption(TEST)]
    assert sum(called) > 5
    assert [text for text, of in zip(by_name().caption(TEST, parts=phrases, named=True), called,
                                     strict=True) if of] == \
        [text for text, of in zip(by_name().caption(TEST), called, strict=True) if of]
    nobody = by_name(recogniser=None)
    assert nobody.caption(TEST) == copy(captioner()).set_params(recogniser=None).caption(TEST)


def test_what_a_name_rests_on_is_the_recogniser():
    head, name = parts()[1], CLASSES.names[int(TEST.labels[0])]
    scores = head.calibrated(head.decision_function(TEST)).astype(float)
    share = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    share = share[:, TEST.labels[0]]
    np.testing.assert_allclose(by_name().log_odds(TEST, name), np.log(share / (1 - share)),
                               rtol=1e-4, atol=1e-4)
    for text in (f"a {name}", CLASSES.names[int(TRAIN.labels[0])]):        # said by the decoder
        np.testing.assert_array_equal(by_name().log_odds(TEST, text),
                                      captioner().log_odds(TEST, text))
