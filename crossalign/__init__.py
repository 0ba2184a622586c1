"""One latent space for several modalities, and classes never seen in training.

>>> import crossalign as ca
>>> bench = ca.load("glyphs")                                  # doctest: +SKIP
>>> print(ca.evaluate(ca.models.ESZSL(), bench))               # doctest: +SKIP
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
