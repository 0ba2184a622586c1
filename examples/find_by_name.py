"""Find pictures by a name, and names by a picture, for letters that were not trained on."""

import crossalign as ca
from crossalign.tasks import Retriever

pairs = ca.load("glyphs", "retrieval")
model = ca.models.RidgeMap().fit(pairs["train"])
gallery, queries = pairs["gallery"], pairs["query"]

for asked, answered in (("text", "image"), ("image", "text")):
    search = Retriever(model).add(gallery, answered)
    hits = search.search(queries, asked, k=5)
    right = gallery.truth[hits.indices] == queries.truth[:, None]  # (q, k)
    print(f"{asked} asks, {answered} answers: first hit right {right[:, 0].mean():.2f}, "
          f"one of five {right.any(axis=1).mean():.2f}")

search = Retriever(model).add(gallery, "image")
hits = search.search(queries[:1], "text", k=3)
print("asked:", queries.meta["show:text"][0])
for row, score in zip(hits.indices[0], hits.scores[0], strict=True):
    print(f"  {score:.2f} a picture of {gallery.meta['caption'][row]}")
