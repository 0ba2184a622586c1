"""The network that answers questions about pictures, and its objective.

A question is the sum of its words' vectors, behind a small network. It gates the hidden units of a
picture, so that a question about the mark reads other units than one about the letter (gating as
in Dauphin et al. 2017). Two pictures are compared unit by unit, by their difference, its size and
their product: the pair of objects of a relation network (Santoro et al. 2017, equation 1), here of
whole pictures. Units that tell letters apart also tell whether two letters are the same, whichever
they are, so that a relation holds for pairs that were never trained.

    L = sum over answers of the binary cross-entropy of sigmoid(logit) and the answer's accuracy

as in Teney et al., "Tips and Tricks for Visual Question Answering", CVPR 2018, section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from crossalign.networks import initialise
from crossalign.training import Batch

NO_WORD = 0
"""Number of the place behind a question's last word."""


class AnswerNetwork(nn.Module):
    """Scores of answers, from words and the codes of one picture or two.

    Parameters
    ----------
    pictures : (n, width) Tensor
        Codes of the training pictures, which batches name by row; of no rows where a network only
        answers.
    words : int
        Number of known words, which are numbered from 1.
    answers : int
        Number of answers.
    hidden : int
        Width of the hidden layers.
    dropout : float
        Share of hidden units dropped in training.
    sees : {"both", "question", "pictures"}
        Input that the network has. What it does not see, it has no weights for.
    """

    pictures: Tensor

    def __init__(self, pictures: Tensor, words: int, answers: int, *, hidden: int, dropout: float,
                 sees: str) -> None:
        super().__init__()
        self.register_buffer("pictures", pictures)
        self.width, self.hidden, self.answers = pictures.shape[1], hidden, answers
        parts = 0
        if sees != "pictures":
            self.words = nn.Embedding(words + 1, hidden, padding_idx=NO_WORD)
            self.question = nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
            parts += 1
        if sees != "question":
            self.picture = nn.Sequential(nn.Linear(self.width, hidden), nn.ReLU(),
                                         nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU())
            parts += 3
        if sees == "both":
            self.gate, self.weighing = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
            parts += 1
        self.answer = nn.Sequential(nn.Linear(parts * hidden, hidden), nn.ReLU(),
                                    nn.Dropout(dropout), nn.Linear(hidden, answers))
        self.sees = sees

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew: words' vectors as PyTorch does, standard normal."""
        initialise(self, generator)
        if self.sees != "pictures":
            with torch.no_grad():
                self.words.weight[NO_WORD + 1:].normal_(generator=generator)

    def forget_pictures(self) -> None:
        """Let go of the training pictures."""
        self.pictures = self.pictures.new_zeros(0, self.width)

    def logits(self, words: Tensor, first: Tensor, second: Tensor, two: Tensor) -> Tensor:
        """Score answers.

        Parameters
        ----------
        words : (B, L) int64
            Numbers of each question's words, 0 behind the last.
        first : (B, width)
            Codes of the first pictures.
        second : (k, width)
            Codes of the second pictures of the questions that have one.
        two : (k,) int64
            Rows of those questions.

        Returns
        -------
        (B, A) logits
        """
        parts, gate = [], None
        if self.sees != "pictures":
            parts.append(self.question(self.words(words).sum(dim=1)))      # (B, hidden)
            if self.sees == "both":
                gate = self.gate(parts[0]).sigmoid()
        if self.sees != "question":
            a = self.picture(first)
            b = self.picture(second)
            if gate is not None:
                a, b = a * gate, b * gate[two]
            other = torch.zeros_like(a).index_copy(0, two, b)                      # (B, hidden)
            apart = torch.zeros_like(a).index_copy(0, two, (a[two] - b).abs())
            if gate is not None:
                parts.append(self.weighing(parts[0]) * (a - other))
            parts += [a - other, a * other, apart]
        scores: Tensor = self.answer(torch.cat(parts, dim=1))
        return scores

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute the loss of a batch, a mean over its questions.

        Its views are ``words (B, L)``, ``pictures (B, 2)``: rows of the training pictures, -1 for
        no second, and the targets ``answers (B, K)`` and ``scores (B, K)``, see
        `tasks.answer_targets`.
        """
        rows = batch.views["pictures"]
        two = (rows[:, 1] >= 0).nonzero()[:, 0]
        logits = self.logits(batch.views["words"], self.pictures[rows[:, 0]],
                             self.pictures[rows[two, 1]], two)
        return {"loss": soft_cross_entropy(logits, batch.views["answers"], batch.views["scores"])}


def soft_cross_entropy(logits: Tensor, answers: Tensor, scores: Tensor) -> Tensor:
    """Compute the binary cross-entropy, summed over answers, mean over questions.

    Parameters
    ----------
    logits : (B, A)
    answers : (B, K) int64
        Numbers of the answers with a score; A for none.
    scores : (B, K)
        Score of each, in [0, 1]; all other answers have 0.
    """
    target = torch.zeros(len(logits), logits.shape[1] + 1, dtype=logits.dtype, device=logits.device)
    target.scatter_(1, answers, scores.to(logits.dtype))
    loss = binary_cross_entropy_with_logits(logits, target[:, :-1], reduction="sum")
    return loss / len(logits)
