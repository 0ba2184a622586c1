"""The door of the server: who may ask, and what comes in before anything is read.

Names of hosts are checked against DNS rebinding, origins and types of bodies against pages of
others, and tokens in constant time. A body is read whole, within its size and time.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crossalign.sentences import short
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.uploads import FORMATS

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
JSON = "application/json"
HEADERS = {
    "Content-Security-Policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"}
"""Headers of every answer."""
SENT = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class GoneError(Exception):
    """The client closed the connection."""


@dataclass(frozen=True)
class Door:
    """Rules of who may ask.

    Attributes
    ----------
    hosts : collection of str, optional
        Names in the Host header; None for any.
    token : str, optional
        Bearer token; without one everybody may ask.
    public : collection of str
        Paths that need no token.
    """

    hosts: Collection[str] | None = LOOPBACK
    token: str | None = None
    public: Collection[str] = field(default_factory=frozenset)


class Guard:
    """Application around another, which refuses requests at the door."""

    def __init__(self, app: ASGIApp, door: Door, limits: Limits) -> None:
        self._app, self._door, self._limits = app, door, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its whole body, or refuse it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SENT]
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check(scope, headers)
            content = await self._body(receive, is_json=body_type(headers) == JSON)
        except AskError as refusal:
            return await answer(refusal)(scope, receive, with_headers)
        except GoneError:
            return None
        return await self._app(scope, _replay(content, receive), with_headers)

    def _check(self, scope: Scope, headers: Headers) -> None:
        door, names = self._door, headers.getlist("host")
        host = _name(f"//{names[0]}") if len(names) == 1 else None
        if host is None or (door.hosts is not None and host not in door.hosts):
            raise AskError(403, "host: the server does not answer to that name; use the address "
                           "that it printed.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != names[0]:
            raise AskError(403, "origin: pages of other hosts may not ask; use the server's own.")
        if door.token is not None and scope["path"] not in door.public:
            given = headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), door.token.encode()):
                raise AskError(401, "token: it is missing or wrong; send the header "
                               "'Authorization: Bearer TOKEN'.",
                               {"WWW-Authenticate": "Bearer"})
        if scope["method"] == "POST" and body_type(headers) not in (JSON, *FORMATS):
            raise AskError(415, f"content-type: {short(body_type(headers))} is not read; send "
                           f"{JSON} or one of {', '.join(FORMATS)}.")

    async def _body(self, receive: Receive, *, is_json: bool) -> bytes:
        """Return the body; what is too large is read to its end, within bounds, and dropped."""
        limit = min(self._limits.json, self._limits.body) if is_json else self._limits.body
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._limits.patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise GoneError
                    size += len(message.get("body", b""))
                    if size <= limit:
                        parts.append(message.get("body", b""))
                    else:
                        parts.clear()
                    if not message.get("more_body", False) or size > 4 * self._limits.body:
                        break
        except TimeoutError:
            raise AskError(408, f"body: it took more than {self._limits.patience:g} seconds; "
                           "send it faster.", {"Connection": "close"}) from None
        if size > limit:
            raise AskError(413, f"body: it has more than {limit} bytes; send less.",
                           {"Connection": "close"})
        return b"".join(parts)


def body_type(headers: Headers) -> str:
    """Return the type of a body, in small letters, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def answer(refusal: AskError) -> JSONResponse:
    """Return a refusal as an answer."""
    return JSONResponse({"error": refusal.sentence}, refusal.status, refusal.headers)


def _name(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        return parts.hostname if parts.port != 0 and not parts.username else None
    except ValueError:
        return None


def _replay(content: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return again
