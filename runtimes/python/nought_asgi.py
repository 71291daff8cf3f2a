"""Signature asgi: an application ``app(scope, receive, send)`` (ASGI 3.0, HTTP and lifespan)."""

import asyncio
import os
import queue
import sys

import nought_loop
from nought_message import HttpError

STARTUP_SECONDS = 60
# How often a thread whose application waits for its client to leave looks whether it has, in seconds.
DISCONNECT_POLL_SECONDS = 0.25


def asgi_invoker(app):
    """Runs the application's start-up, then serves requests with it."""
    _start_up(app)

    def serve(request, response):
        _Call(app, request, response).run()

    return serve


def _start_up(app):
    messages = asyncio.Queue()
    outcome = {}

    async def lifespan():
        started = nought_loop.loop.create_future()

        async def send(message):
            if message["type"] == "lifespan.startup.complete" and not started.done():
                started.set_result(None)
            elif message["type"] == "lifespan.startup.failed" and not started.done():
                started.set_exception(RuntimeError(message.get("message") or "The application's start-up failed"))

        async def application():
            try:
                await app({"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}, messages.get, send)
            except BaseException as error:
                # The specification: an application that does not know lifespan raises, and is served all the same.
                outcome["unsupported"] = error
            if not started.done():
                started.set_result(None)

        outcome["task"] = asyncio.ensure_future(application())
        await messages.put({"type": "lifespan.startup"})
        await asyncio.wait_for(started, STARTUP_SECONDS)

    nought_loop.run(lifespan())


class _Call:
    """One request: the application runs in the loop, this connection's thread reads and writes for it."""

    def __init__(self, app, request, response):
        self.app = app
        self.request = request
        self.response = response
        self.orders = queue.SimpleQueue()
        self.body_sent = False
        self.gone = False
        self.watchers = []

    def run(self):
        finished = asyncio.run_coroutine_threadsafe(self._run_app(), nought_loop.loop)
        while True:
            order = self._next_order()
            if order is None:
                break
            kind, argument, future = order
            try:
                self._settle(future, self._read() if kind == "read" else self._write(argument))
            except Exception as error:
                self.gone = True
                self._settle(future, error)
        error = finished.exception()
        if error is not None:
            if isinstance(error, HttpError):
                raise error
            self.response.problem(error)
        elif not self.response.finished:
            self.response.problem(RuntimeError("The application ended without a complete answer"))

    def _next_order(self):
        while self.watchers:
            try:
                return self.orders.get(timeout=DISCONNECT_POLL_SECONDS)
            except queue.Empty:
                if self.request.connection.is_gone():
                    for future in self.watchers:
                        self._settle(future, {"type": "http.disconnect"})
                    self.watchers = []
        return self.orders.get()

    async def _run_app(self):
        try:
            await self.app(self._scope(), self._receive, self._send)
        finally:
            self.orders.put(None)

    def _order(self, kind, argument):
        future = nought_loop.loop.create_future()
        self.orders.put((kind, argument, future))
        return future

    async def _receive(self):
        if not self.body_sent:
            message = await self._order("read", None)
            self.body_sent = not message["more_body"]
            return message
        if self.response.finished or self.gone:
            return {"type": "http.disconnect"}
        future = nought_loop.loop.create_future()
        self.watchers.append(future)
        # Wakes the thread, which may be waiting for an order without looking at its client.
        self.orders.put(("wake", None, None))
        return await future

    async def _send(self, message):
        await self._order("write", message)

    def _read(self):
        piece = self.request.read_chunk()
        return {"type": "http.request", "body": piece, "more_body": not self.request.complete}

    def _write(self, message):
        if message is None:
            return None
        response = self.response
        if message["type"] == "http.response.start":
            self.pending = (message["status"], [(bytes(n), bytes(v)) for n, v in message.get("headers", ())])
        elif message["type"] == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if not response.started and not more:
                response.send_whole(self.pending[0], self.pending[1], bytes(body))
            else:
                if not response.started:
                    response.connection.write(response.start(self.pending[0], self.pending[1]))
                response.write(bytes(body))
                if not more:
                    response.end()
        return None

    def _settle(self, future, value):
        if future is None:
            return

        def settle():
            if future.done():
                return
            if isinstance(value, Exception):
                future.set_exception(value)
            else:
                future.set_result(value)

        nought_loop.loop.call_soon_threadsafe(settle)

    def _scope(self):
        request = self.request
        path, _, query = request.target.partition(b"?")
        from urllib.parse import unquote_to_bytes

        headers = [(name, value) for name, value in request.headers]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.version[5:].decode(),
            "method": request.method.upper(),
            "scheme": request.header(b"x-forwarded-proto") or "http",
            "path": unquote_to_bytes(path).decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": None,
            "server": (os.environ.get("HOST", ""), int(os.environ.get("PORT", "8080"))),
            "state": {},
        }


if sys.version_info < (3, 9):
    raise RuntimeError("Python 3.9 or newer is needed")
