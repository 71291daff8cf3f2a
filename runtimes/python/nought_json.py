"""Signature json: ``handler(event, ctx)``, sync, async, or a generator that streams."""

import os
import sys

import nought_codec
from nought_message import Gone, HttpError

_COROUTINE = 0x80
_ASYNC_GENERATOR = 0x200


class Log:
    """Structured lines on stdout: ``log("…")``, ``log.info("…", key=value)``, ``log.error("…")``."""

    def __init__(self, request_id):
        self._request_id = request_id

    def __call__(self, message, **fields):
        self._write("info", message, fields)

    def debug(self, message, **fields):
        self._write("debug", message, fields)

    def info(self, message, **fields):
        self._write("info", message, fields)

    def warn(self, message, **fields):
        self._write("warn", message, fields)

    def error(self, message, **fields):
        self._write("error", message, fields)

    def _write(self, level, message, fields):
        line = {"level": level, "message": message, "requestId": self._request_id}
        line.update(fields)
        sys.stdout.write(nought_codec.dumps(line, default=str, ascii_only=True) + "\n")
        sys.stdout.flush()


class Signal:
    """``ctx.signal.aborted`` is true once the caller has gone."""

    def __init__(self, connection):
        self._connection = connection

    @property
    def aborted(self):
        return self._connection.is_gone()


class Context:
    """What a handler may know of its call; what costs something is made when it is asked for."""

    def __init__(self, request, path, query, event):
        self._request = request
        self._headers = self._request_id = self._log = None
        self.method = request.method
        self.path = path
        self.query = query
        self.event = event

    @property
    def headers(self):
        if self._headers is None:
            self._headers = _join_headers(self._request.headers)
        return self._headers

    @property
    def request_id(self):
        if self._request_id is None:
            self._request_id = self._request.header(b"x-request-id") or os.urandom(16).hex()
        return self._request_id

    requestId = request_id

    @property
    def signal(self):
        return Signal(self._request.connection)

    @property
    def log(self):
        if self._log is None:
            self._log = Log(self.request_id)
        return self._log


def _join_headers(fields):
    headers = {}
    for name, value in fields:
        name, value = name.decode("latin-1"), value.decode("latin-1")
        earlier = headers.get(name)
        headers[name] = value if earlier is None else earlier + ("; " if name == "cookie" else ", ") + value
    return headers


def json_invoker(handler):
    """Serves requests with a handler of nought_load."""
    target, arguments = handler.target, handler.arguments
    flags = getattr(getattr(target, "__code__", None), "co_flags", 0)
    if flags & (_COROUTINE | _ASYNC_GENERATOR):
        # An import that only asynchronous handlers pay for, before the first call.
        import nought_loop  # noqa: F401

    def serve(request, response):
        body = request.read_body()
        try:
            path, query = _split_target(request.target)
            value, event = _read_input(request, body, query)
            context = Context(request, path, query, event)
            output = target(*(value, context)[:arguments])
            if hasattr(output, "__await__"):
                import nought_loop

                output = nought_loop.run(output)
            _send_output(request, response, output)
        except (Gone, HttpError):
            raise
        except Exception as error:
            response.problem(error)
        except SystemExit as error:
            _leave(error)

    return serve


def _leave(error):
    """``sys.exit`` in a handler ends the process, as its author asked."""
    sys.stdout.flush()
    code = error.code
    os._exit(0 if code is None else code if isinstance(code, int) else 1)


def _split_target(target):
    path, _, query = target.decode("latin-1").partition("?")
    if not query:
        return path, {}
    from urllib.parse import parse_qsl

    return path, dict(parse_qsl(query, keep_blank_values=True))


def _read_input(request, body, query):
    """The handler's input, and the CloudEvent that it came in."""
    kind = (request.header(b"content-type") or "").split(";", 1)[0].strip().lower()
    if kind.startswith("application/cloudevents") or request.header(b"ce-specversion") is not None:
        import nought_cloudevent

        event = nought_cloudevent.read_event(request, kind, body, _read_data)
        return event.get("data"), event
    # text/plain is what fetch() and many clients say of any string, JSON too.
    return (_read_data(kind, body, "text/plain") if body else query), None


def _read_data(kind, body, loose=None):
    """``loose`` is the kind of text that may well be JSON."""
    if kind.startswith("text/") and kind != loose:
        return body.decode("utf-8", "replace")
    if kind == "application/octet-stream" or kind.split("/", 1)[0] in ("image", "audio", "video", "multipart"):
        return body
    try:
        return nought_codec.loads(body)
    except ValueError as error:
        raise HttpError(400, "Invalid JSON", "The request body is no valid JSON: %s" % error) from None
    except RecursionError:
        raise HttpError(400, "Invalid JSON", "The request body is nested too deeply") from None


def _send_output(request, response, output):
    if output is None:
        response.send_whole(204, [], b"")
    elif isinstance(output, (bytes, bytearray, memoryview)):
        response.send_whole(200, [(b"content-type", b"application/octet-stream")], bytes(output))
    elif hasattr(output, "__aiter__"):
        import nought_loop

        _send_stream(request, response, nought_loop.iterate(output))
    elif hasattr(output, "__next__"):
        _send_stream(request, response, output)
    elif type(output) is dict and "specversion" in output and _send_event(request, response, output):
        pass
    else:
        response.send_whole(200, [(b"content-type", b"application/json")], to_json(output))


def _send_event(request, response, output):
    """False when it is none after all."""
    import nought_cloudevent

    if not nought_cloudevent.is_event(output):
        return False
    nought_cloudevent.send_event(response, output, request.header(b"accept") or "")
    return True


def to_json(value):
    try:
        return nought_codec.dumps(value).encode()
    except UnicodeEncodeError:
        # Halves of surrogate pairs, which JSON can only hold escaped.
        return nought_codec.dumps(value, ascii_only=True).encode()


def _send_stream(request, response, values):
    """Each value is sent as it comes: as server-sent events if the client asks for them, else bytes and text as they are and other values as JSON lines."""
    events = "text/event-stream" in (request.header(b"accept") or "")
    started = False
    for value in values:
        if not started:
            started = True
            kind = "text/event-stream" if events else _stream_type(value)
            response.connection.write(
                response.start(200, [(b"content-type", kind.encode()), (b"cache-control", b"no-store")])
            )
        response.write(_event_of(value) if events else _chunk_of(value))
    if not started:
        kind = "text/event-stream" if events else "text/plain; charset=utf-8"
        fields = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
        response.connection.write(response.start(200, fields))
    response.end()


def _stream_type(first):
    if isinstance(first, str):
        return "text/plain; charset=utf-8"
    return "application/octet-stream" if isinstance(first, (bytes, bytearray)) else "application/x-ndjson"


def _chunk_of(value):
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return to_json(value) + b"\n"


def _event_of(value):
    text = value.encode() if isinstance(value, str) else to_json(value)
    return b"".join(b"data: %s\n" % line for line in text.splitlines() or [b""]) + b"\n"
