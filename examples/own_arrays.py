"""Your own two modalities: arrays to a file, to honest numbers, to a saved model."""

import tempfile
from pathlib import Path

import numpy as np

import crossalign as ca

rng = np.random.default_rng(0)  # stand-ins for your features
labels = np.repeat(np.arange(10), 24)
shown = rng.normal(size=(10, 8))[labels] + 0.5 * rng.normal(size=(240, 8))
arrays = {"sound": shown @ rng.normal(size=(8, 30)), "score": shown @ rng.normal(size=(8, 20))}

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "music.npz"
    np.savez(file, labels=labels, **arrays)
    for check in ca.data.validate(file)[:3]:
        print(f"{check.name}: {check.detail}")

    bench = ca.load(file, "retrieval")
    reports = [ca.evaluate(model, bench, seeds=10, pictures=False)
               for model in (ca.models.RidgeMap(), ca.models.Chance())]
    for report in reports:
        print(f"{report.model} mAP {report.scores['mAP']['mean']:.2f}")
    print(reports[0].compare(reports[1], "mAP"))

    model = ca.evaluation.fit_for(ca.models.RidgeMap(), bench).model
    again = ca.models.RidgeMap.load(model.save(Path(folder) / "fitted"))
    same = again.embed(arrays["sound"], "sound") == model.embed(arrays["sound"], "sound")
    print("loaded model embeds the same:", same.all())
