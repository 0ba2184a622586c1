"""A causal transformer that says a code in words, with a pointer to names that it is given.

The code becomes a few tokens in front of the text, the prefix (Mokady et al., "ClipCap", arXiv
2111.09734). Names of classes are a second source, which every block attends to and from which a
word can be copied (See, Liu and Manning, "Get To The Point", ACL 2017, equations 8 and 9), so that
a name that no caption of training has can be said. Blocks normalise before they act.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    log_softmax,
    logsigmoid,
    scaled_dot_product_attention,
    softplus,
)

NOTHING = 0
"""Word that fills up texts and names; as the first of the names it stands for none of them."""
RARE = 1e-12
"""Least probability of a word among those copied."""


class CaptionBlock(nn.Module):
    """Attention to the words so far, attention to names, and a layer on every word.

    Parameters
    ----------
    width : int
        Width of words.
    heads : int
        Number of attention heads, a divisor of ``width``.
    dropout : float
        Dropout probability of what each of the three adds.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.past = nn.Linear(width, 3 * width)
        self.past_out = nn.Linear(width, width)
        self.query = nn.Linear(width, width)
        self.names = nn.Linear(width, 2 * width)
        self.names_out = nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(),
                                  nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, names: tuple[Tensor, Tensor], hidden: Tensor,
                cache: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return words ``(n, t, width)`` behind the block, and keys and values so far.

        ``names`` are keys and values of `read_names`, ``hidden (n, m)`` is True where a name's word
        is none, and ``cache`` holds keys and values of earlier words, if there are any.
        """
        query, key, value = self._split(self.past(self.norms[0](x)), 3)
        if cache is not None:
            key, value = torch.cat([cache[0], key], dim=2), torch.cat([cache[1], value], dim=2)
        t, past = query.shape[2], key.shape[2]
        later = None if cache is None or t == 1 else torch.ones(
            t, past, dtype=torch.bool, device=x.device).tril(past - t)
        seen = scaled_dot_product_attention(query, key, value, later, is_causal=cache is None)
        x = x + self.drop(self.past_out(self._join(seen)))
        (asked,) = self._split(self.query(self.norms[1](x)), 1)
        told = scaled_dot_product_attention(asked, *names, attn_mask=~hidden[:, None, None])
        x = x + self.drop(self.names_out(self._join(told)))
        return x + self.drop(self.feed(self.norms[2](x))), (key, value)

    def read_names(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values ``(n, heads, m, width / heads)`` of names ``(n, m, width)``."""
        key, value = self._split(self.names(memory), 2)
        return key, value

    def _split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        n, t, width = x.shape
        size = width // parts // self.heads
        return tuple(x.view(n, t, parts, self.heads, size).permute(2, 0, 3, 1, 4))

    def _join(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(2)


@dataclass
class Said:
    """State of n texts that are being said: names, and keys and values of the words so far."""

    words: Tensor                                                        # (n, m)
    hidden: Tensor                                                       # (n, m)
    pointed: Tensor                                                      # (n, m, width)
    names: list[tuple[Tensor, Tensor]]
    cache: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def take(self, rows: Tensor) -> Said:
        """Return the same of some of the texts, in that order."""
        return Said(self.words[rows], self.hidden[rows], self.pointed[rows],
                    [(k[rows], v[rows]) for k, v in self.names],
                    [(k[rows], v[rows]) for k, v in self.cache])


class CaptionDecoder(nn.Module):
    """Decoder of codes to texts.

    Parameters
    ----------
    words : int
        Number of words of the vocabulary; word 0 is `NOTHING`.
    inputs : int
        Width of the codes.
    width, heads, layers : int
        Width of words, attention heads, and blocks; default 128, 4 and 2.
    prefix : int
        Number of tokens that a code becomes; default 4.
    longest : int
        Largest number of words of a text; default 32.
    ranks, spelt : int
        Largest number of names, and of words of a name; default 5 and 16.
    dropout : float
        Dropout probability; default 0.1.

    Raises
    ------
    ValueError
        If ``heads`` does not divide ``width``.
    """

    def __init__(self, words: int, inputs: int, width: int = 128, heads: int = 4, layers: int = 2,
                 prefix: int = 4, longest: int = 32, ranks: int = 5, spelt: int = 16,
                 dropout: float = 0.1) -> None:
        super().__init__()
        if heads < 1 or width % heads > 0:
            raise ValueError(f"heads={heads} does not divide width={width}; give one of its "
                             "divisors")
        self.prefix = prefix
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(prefix + longest + 1, width)
        self.ranks = nn.Embedding(ranks + 1, width)
        self.name_places = nn.Embedding(spelt + 1, width)
        self.read = nn.Sequential(nn.Linear(inputs, 4 * width), nn.GELU(), nn.Dropout(dropout),
                                  nn.Linear(4 * width, prefix * width))
        self.blind = nn.Parameter(torch.zeros(prefix, width))
        self.blocks = nn.ModuleList(CaptionBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(words))
        self.point = nn.Linear(width, width)
        self.pointed = nn.Linear(width, width)
        self.gate = nn.Linear(width, 1)
        for table in (self.words, self.places, self.ranks, self.name_places):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.normal_(self.blind, std=0.02)
        nn.init.constant_(self.gate.bias, -1.0)

    def start(self, names: Tensor) -> Said:
        """Read the words of names ``(n, ranks, spelt)``, the likeliest first, before any text."""
        n, ranks, spelt = names.shape
        rank = torch.arange(1, ranks + 1, device=names.device).repeat_interleave(spelt)
        place = torch.arange(1, spelt + 1, device=names.device).repeat(ranks)
        words = names.flatten(1)                                            # (n, ranks * spelt)
        kept = torch.argsort(words == NOTHING, dim=1, stable=True)      # none between the words
        kept = kept[:, :int((words != NOTHING).sum(dim=1).amax())]
        words, rank, place = (
            torch.cat([names.new_zeros(n, 1), i], dim=1).to(self.bias.device)
            for i in (words.gather(1, kept), rank[kept], place[kept]))              # (n, m)
        memory = self.words(words) + self.ranks(rank) + self.name_places(place)
        hidden = words == NOTHING
        hidden[:, 0] = False
        return Said(words, hidden, self.pointed(memory),
                    [block.read_names(memory) for block in self._each()])

    def forward(self, codes: Tensor, sighted: Tensor, names: Tensor, text: Tensor) -> Tensor:
        """Return log-probabilities ``(n, t, words)`` of every word behind those before it.

        Parameters
        ----------
        codes : (n, d)
        sighted : (n,) bool
            False for texts that are said without their code.
        names : (n, ranks, spelt) integers
        text : (n, t) integers
            Texts, of which the first word is that of the start.
        """
        return self.say(self.start(names), self.tokens(codes, sighted), text)[:, self.prefix:]

    def losses(self, codes: Tensor, sighted: Tensor, names: Tensor, text: Tensor, wanted: Tensor,
               smoothing: float) -> Tensor:
        """Compute the cross-entropy ``(n, t)`` of the words wanted behind those of a text, and of
        all words alike with the weight ``smoothing``; 0 where nothing is wanted.

        It is that of `forward` without log-probabilities ``(n, t, words)``, which take most of the
        time: a word that no name has is never copied, so that of the vocabulary the logarithmic sum
        of its scores is enough, and that only where a word is wanted.

        Parameters
        ----------
        codes, sighted, names, text
            See `forward`.
        wanted : (n, t) integers
            Word behind each word of ``text``, `NOTHING` behind its end.
        smoothing : float
            Share of the weight that all words have alike.
        """
        said = self.start(names)
        hidden = self._hidden(said, self.tokens(codes, sighted), text)[:, self.prefix:]
        share, gate = self._copies(hidden, said)
        real = wanted != NOTHING
        total = hidden.new_zeros(*real.shape, 1)
        total[real] = (hidden[real] @ self.words.weight.T + self.bias).logsumexp(1, keepdim=True)
        one = (hidden * self.words(wanted)).sum(dim=2, keepdim=True) + \
            self.bias[wanted][:, :, None] - total
        each = hidden @ self.words(said.words).mT + self.bias[said.words][:, None] - total
        same = (said.words[:, :, None] == said.words[:, None]).to(share)        # (n, m, m)
        first = ~same.tril(-1).any(dim=2)               # each word once, where it stands first
        copied = share @ same                                                   # (n, t, m)
        right = (share * (wanted[:, :, None] == said.words[:, None])).sum(dim=2, keepdim=True)
        more = (_more(gate, copied, each) * first[:, None]).sum(dim=2, keepdim=True)
        mean = hidden @ self.words.weight.mean(dim=0)[:, None] + self.bias.mean() - total + \
            more / len(self.bias)
        likely = one + _more(gate, right, one)
        loss = -logsigmoid(-gate) - (1 - smoothing) * likely - smoothing * mean
        return torch.where(real, loss[:, :, 0], 0.0)

    def tokens(self, codes: Tensor, sighted: Tensor) -> Tensor:
        """Turn codes into the tokens ``(n, prefix, width)`` in front of a text."""
        tokens = self.read(codes).view(len(codes), self.prefix, -1)
        return torch.where(sighted[:, None, None], tokens, self.blind)

    def say(self, said: Said, tokens: Tensor | None, text: Tensor) -> Tensor:
        """Go on by words ``(n, t)``, behind ``tokens`` if it is the start, and return
        log-probabilities of the word behind each; ``said.cache`` then holds them too.
        """
        return self._chosen(self._hidden(said, tokens, text), said)

    def _hidden(self, said: Said, tokens: Tensor | None, text: Tensor) -> Tensor:
        """Go on by words, see `say`, and return words ``(n, t, width)`` behind the last block."""
        x = self.words(text)
        x = x if tokens is None else torch.cat([tokens, x], dim=1)
        past = said.cache[0][0].shape[2] if said.cache else 0
        x = x + self.places.weight[past:past + x.shape[1]]
        cache = []
        for i, block in enumerate(self._each()):
            x, kept = block(x, said.names[i], said.hidden, said.cache[i] if said.cache else None)
            cache.append(kept)
        said.cache = cache
        hidden: Tensor = self.norm(x)
        return hidden

    def _each(self) -> Iterator[CaptionBlock]:
        return iter(cast(list[CaptionBlock], list(self.blocks)))

    def _chosen(self, x: Tensor, said: Said) -> Tensor:
        """Mix the vocabulary with copies of the names' words."""
        own = log_softmax(x @ self.words.weight.T + self.bias, dim=2)
        share, gate = self._copies(x, said)
        copied = torch.zeros_like(own).scatter_add(
            2, said.words[:, None].expand_as(share), share)
        return torch.logaddexp(logsigmoid(-gate) + own,
                               logsigmoid(gate) + copied.clamp_min(RARE).log())

    def _copies(self, x: Tensor, said: Said) -> tuple[Tensor, Tensor]:
        """Return the share ``(n, t, m)`` of each word of the names among those copied, and the
        log-odds ``(n, t, 1)`` of copying.
        """
        scores = self.point(x) @ said.pointed.mT / math.sqrt(x.shape[2])
        share = scores.masked_fill(said.hidden[:, None], float("-inf")).softmax(dim=2)
        return share, self.gate(x)


def _more(gate: Tensor, copied: Tensor, own: Tensor) -> Tensor:
    """Return what copies add to log-probabilities of words that are not copied: ``log((1 - g)
    exp(own) + g copied) - log(1 - g) - own``, g of the log-odds ``gate``.
    """
    return softplus(gate + copied.clamp_min(RARE).log() - own)
