"""Connections that end: their number is bounded, and so is the time of slow clients.

uvicorn ends a connection that is quiet between two requests; here also one that never finishes a
request or never reads an answer is ended.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from crossalign.serve.limits import Limits


class PatientProtocol(H11Protocol):
    """HTTP/1.1 within limits, which `patient` sets."""

    limits: Limits
    _timer: asyncio.TimerHandle | None = None
    _timed: Any = None                                            # the request that is timed

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, or refuse the connection if there are too many."""
        super().connection_made(transport)
        # asyncio leaves it out for a socket of ours, and the end of an answer waits for 40 ms
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self.limits.connections:
            self._end(503, "the server has too many connections; come again in a second.",
                      (b"retry-after", b"1"))
        else:
            self._wait(self.limits.patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a request that is complete with its head has time to be answered."""
        super().data_received(data)
        if self.cycle is not None and self.cycle is not self._timed:
            self._timed = self.cycle
            if not self.cycle.response_complete:
                self._wait(2 * self.limits.patience + self.limits.seconds)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a whole request of a client that sends no more; else close."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait(self.limits.patience)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._end(400, "the request is no valid HTTP or its head is too long; repair it.")

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        began = self.conn.trailing_data[0] or self.conn.their_state is not h11.IDLE
        waiting = self.conn.our_state is h11.IDLE
        if waiting and began:
            self._end(408, f"the request did not arrive within {self.limits.patience:g} seconds; "
                           "send it faster.")
        if waiting and not self.transport.get_write_buffer_size():
            self.transport.close()
        else:                                                     # nobody reads what is written
            self.transport.abort()

    def _end(self, status: int, sentence: str, *headers: tuple[bytes, bytes]) -> None:
        """Answer with one sentence, unless an answer has begun, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": sentence}).encode()
            start = h11.Response(status_code=status, reason=STATUS_PHRASES[status], headers=[
                (b"content-type", b"application/json"), (b"connection", b"close"),
                (b"content-length", str(len(body)).encode()), *headers])
            for event in (start, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def patient(limits: Limits) -> type[PatientProtocol]:
    """Return the protocol within these limits."""
    return type("LimitedProtocol", (PatientProtocol,), {"limits": limits})
