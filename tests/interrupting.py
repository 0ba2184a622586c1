"""Models whose fit is broken off, as by Ctrl-C."""

from __future__ import annotations


def interrupting(model: type, at: int) -> type:
    """The model's class, with fits counted over all its instances, whose ``at``-th is broken off.

    It keeps the model's module, and so its name.
    """
    fits = 0

    def fit(self, *args, **options):
        nonlocal fits
        fits += 1
        if fits == at:
            raise KeyboardInterrupt
        return model.fit(self, *args, **options)

    return type("Interrupting", (model,), {"fit": fit, "__init__": model.__init__,
                                           "__module__": model.__module__})
