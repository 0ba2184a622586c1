"""Vectors to neighbours behind one protocol: ``add(vectors)``, ``search(queries, k) -> Hits``.

- `exact`: blocked matrix products in memory; no approximation, no dependency.
- `faiss_index`: the same through FAISS, flat or HNSW (extra ``faiss``).
- `joint`: cosine plus similarity of label distributions (FGAN), candidates first, then exactly; its
  parts are `joint_similarity`, `joint_candidates` and `joint_projection`.
"""

from crossalign.index.exact import ExactIndex
from crossalign.index.faiss_index import FaissIndex
from crossalign.index.joint import JointIndex

__all__ = ["ExactIndex", "FaissIndex", "JointIndex"]
