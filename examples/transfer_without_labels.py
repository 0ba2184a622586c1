"""Classify outlines of letters with labels of their pictures only."""

import crossalign as ca
from crossalign.evaluation.protocols.transfer import transfer_scores
from crossalign.tasks import Transfer

bench = ca.load("glyphs", "transfer")
print(f"{len(bench['pairs'])} unlabelled pairs, {len(bench['train'])} labelled pictures, "
      f"{len(bench.classes)} base letters")

aligner = ca.models.PerfectAlignment(holdout=0.2).fit(bench["pairs"])
print(f"alignment error on training pairs {aligner.normalised_cmae_:.2f}, "
      f"on pairs held out {aligner.holdout_normalised_cmae_:.2f}")

for mode in ("aligned", "marginal"):
    scores = transfer_scores(Transfer(mode=mode), bench)
    print(f"{mode}: accuracy {scores['accuracy']:.2f}")
    print(f"  the same classifier on pictures {scores['source_accuracy']:.2f}")
    print(f"  one trained on labelled outlines {scores['oracle_accuracy']:.2f}")
print(f"chance {1 / len(bench.classes):.2f}")
