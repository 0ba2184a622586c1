"""Indexes: vectors to neighbours behind one protocol, ``add(vectors)``, ``search(queries, k) ->
Hits``.

- `base`: the common part. An index names the ``measure`` by which it ranks.
- `exact`: inner products by blocked matrix products in memory; no approximation, no dependency.
- `faiss_index`: the same through FAISS, flat or HNSW (extra ``faiss``).
- `hamming`: binary codes, which `itq` learns, by the number of differing bits.
- `joint`: cosine plus similarity of label distributions (FGAN), exactly or through candidates;
  parts are `joint_similarity`, `joint_candidates` and `joint_projection`.
"""

from crossalign.index.exact import ExactIndex
from crossalign.index.faiss_index import FaissIndex
from crossalign.index.hamming import HammingIndex
from crossalign.index.joint import JointIndex

__all__ = ["ExactIndex", "FaissIndex", "HammingIndex", "JointIndex"]
