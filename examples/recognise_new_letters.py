"""Name letters whose combination of base and mark was never trained on."""

import crossalign as ca

bench = ca.load("glyphs")
recogniser = ca.evaluation.fit_for(ca.models.GFZSL(), bench)  # chosen on validation classes
print(recogniser.selection)

unseen = bench["test_unseen"]
named = recogniser.predict(unseen)
accuracy = ca.metrics.per_class_accuracy(unseen.truth, named)
print(f"unseen letters named right, among all {len(bench.classes)}: {accuracy:.2f}")

mistaken = named != unseen.truth
taken_for_seen = bench.classes.seen[named[mistaken]].mean()
print(f"mistakes that name a letter of training: {taken_for_seen:.2f}")
for i in range(0, len(unseen), 100):
    print(f"{unseen.meta['caption'][i]:45} named {bench.classes.names[named[i]].lower()}")
