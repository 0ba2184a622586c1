"""A space that people keep: one folder that recognises and searches raw pictures and texts.

- `space`: the noun, `Space`, and how it grows. `embedding`: its parts, and rows of raw items.
  `searching`: its hits. `answering`: names, captions and answers. `stored`: how it is kept. `why`:
  what made a hit. `migrate`: a new encoder of pictures.
- `build`: from pictures and texts to a space, in one call. `raw_data`: what it reads. `filling`:
  items of its index. `draft`: a folder that takes its place once it is whole.
- `answers`, `captions`: its answerer and captioner. `spoken`: what both are made by: settings that
  validation chose. `colours`: words of what grey pictures do not show.
- `choice`: the model of a space, chosen on validation classes among a short list.
- `recognition`: calibrated answers. `folder`: the parts on disk, and who may write to them.
- `left_out`: pictures and classes that calibrate what is added. `expectations`: how well that is
  told. `bounds`: how far it is lifted.
- `readers`: encoders of a space, by the names with which it was built.
- `chance`: the share of random pairs that are as similar as a hit.
- `matching`: whether a hit matches or is only the nearest. `cutoffs`: the least that counts, chosen
  on validation classes.
- `unlike`: pictures that are unlike all that it was built from.
- `items`: pictures, texts and vectors as people give them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
