"""Tasks of a fitted space: recognise, also from few samples, reject, retrieve, answer, transfer.

Each is a scikit-learn estimator that saves as a folder and answers from there without the training
samples. `Adaptation` needs no fitted space: it learns one, for labels of another domain. `explain`
is a function: it names the training pairs that put a hit where it is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
