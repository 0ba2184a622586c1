"""A captioner whose decoder is a language model: it learns, says, is kept, and refuses."""

import shutil

import numpy as np
import pytest
import torch
from complaints import complaint

transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")

from small_language import KINDS, ROOM, byte_level, language_model, taught  # noqa: E402
from tokenizers import normalizers  # noqa: E402

from crossalign import models  # noqa: E402
from crossalign.tasks import Fitted, LanguageCaptioner, ZeroShot  # noqa: E402
from crossalign.tasks.store import load_task  # noqa: E402
from crossalign.types import Classes, Views  # noqa: E402

NAMES = ("red cat", "blue dog", "green bird", "white fish")
SIDE = np.eye(4, dtype=np.float32)
CLASSES = Classes(SIDE, np.array([True, True, True, True]), NAMES)
SHOWN = np.random.default_rng(9).standard_normal((4, 8))


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(4), n)
    return Views({"image": SHOWN[labels] + 0.1 * rng.standard_normal((4 * n, 8)),
                  "text": SIDE[labels] + 0.01 * rng.standard_normal((4 * n, 4))}, labels)


TRAIN, TEST = samples(16), samples(20, 1)


def said(views):
    return [(f"a {NAMES[c]}",) for c in views.truth]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Language models that go on with one of the captions, of every kind."""
    return {kind: taught(tmp_path_factory.mktemp(kind), kind, [f" a {name}" for name in NAMES],
                         steps=100) for kind in KINDS}


@pytest.fixture(scope="module")
def parts():
    head = models.RidgeMap().fit(TRAIN.select("image"), classes=CLASSES)
    return models.CCA().fit(TRAIN), ZeroShot(head).fit(TRAIN.select("image"), CLASSES)


def captioner(parts, folder, lora, **params):
    settings = {"epochs": 15, "batch_size": 16, "lr": 1e-2, "prefix": 4, "longest": 12, **params}
    return LanguageCaptioner(parts[0], language_model=folder, lora=lora, **settings)


@pytest.fixture(scope="module")
def fitted(parts, folders):
    return captioner(parts, folders["gpt2"], 8, recogniser=parts[1], epochs=40).fit(
        TRAIN, said(TRAIN))


def loss(task, views):
    """The mean loss of a captioner's captions of views."""
    language = task._language
    text, there = map(torch.from_numpy, language.texts([of[0] for of in said(views)], 12))
    prompt, real = map(torch.from_numpy, language.prompts(task._names_of(task._ranked(views))))
    with torch.inference_mode():
        found = task.network_(torch.from_numpy(task._codes(views)),
                              torch.ones(len(views), dtype=torch.bool), prompt, real, text)
    return -float(found.gather(2, text[:, :, None])[:, :, 0][there].mean())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("route", ["paired", "text_only"])
def test_captions_of_four_classes_are_learned_word_by_word(kind, route, parts, folders):
    task = captioner(parts, folders[kind], 8, route=route, cosine=0.9).fit(TRAIN, said(TRAIN))
    assert len(TEST) > task.block
    assert task.caption(TEST) == [of[0] for of in said(TEST)]
    assert task.caption(TEST["image"][::20], "beam") == [f"a {name}" for name in NAMES]


def test_a_frozen_model_learns_its_prefix_alone(parts, folders):
    before = transformers.AutoModelForCausalLM.from_pretrained(folders["llama"]).state_dict()
    losses = []
    for lr in (1e-9, 1e-2):
        task = captioner(parts, folders["llama"], 0, lr=lr).fit(TRAIN, said(TRAIN))
        losses.append(loss(task, TEST))
        for name, weight in task.network_.language.state_dict().items():
            assert torch.equal(weight, before[name])
    assert losses[1] < 0.5 * losses[0]
    task = captioner(parts, folders["llama"], 4).fit(TRAIN, said(TRAIN))
    after = {name.replace(".base_layer", ""): weight
             for name, weight in task.network_.language.state_dict().items()
             if "lora_" not in name}
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_names_are_a_prompt_of_the_model_own_words(fitted, parts):
    assert fitted.caption(TEST) == [of[0] for of in said(TEST)]
    speaker = fitted.speaker(TEST)
    begun, language = speaker.sides[0], fitted._language
    for i, row in enumerate(fitted._ranked(TEST)[:3]):
        words = language._ids(", ".join(NAMES[c] for c in row) + ":")
        expected = torch.cat([speaker.decoder.embed(torch.tensor([words]))[0]])
        torch.testing.assert_close(begun.x[i, -len(words):], expected)
        assert int(begun.real[i].sum()) == fitted.prefix + len(words)
    blind = LanguageCaptioner(**{**fitted.get_params(deep=False), "recogniser": None})
    for name in (*fitted.learned, "network_", "_language"):
        setattr(blind, name, getattr(fitted, name))
    assert blind.speaker(TEST).sides[0].x.shape[1] == fitted.prefix
    assert not torch.allclose(blind.speaker(TEST).first(), fitted.speaker(TEST).first())


def test_the_seed_settles_training_and_draws(parts, folders):
    first, second = (captioner(parts, folders["opt"], 2, epochs=2).fit(TRAIN, said(TRAIN))
                     for _ in range(2))
    for one, other in zip(first.network_.learned().values(), second.network_.learned().values(),
                          strict=True):
        assert torch.equal(one, other)
    drawn = [first.caption(TEST, "nucleus", generator=torch.Generator().manual_seed(5))
             for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_a_folder_keeps_what_was_learned_and_not_the_model(fitted, tmp_path):
    folder = fitted.save(tmp_path / "captioner")
    loaded = load_task(folder)
    assert loaded.caption(TEST, "beam") == fitted.caption(TEST, "beam")
    assert loaded.language_ == fitted.language_
    (arrays,) = folder.glob("arrays-*.safetensors")
    from safetensors.numpy import load

    kept = [name for name in load(arrays.read_bytes()) if "network_" in name]
    assert len(kept) == len(fitted.network_.learned())
    assert all("lora_" in name or "read." in name or "blind" in name for name in kept)


def test_another_model_under_that_name_is_refused(parts, folders, tmp_path):
    place = tmp_path / "model"
    shutil.copytree(folders["gpt2"], place)
    task = captioner(parts, str(place), 2, epochs=1).fit(TRAIN, said(TRAIN))
    folder = task.save(tmp_path / "captioner")
    whole = Fitted(parts[0], captioner=task).save(tmp_path / "fitted")
    words = byte_level()
    words.backend_tokenizer.normalizer = normalizers.Lowercase()
    words.save_pretrained(place)
    complaint(lambda: load_task(folder).caption(TEST), "language_model:", "has another tokenizer")
    shutil.rmtree(place)
    language_model(place)
    for loaded in (load_task(folder), load_task(whole).captioner):
        complaint(lambda: loaded.caption(TEST), "language_model:",  # noqa: B023
                  "has another model than the captioner")
    shutil.rmtree(place)
    later = load_task(whole)
    complaint(lambda: later.captioner.caption(TEST), "language_model:", "is not on this machine")
    again = later.save(tmp_path / "again")                      # which needs no language model
    shutil.copytree(folders["gpt2"], place)
    for loaded in (later, load_task(again)):
        assert loaded.captioner.caption(TEST) == task.caption(TEST)


def test_a_loaded_captioner_opens_its_model_once_and_only_to_speak(fitted, tmp_path, monkeypatch):
    from crossalign.tasks import language_model as module

    folder, opened = fitted.save(tmp_path / "captioner"), []
    own = module.LanguageModel

    def counted(*args, **settings):
        opened.append(args)
        return own(*args, **settings)

    monkeypatch.setattr(module, "LanguageModel", counted)
    loaded = load_task(folder)
    loaded.save(tmp_path / "again")
    assert opened == []
    assert loaded.caption(TEST) == loaded.caption(TEST) == fitted.caption(TEST)
    assert len(opened) == 1


def test_what_was_learned_of_another_shape_is_refused_when_the_model_is_opened(fitted, tmp_path):
    loaded = load_task(fitted.save(tmp_path / "captioner"))
    loaded._kept["blind"] = loaded._kept["blind"][1:]
    for _ in range(2):
        complaint(lambda: loaded.caption(TEST), "language_model:", "does not fit it", "'blind'",
                  "train the captioner again")


def test_weights_of_another_shape_are_refused(fitted):
    weights = dict(fitted.network_.learned())
    weights["blind"] = weights["blind"][1:]
    with pytest.raises(ValueError, match="'blind' have the shape"):
        fitted.network_.restore(weights)


def test_what_does_not_fit_is_refused_before_training(fitted, parts, folders, tmp_path):
    complaint(lambda: captioner(parts, folders["gpt2"], 2).caption(TEST), "X:", "not fitted")
    complaint(lambda: captioner(parts, folders["gpt2"], -1), "lora: got -1")
    complaint(lambda: captioner(parts, None, 2), "language_model: got None")
    complaint(lambda: captioner(parts, str(tmp_path / "none"), 2).fit(TRAIN, said(TRAIN)),
              "language_model:", "there is no such folder")
    complaint(lambda: captioner(parts, folders["gpt2"], 2, longest=ROOM).fit(TRAIN, said(TRAIN)),
              "language_model:", f"reads {ROOM} tokens", "give a smaller longest")
    long = Classes(SIDE, CLASSES.seen, (*NAMES[:3], "white fish " * 40))
    head = ZeroShot(parts[1].model).fit(TRAIN.select("image"), long)
    complaint(lambda: captioner(parts, folders["gpt2"], 2, recogniser=head).fit(
        TRAIN, said(TRAIN)), "language_model:", "a prompt of", "fewer or shorter names")
    later = LanguageCaptioner(**{**fitted.get_params(deep=False), "recogniser": head})
    for name in (*fitted.learned, "network_", "_language"):
        setattr(later, name, getattr(fitted, name))
    complaint(lambda: later.caption(TEST), "language_model:", "a prompt of")


def test_captions_of_parts_are_held_to_them_in_tokens_of_the_model(fitted):
    lists = [["a"], ["red", "blue", ""], ["bird", "fish"]]
    allowed = {" ".join(filter(None, (one, two, three))) for one in lists[0] for two in lists[1]
               for three in lists[2]}
    for by in ("greedy", "beam"):
        assert set(fitted.caption(TEST, by, parts=lists)) <= allowed
    whole = [[f"a {name}" for name in NAMES]]
    assert fitted.caption(TEST, parts=whole) == fitted.caption(TEST)
    complaint(lambda: fitted.caption(TEST, parts=[["white fish"] * 3] * 9), "parts:", "shorter")
