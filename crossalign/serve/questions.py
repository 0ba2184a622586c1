"""Routes that change nothing: searches, recognition, captions, answers, classes and the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from crossalign.serve.bodies import (
    About,
    Ask,
    Body,
    Caption,
    CaptionClip,
    Map,
    Maps,
    Question,
    Recognise,
    Search,
    Why,
    asked,
    check_k,
    check_plain,
    check_text,
    described,
    from_json,
    from_parameters,
    pictures_in,
)
from crossalign.serve.guard import JSON, body_type
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.pool import Pool
from crossalign.serve.served import Served
from crossalign.serve.uploads import film, opened, picture_in


@dataclass(frozen=True)
class Desk:
    """A space, the workers that ask it, and the limits of what may be asked."""

    served: Served
    pool: Pool
    limits: Limits


def add_questions(app: FastAPI, desk: Desk) -> None:
    """Add the routes about queries."""

    @app.post("/search", openapi_extra=described(Search, Search))
    async def search(request: Request) -> Response:
        """Find the items nearest to a text, a vector or a picture."""
        return JSONResponse(await _asked(
            desk, request, Search, lambda item, body: desk.served.search(
                item, body.k, body.where, body.modality)))

    @app.post("/recognise", openapi_extra=described(Recognise, Recognise))
    async def recognise(request: Request) -> Response:
        """Name the likeliest classes, with calibrated probabilities."""
        return JSONResponse(await _asked(
            desk, request, Recognise, lambda item, body: desk.served.recognise(item, body.k)))

    @app.post("/caption", openapi_extra=described(CaptionClip, Caption))
    async def caption(request: Request) -> Response:
        """Say in words what a picture shows, or in JSON a clip."""
        kind, content = body_type(request.headers), await request.body()
        if kind == JSON:
            frames = pictures_in(from_json(CaptionClip, content).frames, desk.limits, "frames")
            return JSONResponse(await desk.pool.run(
                lambda: desk.served.caption(film(frames, desk.limits))))
        from_parameters(Caption, request.query_params.multi_items())
        return JSONResponse(await desk.pool.run(
            lambda: desk.served.caption(opened(content, kind, desk.limits))))

    @app.post("/ask", openapi_extra=described(Ask, Question))
    async def ask(request: Request) -> Response:
        """Answer a question about a picture, or in JSON about two, or about a clip."""
        body, items = await _about(request, Question, Ask, desk.limits)
        check_k(body.k, desk.limits)
        check_text(body.question, desk.limits, "question")
        return JSONResponse(await desk.pool.run(
            lambda: desk.served.ask(items(), body.question, body.k)))

    @app.post("/occlusion", openapi_extra=described(Maps, Map))
    async def occlusion(request: Request) -> Response:
        """Map what of a picture an answer, a caption or the likeliest class rests on, or in JSON
        draw which frame of a clip.
        """
        body, items = await _about(request, Map, Maps, desk.limits)
        if body.question is not None:
            check_text(body.question, desk.limits, "question")
        return JSONResponse(await desk.pool.run(
            lambda: desk.served.occlusion(items(), body.of, body.question)))

    @app.post("/why", openapi_extra=described(Why, Why))
    async def why(request: Request) -> Response:
        """Name the training pairs and words that put an item among the hits."""
        return JSONResponse(await _asked(
            desk, request, Why, lambda item, body: desk.served.why(item, body.id, body.k)))


def add_views(app: FastAPI, desk: Desk) -> None:
    """Add the routes about the space itself."""
    pool, served, limits = desk.pool, desk.served, desk.limits

    @app.get("/space")
    async def space() -> Response:
        """Tell what the space is, and what may be sent."""
        found = await pool.run(served.about)
        return JSONResponse({**found, "limits": {"k": limits.k, "text": limits.text,
                                                 "body": limits.body, "pixels": limits.pixels}})

    @app.get("/classes")
    async def classes() -> Response:
        """List the classes, seen in training or not."""
        return JSONResponse({"classes": await pool.run(served.classes)})

    @app.get("/map")
    async def map_() -> Response:
        """Place items on a plane, by the principal components of their vectors."""
        return JSONResponse({"points": await pool.run(served.map)})

    @app.get("/thumb/{name:path}")
    async def thumb(name: str) -> Response:
        """Show the small picture that the space keeps of an item."""
        found = picture_in(await pool.run(lambda: served.thumb(name)))
        if found is None:
            raise AskError(404, "id: the space keeps no small picture of that item.")
        return Response(found[1], media_type=found[0])


async def _about(request: Request, beside: type[Body], whole: type[About],
                 limits: Limits) -> tuple[Any, Callable[[], list[Any]]]:
    """Return what is asked, in parameters ``beside`` a picture or in JSON as a ``whole``, and a
    function that opens the pictures, or the clip, that it is about.
    """
    content, kind = await request.body(), body_type(request.headers)
    if kind != JSON:
        return (from_parameters(beside, request.query_params.multi_items()),
                lambda: [opened(content, kind, limits)])
    body = from_json(whole, content)
    if bool(body.pictures) == (body.frames is not None):
        raise AskError(400, "pictures: ask about one picture or two, or about the frames of a "
                       "clip.")
    if body.frames is not None:
        clip = pictures_in(body.frames, limits, "frames")
        return body, lambda: [film(clip, limits)]
    each = pictures_in(body.pictures, limits, "pictures")
    return body, lambda: [opened(one, form, limits) for form, one in each]


async def _asked(desk: Desk, request: Request, form: type[Any],
                 ask: Callable[[Any, Any], Any]) -> Any:
    """Return the answer to a text, vector or clip in JSON, or to a picture with parameters beside
    it.
    """
    content, kind = await request.body(), body_type(request.headers)
    is_json = kind == JSON
    body = (from_json(form, content) if is_json
            else from_parameters(form, request.query_params.multi_items()))
    check_k(body.k, desk.limits)
    check_plain(getattr(body, "where", None), desk.limits, "where")
    if is_json:
        item = asked(body, desk.limits)
        if body.frames is not None:
            return await desk.pool.run(lambda: ask(film(item, desk.limits), body))
        return await desk.pool.run(lambda: ask(item, body))
    if body.text is not None or body.vector is not None or body.frames is not None:
        raise AskError(400, "text: a picture is sent already; ask for one of them.")
    return await desk.pool.run(lambda: ask(opened(content, kind, desk.limits), body))
