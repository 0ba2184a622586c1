"""Search in a space: hits, what they are worth, and why they are hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crossalign.sentences import nearest, short
from crossalign.space.embedding import EmbeddingSpace
from crossalign.space.items import listed
from crossalign.space.matching import CUTOFFS, NOTHING, matches, way
from crossalign.space.why import Why, explained

Where = Mapping[str, Any]
UNJUDGED = "unjudged"
"""Key of a card for why hits are not told to match or not, by direction."""


class Hit(NamedTuple):
    """Item that a search found.

    Attributes
    ----------
    id : str
    score : float
        Similarity.
    payload : dict
        Plain values by key.
    chance : float or None
        Share of random pairs of such a query and such an item, not of one class, that are at least
        as similar, see
        `space.chance`; None if there are too few to say.
    match : bool or None
        True if it is more similar than the best items of nine in ten queries without an answer,
        False if it is less similar than those of nine in ten with one, see `space.cutoffs`; None
        between the two, and where validation could not tell for such a query and such an item.
    """

    id: str
    score: float
    payload: dict[str, Any]
    chance: float | None = None
    match: bool | None = None


def nothing_matches(hits: Sequence[Hit]) -> bool:
    """Tell whether a query has no answer among its hits, as far as a cut-off says."""
    return any(hit.match is False for hit in hits) and not any(
        hit.match or hit.match is None for hit in hits)


class SearchingSpace(EmbeddingSpace):
    """Space that is searched and explains its hits."""

    def search(self, query: Any, k: int = 10, where: Where | None = None,
               modality: str | None = None) -> list[Hit]:
        """Find the k nearest items of a text, a picture or a vector, best first.

        Parameters
        ----------
        query : item
            Text, picture, clip or vector ``(d,)``, see `space.items`.
        k : int
            Number of items; default 10.
        where : mapping, optional
            Filter on payloads, see `index.where`; default none. Its keys are those that payloads
            have.
        modality : str, optional
            Modality of the items to find; default any.

        Raises
        ------
        ValueError
            If the query cannot be read, the filter is of no known form, or it has a key that no
            item has; then it names those that there are.
        """
        if modality is not None:
            if modality not in self.modalities:
                raise ValueError(f"modality: got {short(modality)}; "
                                 f"{nearest(modality, self.modalities)}")
            where = {**(where or {}), "modality": modality}
        hits = self.index.search(self.embed(query)[:1], k, where)
        self._check_keys(where or {})
        ids, scores = hits.ids[0].tolist(), hits.scores[0]
        payloads = self.index.payload(ids)
        kind = self.kind_of(listed(query))
        likely = self._pairs.chances(kind, scores, payloads)
        settings = self.fitted.settings
        match = matches(kind, scores, payloads, settings.get(CUTOFFS, {}),
                        settings.get(NOTHING, {}))
        return [Hit(str(name), *found) for name, *found in
                zip(ids, scores.tolist(), payloads, likely, match, strict=True)]

    def unjudged(self, query: Any, hits: Sequence[Hit]) -> str | None:
        """Say why no hit is told to match or not; None if one is, or no reason is kept."""
        if any(hit.match is not None for hit in hits):
            return None
        reasons, kind = self.card.get(UNJUDGED, {}), self.kind_of(listed(query))
        ways = (way(kind, str(hit.payload.get("modality", ""))) for hit in hits)
        return next((str(reasons[one]) for one in ways if one in reasons), None)

    def _check_keys(self, where: Where) -> None:
        """Raise ValueError if a filter has a key that no item has."""
        there = self.index.keys() if where and len(self) else list(where)
        for key in where:
            if key not in there:
                raise ValueError(f"where: no item has {short(key)} in its payload; "
                                 f"{nearest(key, there)}")

    def why(self, query: Any, ids: Sequence[str] | str, k: int = 5) -> list[Why]:
        """Say why items are hits of a query: the training pairs that voted for them, and words.

        Parameters
        ----------
        query : item
            Text or picture that was searched with.
        ids : strings
            Ids of the hits.
        k : int
            Number of training pairs to name for each; default 5.

        Raises
        ------
        ValueError
            If the space keeps no training pairs, or an item can neither be found among them nor be
            read again.
        """
        return explained(self, query, [ids] if isinstance(ids, str) else ids, k)
