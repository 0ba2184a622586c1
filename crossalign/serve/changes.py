"""Routes that change the space: items come and go, classes are added."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from crossalign.serve.bodies import (
    Items,
    NewClass,
    PictureItem,
    asked,
    check_plain,
    check_text,
    described,
    from_json,
    from_parameters,
)
from crossalign.serve.guard import JSON, body_type
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.questions import Desk
from crossalign.serve.uploads import opened
from crossalign.space.thumbs import THUMB_KEY, thumb_of_picture


def add_changes(app: FastAPI, desk: Desk) -> None:
    """Add the routes that change the space."""
    pool, served, limits = desk.pool, desk.served, desk.limits

    @app.post("/classes", status_code=201, openapi_extra=described(NewClass))
    async def add_class(request: Request) -> Response:
        """Add a class by its name and a text that describes it."""
        if body_type(request.headers) != JSON:
            raise AskError(415, f"content-type: a class is sent as {JSON}.")
        body = from_json(NewClass, await request.body())
        check_text(body.name, limits, "name")
        if body.text is not None:
            check_text(body.text, limits, "text")
        await pool.run(lambda: served.add_class(body.name, body.text))
        return JSONResponse({"name": body.name}, 201)

    @app.post("/items", status_code=201, openapi_extra=described(Items, PictureItem))
    async def add_items(request: Request) -> Response:
        """Add texts or vectors, or one picture; an item whose id is there is replaced."""
        batch = body_type(request.headers) == JSON
        names = await (_add_batch if batch else _add_picture)(desk, request)
        return JSONResponse({"ids": names}, 201)

    @app.delete("/items/{name:path}")
    async def remove_item(name: str) -> Response:
        """Remove an item."""
        await pool.run(lambda: served.remove(name))
        return JSONResponse({"removed": name})


async def _add_batch(desk: Desk, request: Request) -> list[str]:
    body = from_json(Items, await request.body())
    items = listed(body, desk.limits)
    ids, payload = [one.id for one in body.items], [one.payload for one in body.items]
    return await desk.pool.run(lambda: desk.served.add(items, ids, payload, body.modality))


async def _add_picture(desk: Desk, request: Request) -> list[str]:
    content, kind = await request.body(), body_type(request.headers)
    about = from_parameters(PictureItem, request.query_params.multi_items())
    check_plain(about.payload, desk.limits, "payload")

    def add() -> list[str]:
        picture = opened(content, kind, desk.limits)
        small = {THUMB_KEY: thumb_of_picture(picture)} if about.thumb else {}
        return desk.served.add([picture], [about.id], [{**(about.payload or {}), **small}], None)

    return await desk.pool.run(add)


def listed(body: Items, limits: Limits) -> list[Any]:
    """Return the texts or vectors of a batch; AskError if there are none, or too many."""
    if not 1 <= len(body.items) <= limits.batch:
        raise AskError(413 if body.items else 400,
                       f"items: got {len(body.items)}; send 1 to {limits.batch} at a time.")
    if len({one.text is None for one in body.items}) > 1:
        raise AskError(400, "items: there are texts and vectors; send one kind at a time.")
    for n, one in enumerate(body.items):
        check_plain(one.payload, limits, f"items.{n}.payload")
    return [asked(one, limits, f"items.{n}.") for n, one in enumerate(body.items)]
