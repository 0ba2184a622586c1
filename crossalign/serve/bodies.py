"""Forms of requests: their fields, read from JSON or from the parameters of an address."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossalign.sentences import short
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.uploads import FORMATS, parsed, picture_in

Finite = Annotated[float, Field(allow_inf_nan=False)]
Vector = Annotated[list[Finite], Field(min_length=1, max_length=65_536)]
Frames = Annotated[list[str], Field(min_length=1)]
"""Pictures of a clip in their order, each a data URI."""
JSON_FIELDS = ("where", "payload")
"""Parameters of an address that hold JSON."""


class Body(BaseModel):
    """A request."""

    model_config = ConfigDict(extra="forbid")


class Recognise(Body):
    """One text, vector or clip, each frame a data URI, and the number of classes."""

    text: str | None = None
    vector: Vector | None = None
    frames: Frames | None = None
    k: int = 5


class Search(Recognise):
    """One text, vector or clip, and what may be found."""

    k: int = 10
    where: dict[str, Any] | None = None
    modality: str | None = None


class Why(Recognise):
    """One text or clip, and the id of a hit to explain."""

    id: str


class Caption(Body):
    """A picture alone."""


class CaptionClip(Body):
    """A clip alone."""

    frames: Frames


class Question(Body):
    """A question about a picture, and the number of answers."""

    question: str
    k: int = 3


class About(Body):
    """One picture or two, each a data URI, or a clip."""

    pictures: list[str] = Field([], max_length=2)
    frames: Frames | None = None


class Ask(Question, About):
    """A question, and what it is about."""


class Map(Body):
    """Parameters beside a picture of which a map is asked, and the question of an answer."""

    of: Literal["answer", "caption", "class"] = "class"
    question: str | None = None


class Maps(Map, About):
    """The same, and what the map is over."""


class Item(Body):
    """One item to keep: a text or a vector."""

    text: str | None = None
    vector: Vector | None = None
    id: str | None = None
    payload: dict[str, Any] | None = None


class Items(Body):
    """Items of one kind to keep."""

    items: list[Item]
    modality: str | None = None


class PictureItem(Body):
    """Parameters beside a picture to keep."""

    id: str | None = None
    payload: dict[str, Any] | None = None
    thumb: bool = False


class NewClass(Body):
    """A class to recognise, and a text that describes it."""

    name: str
    text: str | None = None


Form = TypeVar("Form", bound=Body)


def from_json(form: type[Form], content: bytes) -> Form:
    """Read a request from its body; AskError unless it has the form."""
    return _checked(form, parsed(content), strict=True)


def from_parameters(form: type[Form], given: Iterable[tuple[str, str]]) -> Form:
    """Read a request from the parameters of its address; AskError unless it has the form."""
    values: dict[str, Any] = {}
    for name, value in given:
        if name in values:
            raise AskError(400, f"{short(name)}: it stands twice in the address; give it once.")
        values[name] = parsed(value, name) if name in JSON_FIELDS else value
    return _checked(form, values, strict=False)


def _checked(form: type[Form], values: Any, *, strict: bool) -> Form:
    try:
        return form.model_validate(values, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(short(part).strip("'") for part in first["loc"]) or "body"
        fields = ", ".join(form.model_fields)
        known = f"the fields are {fields}" if fields else "there are no fields"
        what = "unknown field" if first["type"] == "extra_forbidden" else first["msg"].lower()
        raise AskError(400, f"{place}: {what}, got {short(first['input'])}; {known}.") from None


def asked(body: Recognise | Item, limits: Limits, place: str = "") -> Any:
    """Return the text or vector of a request, or type and bytes of each frame of its clip.

    Raises
    ------
    AskError
        If it has none or several, the text is blank or too long, or a frame is no picture.
    """
    frames = getattr(body, "frames", None)
    if sum(one is not None for one in (body.text, body.vector, frames)) != 1:
        raise AskError(400, f"{place}text: give a text or a vector, and not both." if frames is None
                       else f"{place}frames: give a clip alone, without a text or a vector.")
    if frames is not None:
        return pictures_in(frames, limits, f"{place}frames")
    if body.vector is not None:
        return within_float32(body.vector, place)
    check_text(body.text or "", limits, f"{place}text")
    return body.text


def within_float32(vector: list[float], place: str = "") -> Any:
    """Return a vector ``(d,)`` in float32; AskError if a number does not fit."""
    with np.errstate(over="ignore"):
        row = np.asarray(vector, dtype=np.float32)
    if not np.isfinite(row).all():
        raise AskError(400, f"{place}vector: it has a number that float32 cannot hold; scale it.")
    return row


def pictures_in(uris: list[str], limits: Limits, place: str) -> list[tuple[str, bytes]]:
    """Return type and bytes of pictures, each a data URI; AskError if one is none, or for too
    many.
    """
    if len(uris) > limits.frames:
        raise AskError(413, f"{place}: got {len(uris)}; send {limits.frames} at most, spread over "
                       "the clip.")
    found = [picture_in(uri) for uri in uris]
    for n, picture in enumerate(found):
        if picture is None:
            raise AskError(400, f"{place}.{n}: it is no picture as a data URI; send its bytes as "
                           "data:image/png;base64,... or of another type that is read.")
    return [picture for picture in found if picture is not None]


def check_text(text: str, limits: Limits, place: str) -> None:
    """Raise AskError if a text is blank or too long."""
    if not text.strip() or len(text) > limits.text:
        raise AskError(400, f"{place}: got {len(text)} characters; give 1 to {limits.text}, not "
                       "all blank.")


def check_k(k: int, limits: Limits) -> None:
    """Raise AskError unless a number of results is within its limits."""
    if not 1 <= k <= limits.k:
        raise AskError(400, f"k: got {short(k)}; ask for 1 to {limits.k} results.")


def check_plain(values: dict[str, Any] | None, limits: Limits, place: str) -> None:
    """Raise AskError if a filter or payload is too long."""
    if values is not None and len(json.dumps(values)) > limits.where:
        raise AskError(400, f"{place}: it has more than {limits.where} characters as JSON; shorten "
                       "it.")


def described(form: type[Body] | None, picture: type[Body] | None = None) -> dict[str, Any]:
    """Return what OpenAPI says of a route whose body is read here.

    Parameters
    ----------
    form : type or None
        Form of its JSON; None if it takes none.
    picture : type, optional
        Form of the parameters beside a picture; None if it takes no picture.
    """
    content: dict[str, Any] = {} if form is None else {
        "application/json": {"schema": _schema(form)}}
    found: dict[str, Any] = {"requestBody": {"required": True, "content": content}}
    if picture is not None:
        content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in FORMATS}
        beside = _schema(picture)
        found["parameters"] = [
            {"name": name, "in": "query", "required": name in beside.get("required", ()),
             "schema": schema, "description": "Beside a picture."}
            for name, schema in beside["properties"].items()
            if name not in ("text", "vector", "frames")]
    return found


def _schema(form: type[Body]) -> dict[str, Any]:
    """Return the JSON schema of a form, in one piece."""
    schema = form.model_json_schema()
    return dict(_inlined(schema, schema.pop("$defs", {})))


def _inlined(value: Any, parts: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inlined(parts[value["$ref"].rpartition("/")[2]], parts)
        return {key: _inlined(part, parts) for key, part in value.items()}
    return [_inlined(part, parts) for part in value] if isinstance(value, list) else value
