"""Start a server: a socket, who may ask, and an orderly end."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from crossalign.cores import one_thread
from crossalign.sentences import short
from crossalign.serve.app import make_app
from crossalign.serve.guard import LOOPBACK, Door
from crossalign.serve.limits import Limits
from crossalign.serve.patience import patient

if TYPE_CHECKING:
    from crossalign.space import Space

SHORTEST_TOKEN = 16
"""Least number of characters of a token."""
GRACE = 5
"""Time in which requests that run may end after Ctrl-C, in seconds."""


def serve(space: Space, host: str = "127.0.0.1", port: int = 8000, token: str | None = None, *,
          limits: Limits | None = None, log: Callable[[str], None] = print) -> None:
    """Serve a space until Ctrl-C.

    Parameters
    ----------
    space : Space
        Open space.
    host : str
        Address to listen at; default that of this machine alone.
    port : int
        Port; default 8000, and 0 for any that is free.
    token : str, optional
        Bearer token that requests carry; needed unless the host is this machine alone.
    limits : Limits, optional
        Largest requests that are answered.
    log : callable
        Function called with the address once the server listens; default ``print``.

    Raises
    ------
    ValueError
        If the address cannot be used, or the token is missing or weak.
    KeyboardInterrupt
        At its end, which a signal brings about.
    """
    import uvicorn

    limits = limits or Limits()
    door = door_of(host, token)
    with _listening(host, port) as listener, one_thread():
        app = make_app(space, door, limits)
        config = uvicorn.Config(
            app, http=patient(limits), ws="none", loop="asyncio", lifespan="on",
            log_level="error", access_log=False, server_header=False, proxy_headers=False,
            timeout_keep_alive=max(1, int(limits.patience)), timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=limits.head)
        name = f"[{host}]" if ":" in host else host
        log(f"http://{name}:{listener.getsockname()[1]}/ (Ctrl-C ends it)")
        uvicorn.Server(config).run(sockets=[listener])
        raise KeyboardInterrupt      # nothing but a signal ends it, also where that was lost


def door_of(host: str, token: str | None) -> Door:
    """Return who may ask a server at an address.

    Raises
    ------
    ValueError
        If other machines reach it and it has no token, or the token is weak.
    """
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii()
                              or not token.isprintable() or " " in token):
        raise ValueError(f"token: got {len(token)} characters; give at least {SHORTEST_TOKEN} "
                         "letters, digits and signs of ASCII without spaces.")
    if is_loopback(host):
        return Door(LOOPBACK | {host.lower()}, token)
    if token is None:
        raise ValueError(f"host: other machines reach {short(host)}, so that it needs a token; "
                         "give one with --token, or leave out the host.")
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    return Door(None if everywhere else LOOPBACK | {host.lower()}, token)


def is_loopback(host: str) -> bool:
    """Tell if only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=64)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"port: the server cannot listen at {short(host)}, port {port} "
                         f"({reason}); give another --host or --port.") from None
