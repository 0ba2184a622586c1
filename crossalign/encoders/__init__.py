"""Pictures and texts to feature rows through trained networks that the user brings.

An encoder (`types.Encoder`) says the side and mode of the pictures it reads, whether it gives
tokens, and facts that its rows depend on; ``encode(pictures)`` gives ``(n, d)`` or ``(n, t, d)``.
One of texts (`types.TextEncoder`) has ``words(texts)``, what tokens are of, instead of a side.
The loaders of `data` take one, feed it block by block and keep the rows in the user's cache, under
the content of the files and the encoder's facts. Anything with these five names will do; one of
pictures whose ``resizes`` is true is given them in their own sizes.

- `tflite`: a TensorFlow Lite file (extra ``vision``).
- `pretrained`: pictures and texts through networks of ``transformers`` (extra ``text``): `pixels`
  is what a folder says of pictures, `sentence_modules` what one of sentence-transformers says of
  texts, `network_files` how their files are opened.
- `base_encoder`: such a network as a module, which a model trains along.
"""

from typing import TYPE_CHECKING, Any

from crossalign.encoders.tflite import TFLiteEncoder

if TYPE_CHECKING:
    from crossalign.encoders.base_encoder import BaseEncoder
    from crossalign.encoders.pretrained import PretrainedPictures, PretrainedTexts

__all__ = ["BaseEncoder", "PretrainedPictures", "PretrainedTexts", "TFLiteEncoder"]


def __getattr__(name: str) -> Any:
    if name == "BaseEncoder":
        from crossalign.encoders.base_encoder import BaseEncoder

        return BaseEncoder
    if name in __all__:
        from crossalign.encoders import pretrained

        return getattr(pretrained, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
