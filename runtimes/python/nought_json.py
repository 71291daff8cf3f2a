"""Signature json: ``handler(event, ctx)``, sync, async, or a generator that streams."""

import json
import sys

from nought_message import HttpError

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
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()


class Signal:
    """``ctx.signal.aborted`` is true once the caller has gone."""

    def __init__(self, connection):
        self._connection = connection

    @property
    def aborted(self):
        return self._connection.is_gone()


class Context:
    """What a handler may know of its call."""

    def __init__(self, request, path, query, event):
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        self.method = request.method
        self.path = path
        self.query = query
        self.request_id = self.requestId = self.headers.get("x-request-id", "")
        self.event = event
        self.signal = Signal(request.connection)
        self.log = Log(self.request_id)


def json_invoker(handler):
    """Serves requests with a handler of nought_load."""
    target, arguments = handler.target, handler.arguments
    flags = getattr(getattr(target, "__code__", None), "co_flags", 0)
    if flags & (_COROUTINE | _ASYNC_GENERATOR):
        # An import that only asynchronous handlers pay for, before the first call.
        import nought_loop  # noqa: F401

    def serve(request, response):
        body = request.read_body()
        path, query = _split_target(request.target)
        value, event = _read_input(request, body, query)
        context = Context(request, path, query, event)
        try:
            output = target(*(value, context)[:arguments])
            if hasattr(output, "__await__"):
                import nought_loop

                output = nought_loop.run(output)
            _send_output(context, response, output)
        except HttpError:
            raise
        except Exception as error:
            response.problem(error)
        except SystemExit as error:
            _leave(error)

    return serve


def _leave(error):
    """``sys.exit`` in a handler ends the process, as its author asked."""
    import os

    sys.stdout.flush()
    code = error.code
    os._exit(0 if code is None else code if isinstance(code, int) else 1)


def _split_target(target):
    path, _, query = target.decode("latin-1").partition("?")
    if not query:
        return path, {}
    from urllib.parse import parse_qsl, unquote

    return unquote(path), dict(parse_qsl(query, keep_blank_values=True))


def _read_input(request, body, query):
    kind = (request.header(b"content-type") or "").split(";", 1)[0].strip().lower()
    if kind == "application/cloudevents+json":
        event = _parse(body)
        return (event.get("data") if isinstance(event, dict) else None), event
    if not body:
        value = query
    elif kind.startswith("text/") and kind != "text/plain":
        # text/plain is what fetch() and many clients say of any string, JSON too.
        value = body.decode("utf-8", "replace")
    elif kind == "application/octet-stream" or kind.split("/", 1)[0] in ("image", "audio", "video", "multipart"):
        value = body
    else:
        value = _parse(body)
    return value, _binary_event(request, kind, value)


def _parse(body):
    try:
        return json.loads(body)
    except ValueError as error:
        raise HttpError(400, "Invalid JSON", "The request body is no valid JSON: %s" % error) from None
    except RecursionError:
        raise HttpError(400, "Invalid JSON", "The request body is nested too deeply") from None


def _binary_event(request, kind, data):
    """CloudEvents 1.0, HTTP binding, binary mode: attributes are ``ce-`` headers."""
    if request.header(b"ce-specversion") is None:
        return None
    from urllib.parse import unquote

    event = {"data": data}
    for name, value in request.headers:
        if name.startswith(b"ce-"):
            event[name[3:].decode("latin-1")] = unquote(value.decode("latin-1"))
    if kind:
        event["datacontenttype"] = kind
    return event


def _send_output(context, response, output):
    if output is None:
        response.send_whole(204, [], b"")
    elif isinstance(output, (bytes, bytearray, memoryview)):
        response.send_whole(200, [(b"content-type", b"application/octet-stream")], bytes(output))
    elif hasattr(output, "__aiter__"):
        import nought_loop

        _send_stream(context, response, nought_loop.iterate(output))
    elif hasattr(output, "__next__"):
        _send_stream(context, response, output)
    else:
        body = json.dumps(output, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        response.send_whole(200, [(b"content-type", b"application/json")], body)


def _send_stream(context, response, values):
    """Each value is sent as it comes: as server-sent events if the client asks for them, else bytes and text as they are and other values as JSON lines."""
    events = "text/event-stream" in context.headers.get("accept", "")
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
        response.connection.write(response.start(200, [(b"content-type", kind.encode())]))
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
    return json.dumps(value).encode() + b"\n"


def _event_of(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return ("".join("data: %s\n" % line for line in text.splitlines() or [""]) + "\n").encode()
