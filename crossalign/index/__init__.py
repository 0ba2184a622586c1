"""Indexes: vectors to neighbours behind one protocol, ``add(vectors)``, ``search(queries, k) ->
Hits``.

Items also have ids and payloads, by which searches are narrowed; they can be removed, and an index
can be saved and opened as a folder.

- `base`: the protocol. An index names the ``measure`` by which it ranks and the promises it lacks.
- `local`: what indexes in this process share; parts are `items` and `folder`.
- `where`: the filters, and the one definition of what they select.
- `exact`: inner products by blocked matrix products; no approximation, no dependency.
- `faiss_index`: the same through FAISS, flat, HNSW or IVF (extra ``faiss``).
- `drift`: queries of a new encoder for an index of an old one; `drift_recall` says what is kept.
- `hamming`: binary codes, which `itq` learns, by the number of differing bits.
- `joint`: cosine plus similarity of label distributions (FGAN), exactly or through candidates;
  parts are `joint_similarity`, `joint_candidates` and `joint_projection`.
- `qdrant`: inner products in a Qdrant engine (extra ``qdrant``): `qdrant_edge` in a folder,
  `qdrant_server` on a server, in the one form of `qdrant_engine`; `qdrant_where` translates
  filters.
"""

from crossalign.index.drift import DriftAdapter
from crossalign.index.drift_recall import kept_recall
from crossalign.index.exact import ExactIndex
from crossalign.index.faiss_index import FaissIndex
from crossalign.index.hamming import HammingIndex
from crossalign.index.joint import JointIndex
from crossalign.index.qdrant import QdrantIndex

__all__ = ["DriftAdapter", "ExactIndex", "FaissIndex", "HammingIndex", "JointIndex", "QdrantIndex",
           "kept_recall"]
