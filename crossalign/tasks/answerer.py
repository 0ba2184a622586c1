"""Answers to questions about one picture or two, from the codes of an aligner.

The aligner stays as it is: a small network over its codes learns to answer (`models.answer_network`
says how). What it does not see can be chosen, so that an answer from the words alone is measured
by the same network.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_expit, log_softmax
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.devices import DEVICES
from crossalign.models.answer_network import AnswerNetwork
from crossalign.models.ranges import BATCH, COUNT, RATE, SEED, SIZE, Having, check_values
from crossalign.sentences import short
from crossalign.tasks.answer_targets import frequent_answers, soft_targets
from crossalign.tasks.base import Task, task_samples
from crossalign.tasks.input_rows import Blocks, fit_inputs, input_blocks, scaled_inputs
from crossalign.tasks.inputs import INPUTS
from crossalign.tasks.log_odds import log_odds
from crossalign.training import (
    Callback,
    Cosine,
    Group,
    Player,
    Shuffle,
    TensorData,
    enough_epochs,
    train,
)
from crossalign.types import Questions, Views
from crossalign.words import words_of

Array = npt.NDArray[Any]
ALIGNER = Having("project", words="a fitted aligner, as models.CCA().fit(X) is")
RANGES: dict[str, Any] = {
    "model": [ALIGNER], "inputs": [StrOptions(set(INPUTS))],
    "sees": [StrOptions({"both", "question", "pictures"})],
    "most": [Interval(Integral, 1, 10**6, closed="both")], "hidden": [SIZE],
    "dropout": [Interval(Real, 0, 1, closed="left")], "epochs": [COUNT, None],
    "batch_size": [BATCH], "lr": [RATE], "device": [StrOptions(set(DEVICES))],
    "random_state": [SEED], "temperature": [RATE, None]}
EPOCHS = 10
"""Least number of passes over the questions."""
BLOCK = 8192
"""Number of questions that are scored at once."""


class Answerer(Task):
    """Answer questions about one picture or two, in the space of an aligner.

    Parameters
    ----------
    model : fitted aligner
        Model whose codes are read. It is not changed.
    inputs : {"codes", "features", "both"}
        Input that is read of a picture: its code, the default; the features that the model reads,
        which is no use of the space; or both, side by side.
    sees : {"both", "question", "pictures"}
        Input that the network has; default ``"both"``. ``"question"`` answers without the pictures
        and ``"pictures"`` without the question: what guessing by the words, or by the picture,
        gives.
    most : int
        Largest number of answers, the most frequent in training; default 3000.
    hidden : int
        Width of the hidden layers; default 128.
    dropout : float
        Share of hidden units dropped in training; default 0.2.
    epochs : int, optional
        Number of passes over the questions; default 10, or as many as make enough batches, see
        `training.samplers.enough_epochs`.
    batch_size : int
        Number of questions in a batch; default 256.
    lr : float
        Learning rate of AdamW at the start, which falls to 0 as a cosine; default 3e-3.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default ``"auto"``, a GPU if there is one.
    random_state : int
        Seed of the weights and of the batches; default 0.
    temperature : float, optional
        Temperature of the softmax over answers that makes shares calibrated, as
        `answer_calibration.answer_temperature` finds it; default None, shares are not calibrated.

    Attributes
    ----------
    answers_ : (A,) strings
        Answers that can be given, the most frequent first.
    words_ : (W,) strings
        Words of the training questions. Any other is passed over.
    counts_ : (W, 2) bool
        Whether questions with each word were about one picture, and about two.
    modality_ : str
        Modality of the pictures.
    history_ : mapping
        Mean loss in every epoch.

    Raises
    ------
    ValueError
        In `fit`: parameters out of range, no question about the samples, or a sample without the
        modality.
    """

    learned = MappingProxyType({"answers_": np.ndarray, "words_": np.ndarray,
                                "counts_": np.ndarray, "scaling_": dict, "modality_": str,
                                "history_": dict})
    learned_format = 5

    def __init__(self, model: Any, inputs: str = "codes", sees: str = "both", most: int = 3000,
                 hidden: int = 128, dropout: float = 0.2, epochs: int | None = None,
                 batch_size: int = 256, lr: float = 3e-3, device: str = "auto",
                 random_state: int = 0, temperature: float | None = None) -> None:
        self.model = model
        self.inputs = inputs
        self.sees = sees
        self.most = most
        self.hidden = hidden
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.random_state = random_state
        self.temperature = temperature
        check_values(vars(self), RANGES)

    def fit(self, train: Views, questions: Questions, callbacks: Sequence[Callback] = ()) -> Self:
        """Learn from questions about samples; those about others are passed over.

        Parameters
        ----------
        train : Views
            Pictures, with their ids.
        questions : Questions
            Questions about them, with answers.
        callbacks : sequence of Callback
            Callbacks of its training, as `training.Progress`; default none.
        """
        check_values(vars(self), RANGES)
        samples = task_samples(train, "train")
        asked = _questions(questions).of(samples)
        if len(asked) == 0:
            raise ValueError("questions: none of them is about the training samples alone; give "
                             "questions that name these by their ids.")
        known = [m for m in samples.modalities if m in self.model.widths_]
        if not known:
            raise ValueError(f"train: has {list(samples.modalities)}, and the model reads "
                             f"{list(self.model.widths_)}; give samples of one of those.")
        self.modality_ = known[0]
        blocks = self._read(samples)
        self.scaling_ = fit_inputs(blocks)
        self.answers_ = frequent_answers(asked.answers, self.most)
        self.words_ = np.array(sorted({word for text in set(asked.texts)
                                       for word in words_of(text)}), dtype=object)
        self.counts_ = self._counts(asked)
        self._train(blocks, asked, asked.rows(samples), callbacks)
        return self

    def decision_function(self, X: npt.ArrayLike | Views, questions: Questions | Sequence[str],
                          rows: npt.ArrayLike | None = None) -> Array:
        """Score answers to questions, ``(m, A)`` logits.

        Parameters
        ----------
        X : Views or (n, d) array
            Pictures.
        questions : Questions or m strings
            `Questions` name pictures by their ids. Strings are about one picture each, in the
            order of ``X``, unless ``rows`` says otherwise.
        rows : (m, 2) integers, optional
            Rows of ``X`` of the first and the second picture of every question, -1 for no second.

        Raises
        ------
        ValueError
            For an empty question, or numbers of questions and pictures that disagree.
        """
        self._check_fitted()
        samples = task_samples(X, "X", self.modality_)
        texts, about = _asked(samples, questions, rows)
        codes = torch.from_numpy(self._scaled(self._read(samples)))
        words, network = torch.from_numpy(self._words(texts)), self.network_
        device = network.pictures.device
        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), BLOCK):
                part = torch.from_numpy(about[start:start + BLOCK])
                two = (part[:, 1] >= 0).nonzero()[:, 0]
                given = (words[start:start + BLOCK], codes[part[:, 0]], codes[part[two, 1]], two)
                found.append(network.logits(*(x.to(device) for x in given)).cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, len(self.answers_)), np.float32)

    def predict(self, X: npt.ArrayLike | Views, questions: Questions | Sequence[str],
                rows: npt.ArrayLike | None = None) -> Array:
        """Return the best answer ``(m,)`` to every question, see `decision_function`."""
        best = self.decision_function(X, questions, rows).argmax(axis=1)
        return np.asarray(self.answers_[best])

    def predict_proba(self, X: npt.ArrayLike | Views, questions: Questions | Sequence[str],
                      rows: npt.ArrayLike | None = None) -> Array:
        """Return the share ``(m, A)`` of cases in which each answer is expected to be right.

        With a ``temperature`` it is calibrated, and shares of a question add up to one; without one
        it is the network's own expected accuracy of each answer, which is not calibrated.
        """
        return np.asarray(np.exp(self.predict_log_proba(X, questions, rows)))

    def predict_log_proba(self, X: npt.ArrayLike | Views, questions: Questions | Sequence[str],
                          rows: npt.ArrayLike | None = None) -> Array:
        """Return the logarithms ``(m, A)`` of `predict_proba`, also of shares that are nearly 1."""
        logits = self.decision_function(X, questions, rows).astype(np.float64)
        return np.asarray(log_expit(logits) if self.temperature is None else
                          log_softmax(logits / self.temperature, axis=1))

    def log_odds(self, X: npt.ArrayLike | Views, questions: Questions | Sequence[str],
                 answer: str, rows: npt.ArrayLike | None = None) -> Array:
        """Return the log-odds ``(m,)`` of one answer: ``log p - log(1 - p)`` of its share p.

        Raises
        ------
        ValueError
            If it is none of the answers, or there is no other.
        """
        logits = self.decision_function(X, questions, rows).astype(np.float64)
        known = self.answers_.tolist()
        if answer not in known:
            raise ValueError(f"answer: got {short(answer)}, which no question in training had; "
                             "give one of answers_.")
        column = known.index(answer)
        return np.asarray(logits[:, column] if self.temperature is None else
                          log_odds(logits / self.temperature, column))

    def unknown_words(self, question: str) -> list[str]:
        """Return the words of a question that no training question had, each once."""
        self._check_fitted()
        known = set(self.words_.tolist())
        return [word for word in dict.fromkeys(words_of(question)) if word not in known]

    def numbers_of_pictures(self, question: str) -> list[int]:
        """Return the numbers of pictures, 1 and 2, that a question may be about.

        It is one of them where words of it were in training questions about so many alone, and no
        other word says the opposite.
        """
        self._check_fitted()
        known = self.counts_[np.isin(self.words_, words_of(question))]
        alone = known[known.sum(axis=1) == 1].any(axis=0)
        return [n for n in (1, 2) if alone.all() or not alone.any() or alone[n - 1]]

    def try_out(self) -> None:
        """Answer a made-up question, if there is a network."""
        if hasattr(self, "network_"):
            device = self.network_.pictures.device
            codes = torch.ones(2, len(self.scaling_["shift"]), device=device)
            words = torch.ones(2, 1, dtype=torch.int64, device=device)
            logits = self.network_.logits(words, codes, codes[:1], torch.zeros_like(words[0]))
            if logits.shape != (2, len(self.answers_)):
                raise ValueError(f"it scores {logits.shape[1]} answers of {len(self.answers_)}")

    # -- inside ----------------------------------------------------------------------------
    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise ValueError("X: this task is not prepared; call fit(train, questions) first.")

    def _read(self, samples: Views) -> Blocks:
        """Return what is read of every picture: codes, features or both, ``(n, width)`` each."""
        name = self.modality_
        if name not in samples:
            raise ValueError(f"X: has {list(samples.modalities)}, and answers are learned from "
                             f"{name!r}; give that.")
        return input_blocks(samples, name, self.inputs, self.model.project)

    def _scaled(self, blocks: Blocks) -> Array:
        """Return the blocks side by side, scaled."""
        return scaled_inputs(blocks, self.scaling_)

    def _words(self, texts: Sequence[str]) -> Array:
        """Return the numbers of known words ``(m, L)``, 0 behind the last."""
        number = {word: i for i, word in enumerate(self.words_.tolist(), start=1)}
        each = {text: [number[word] for word in words_of(text) if word in number]
                for text in dict.fromkeys(texts)}
        found = np.zeros((len(texts), max([1, *map(len, each.values())])), dtype=np.int64)
        for k, text in enumerate(texts):
            found[k, :len(each[text])] = each[text]
        return found

    def _counts(self, asked: Questions) -> Array:
        """Return whether questions with each word are about one picture, and about two."""
        place = {word: i for i, word in enumerate(self.words_.tolist())}
        found = np.zeros((len(place), 2), dtype=bool)
        for text, of in {(text, len(of)) for text, of in
                         zip(asked.texts, asked.pictures, strict=True)}:
            found[[place[word] for word in words_of(text)], of - 1] = True
        return found

    def _restore(self, pictures: torch.Tensor | None = None) -> None:
        """Build the network; without training pictures by default."""
        if pictures is None:
            pictures = torch.zeros(0, len(self.scaling_["shift"]))
        self.network_ = AnswerNetwork(
            pictures, len(self.words_), len(self.answers_), hidden=self.hidden,
            dropout=self.dropout, sees=self.sees).eval()

    def _train(self, blocks: Blocks, asked: Questions, about: Array,
               callbacks: Sequence[Callback]) -> None:
        self._restore(torch.from_numpy(self._scaled(blocks)))
        self.network_.initialise(torch.Generator().manual_seed(self.random_state))
        numbers, scores = soft_targets(asked.answers, self.answers_)
        data = TensorData({name: torch.from_numpy(values) for name, values in (
            ("words", self._words(asked.texts)), ("pictures", about), ("answers", numbers),
            ("scores", scores))})
        epochs = (enough_epochs(len(asked), self.batch_size, EPOCHS) if self.epochs is None
                  else self.epochs)
        history = train(
            self.network_, data, epochs=epochs, sampler=Shuffle(self.batch_size),
            players=[Player("answerer", (Group(("",), self.lr),), "adamw", weight_decay=1e-2)],
            lr_schedule=Cosine(epochs), callbacks=callbacks, seed=self.random_state,
            device=self.device)
        self.network_.forget_pictures()
        self.network_.eval()
        self.history_ = history.losses


def _questions(given: Any) -> Questions:
    """Return questions; raise ValueError for anything else."""
    if not isinstance(given, Questions):
        raise ValueError(f"questions: got {short(given)}; give Questions, as bench.said is.")
    return given


def _asked(samples: Views, questions: Any, rows: Any) -> tuple[Sequence[str], Array]:
    """Return the words of questions, and rows ``(m, 2)`` of the pictures they are about."""
    if isinstance(questions, Questions):
        return questions.texts, questions.rows(samples)
    if isinstance(questions, str) or not isinstance(questions, Sequence | np.ndarray) \
            or not all(isinstance(text, str) for text in questions):
        raise ValueError(f"questions: got {short(questions)}; give Questions, or a list of "
                         "strings.")
    texts = list(questions)
    for text in texts:
        if not words_of(text):
            raise ValueError(f"question: got {text!r}; ask in words.")
    if rows is None:
        if len(texts) != len(samples):
            raise ValueError(f"questions: {len(texts)} for {len(samples)} pictures; give one for "
                             "each, or say by rows which pictures they are about.")
        return texts, np.column_stack([np.arange(len(texts)), np.full(len(texts), -1)])
    about = np.asarray(rows)
    if about.shape != (len(texts), 2) or about.dtype.kind not in "iu" \
            or not ((about >= [0, -1]) & (about < len(samples))).all():
        raise ValueError(f"rows: got {short(rows)}; give (m, 2) rows of X for m questions, -1 for "
                         "no second picture.")
    return texts, about.astype(np.int64)
