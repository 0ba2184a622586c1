"""Pictures to feature rows through trained networks that the user brings.

An encoder (`types.Encoder`) says the side and mode of the pictures it reads, whether it gives
tokens, and facts that its rows depend on; ``encode(pictures)`` gives ``(n, d)`` or ``(n, t, d)``.
The loaders of `data` take one, feed it block by block and keep the rows in the user's cache, under
the content of the files and the encoder's facts. Anything with these five names will do.

- `tflite`: a TensorFlow Lite file (extra ``vision``).
"""

from crossalign.encoders.tflite import TFLiteEncoder

__all__ = ["TFLiteEncoder"]
