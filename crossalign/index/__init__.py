"""Vectors to neighbours behind one protocol: ``add(vectors)``, ``search(queries, k) -> Hits``.

- `exact`: blocked matrix products in memory; no approximation, no dependency.
- `faiss_index`: the same through FAISS, flat or HNSW (extra ``faiss``).
- `joint`: another protocol, for cosine plus similarity of label distributions (FGAN), candidates
  first, then exactly; parts are `joint_similarity`, `joint_candidates` and `joint_projection`.
"""

from crossalign.index.exact import ExactIndex
from crossalign.index.faiss_index import FaissIndex

__all__ = ["ExactIndex", "FaissIndex"]
