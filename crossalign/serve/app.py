"""The application: its routes, its errors in one sentence, and its page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from crossalign import __version__
from crossalign.serve.changes import add_changes
from crossalign.serve.guard import Door, Guard, answer
from crossalign.serve.limits import AskError, Limits, overload
from crossalign.serve.page import page_files
from crossalign.serve.pool import Pool
from crossalign.serve.questions import Desk, add_questions, add_views
from crossalign.serve.served import Served

if TYPE_CHECKING:
    from crossalign.space import Space

HEALTH = "/health"


def make_app(space: Space, door: Door, limits: Limits) -> ASGIApp:
    """Return the application that serves a space.

    Parameters
    ----------
    space : Space
        Open space.
    door : Door
        Rules of who may ask.
    limits : Limits
        Largest requests that are answered.
    """
    desk = Desk(Served(space, limits), Pool(limits), limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.pool.close()

    app = FastAPI(title="crossalign", version=__version__, openapi_url="/docs", docs_url=None,
                  redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    files = page_files()
    public = frozenset({HEALTH, *files})
    _handle_errors(app)
    for add in (add_questions, add_views, add_changes):
        add(app, desk)

    @app.get(HEALTH)
    async def health() -> Response:
        """Tell that the server answers."""
        return JSONResponse({"status": "ok"})

    for path, (content, kind) in files.items():
        app.add_api_route(path, partial(_file, content, kind), include_in_schema=False)
    return Guard(app, replace(door, public=public), limits)


async def _file(content: bytes, kind: str) -> Response:
    return Response(content, media_type=kind)


def _handle_errors(app: FastAPI) -> None:
    """Answer every error with one sentence."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AskError)
        return answer(error)

    async def wrong(_: Request, error: Exception) -> JSONResponse:
        return answer(AskError(400, " ".join(str(error).split())))

    async def unknown(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return answer(AskError(error.status_code, f"address: there is no {request.method} at that "
                               "path; see /docs."))

    async def full(_: Request, error: Exception) -> JSONResponse:
        return answer(AskError(413, "request: it needs more memory than there is; send less."))

    async def broken(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OSError)
        return answer(overload(f"space: its folder cannot be used ({error.strerror or 'error'}); "
                               "ask again later."))

    async def bug(_: Request, error: Exception) -> JSONResponse:
        return answer(AskError(500, "this is a bug of the server and not your input; its log has "
                               "the traceback."))

    for kind, handler in ((AskError, refused), (ValueError, wrong), (HTTPException, unknown),
                          (MemoryError, full), (OSError, broken), (Exception, bug)):
        app.add_exception_handler(kind, handler)
