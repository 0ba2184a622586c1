"""Encoders: pictures and texts to feature rows, by formulas or through networks of the user.

An encoder (`types.Encoder`) has the side and mode of the pictures it reads, a flag for tokens, and
facts that its rows depend on; ``encode(pictures)`` gives ``(n, d)`` or ``(n, t, d)``. An encoder of
texts (`types.TextEncoder`) has ``words(texts)``, the words or word pieces of its tokens, instead of
a side. The loaders of `data` take an encoder. Any object with these five names will do; an encoder
of pictures whose ``resizes`` is true gets them in their own sizes, and one whose ``learned`` is
false is a formula, which no class can leak into.

- `named`: encoders by the names that a person writes.
- `encode`: the way of all items through any encoder: blocks, threads that read ahead. `shards` of
  rows outlive a kill, `cache` keeps them and other arrays on disk; `text_cache` is that of texts.
- `hog`, `char_ngrams`: pictures and texts without a network; `gradients` and `patches` are the
  arithmetic of `hog`, `ink` is `hog` of drawings and letters wherever they stand, and `pieces`
  takes their ink apart.
- `tflite`: a TensorFlow Lite file (extra ``vision``).
- `onnx`: an ONNX file, with the settings of its pictures beside it (extra ``onnx``).
- `pretrained`: pictures and texts through networks of ``transformers`` (extra ``text``). `pixels`
  prepares pictures as the network's folder says, `sentence_modules` and `poolings` pool texts as a
  folder of sentence-transformers says, `network_files` opens the files.
- `word_vectors`: texts by vectors of their words, which `word_vector_files` reads.
- `dual`: pictures and texts through one such network with one space, and its logits; `dual_halves`
  are its two encoders, `prompts` the templates of its texts.
- `conse`: pictures as means of the text vectors of a classifier's likeliest labels, so that it and
  a text encoder are one space; `classifiers` opens one, `label_names` finds the names of its
  outputs.
- `backbone`: such a network as a module, which a model trains along.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
