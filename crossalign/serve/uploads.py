"""Uploads: the bytes of one picture to an open picture, and of JSON to plain values.

Nothing touches the disk, and a picture is measured before it is decoded.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crossalign.data.formats import pictures
from crossalign.data.formats.clips import Film
from crossalign.sentences import short
from crossalign.serve.limits import AskError, Limits

if TYPE_CHECKING:
    from PIL import Image

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/bmp": "BMP"}
"""Types of pictures that are read, and their names in Pillow."""
DIGITS = 100
"""Largest number of digits of a whole number."""


def opened(content: bytes, kind: str, limits: Limits) -> Image.Image:
    """Return the decoded picture in a request's body.

    Parameters
    ----------
    content : bytes
        Body.
    kind : str
        Type of the body, one of `FORMATS`.
    limits : Limits
        Largest number of pixels.

    Raises
    ------
    AskError
        If it is no whole picture of that type, has several frames, or too many pixels.
    """
    try:
        with pictures.opened(content, [FORMATS[kind]]) as picture:
            if picture.width * picture.height > limits.pixels:
                raise AskError(413, f"picture: it has more than {limits.pixels / 1e6:g} "
                                    "megapixels; send a smaller one.")
            if getattr(picture, "is_animated", False):
                raise AskError(400, "picture: it has several frames; send one.")
            picture.load()
            return picture
    except (AskError, MemoryError):
        raise
    except Exception as error:  # a damaged file raises a dozen kinds, from SyntaxError to zlib's
        raise AskError(400, f"picture: the body is no whole picture of type {kind}; send the bytes "
                            "of a file of that type.") from error


def film(frames: Sequence[tuple[str, bytes]], limits: Limits) -> Film:
    """Return a clip of decoded pictures, whose types and bytes are given.

    Raises
    ------
    AskError
        As `opened`; together they may have the pixels of one picture.
    """
    each = replace(limits, pixels=limits.pixels // len(frames))
    return Film([opened(content, kind, each) for kind, content in frames])


def png_uri(pixels: Any) -> str:
    """Return pixels ``(h, w, 4)`` uint8, opacity last, as a data URI."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return as_uri(stream.getvalue(), "png")


def as_uri(content: bytes, kind: str) -> str:
    """Return a file of a kind of picture, as ``png``, as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def picture_in(uri: object) -> tuple[str, bytes] | None:
    """Return type and bytes of a picture that a data URI holds; None if it holds none."""
    if not isinstance(uri, str):
        return None
    head, comma, body = uri.partition(",")
    kind = head.removeprefix("data:").removesuffix(";base64")
    if not comma or head != f"data:{kind};base64" or kind not in FORMATS:
        return None
    try:
        return kind, base64.b64decode(body, validate=True)
    except ValueError:
        return None


def parsed(content: bytes | str, place: str = "body") -> Any:
    """Return the values that JSON holds.

    Raises
    ------
    AskError
        If it is no JSON of valid text and finite numbers, is nested too deeply, or names a key of
        an object twice.
    """
    try:
        text = content.decode() if isinstance(content, bytes) else content
        values = json.loads(text, parse_int=_whole, parse_constant=_no_number,
                            object_pairs_hook=_object)
        if "\\u" in text:                                       # halves of characters
            json.dumps(values, ensure_ascii=False).encode()
    except UnicodeError:
        raise AskError(400, f"{place}: it is no text in UTF-8; repair its encoding.") from None
    except RecursionError:
        raise AskError(400, f"{place}: its JSON is nested too deeply; write it flatter.") from None
    except json.JSONDecodeError as error:
        raise AskError(400, f"{place}: it is no JSON ({error.msg}, line {error.lineno} column "
                       f"{error.colno}); send one JSON object.") from None
    except ValueError as error:
        raise AskError(400, f"{place}: {error}") from None
    return values


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON; send finite numbers.")


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number has {len(digits)} digits; send at most {DIGITS}.")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {short(twice)} stands twice in one object; name it once.")
    return found
