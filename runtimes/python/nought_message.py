"""Requests and answers of HTTP/1.1 (RFC 9112), as a connection reads and writes them."""

import sys
import time

import nought_codec

# Longest line of a chunk's size with its extensions, and longest trailer section.
LINE_LIMIT = 16 * 1024
BODY_LIMIT = 8 * 1024 * 1024
READ_SIZE = 64 * 1024

# Fields that belong to the connection, which is not the function's.
CONNECTION_FIELDS = (b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te")

DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 409: "Conflict", 411: "Length Required",
    413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip


class HttpError(Exception):
    """An error that becomes an answer with this status."""

    def __init__(self, status, title, detail):
        super().__init__(detail)
        self.status = status
        self.title = title


def _body_too_large():
    return HttpError(413, "Body too large", "The body is larger than the %d bytes that a handler of signature json "
                     "is given; send less, or take it as a stream with signature asgi or http" % BODY_LIMIT)


def bad_body(detail):
    return HttpError(400, REASONS[400], detail)


class Gone(Exception):
    """The other side has closed the connection."""


class Request:
    """One request; ``headers`` is a list of (lower-case name, value) in bytes, as they came."""

    def __init__(self, connection, method, target, version, headers):
        self.connection = connection
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.remaining = 0
        self.chunked = False
        self.complete = True

    def header(self, name, default=None):
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return default

    def values(self, name):
        return [value for key, value in self.headers if key == name]

    def read_chunk(self):
        """The next piece of the body; empty once it is complete."""
        connection = self.connection
        if self.complete:
            return b""
        connection.send_continue()
        if self.chunked and self.remaining == 0:
            self._begin_chunk()
            if self.complete:
                return b""
        piece = connection.read_some(min(self.remaining, READ_SIZE))
        self.remaining -= len(piece)
        if self.remaining == 0:
            if self.chunked:
                if connection.read_exactly(2) != b"\r\n":
                    raise bad_body("A chunk is longer than its size")
            else:
                self.complete = True
        return piece

    def _begin_chunk(self):
        size = self.connection.read_line().split(b";", 1)[0].rstrip(b" \t")
        if not size or len(size) > 12 or size.translate(None, b"0123456789abcdefABCDEF"):
            raise bad_body("The size of a chunk is no number")
        self.remaining = int(size, 16)
        if self.remaining == 0:
            # Nobody here has a use for trailers.
            total = 0
            while True:
                line = self.connection.read_line()
                total += len(line)
                if not line:
                    break
                if total > LINE_LIMIT:
                    raise HttpError(431, REASONS[431], "The trailers are too long")
            self.complete = True

    def read_body(self):
        if not self.chunked and self.remaining > BODY_LIMIT:
            raise _body_too_large()
        pieces, size = [], 0
        while not self.complete:
            piece = self.read_chunk()
            size += len(piece)
            if size > BODY_LIMIT:
                raise _body_too_large()
            pieces.append(piece)
        return b"".join(pieces)


_date_line = (0, b"")


def _date():
    """RFC 9110, 6.6.1; made once a second, and without the locale's names."""
    global _date_line
    now = int(time.time())
    if _date_line[0] != now:
        year, month, day, hour, minute, second, weekday = time.gmtime(now)[:7]
        values = (DAYS[weekday], day, MONTHS[month - 1], year, hour, minute, second)
        _date_line = (now, b"date: %b, %02d %b %d %02d:%02d:%02d GMT" % values)
    return _date_line[1]


class Response:
    """Writes one answer; the framing is chosen from the headers and the protocol."""

    def __init__(self, connection, request):
        self.connection = connection
        self.request = request
        self.started = False
        self.finished = False
        self.chunked = False
        self.bodyless = False
        # Bytes that were promised and are still to come.
        self.owed = None

    def start(self, status, headers, length=None):
        """Returns the head. ``headers`` is a list of (name, value) in bytes; length None streams."""
        bodyless = self.request.method == "HEAD" or status in (204, 304)
        lines = [("HTTP/1.1 %d %s" % (status, REASONS.get(status, ""))).encode("latin-1")]
        dated = False
        for name, value in headers:
            if b"\r" in value or b"\n" in value or b"\r" in name or b"\n" in name:
                raise ValueError("A header of the answer holds a line break")
            lower = name.lower()
            if lower in CONNECTION_FIELDS:
                continue
            if lower == b"content-length":
                stated = int(value)
                if length is not None and length != stated and not bodyless:
                    raise ValueError("The answer has %d bytes, and a Content-Length of %d" % (length, stated))
                length = stated
                continue
            dated = dated or lower == b"date"
            lines.append(name + b": " + value)
        self.started, self.bodyless, self.owed = True, bodyless, length
        if length is not None:
            if status != 204:
                lines.append(b"content-length: %d" % length)
        elif not bodyless:
            if self.request.version == b"HTTP/1.1":
                self.chunked = True
                lines.append(b"transfer-encoding: chunked")
            else:
                self.connection.close_after = True
        if not dated:
            lines.append(_date())
        if self.connection.closing(self.request):
            lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def send_whole(self, status, headers, body):
        head = self.start(status, headers, len(body))
        self.finished = True
        self.connection.write(head if self.bodyless else head + body)

    def write(self, data):
        if self.bodyless or not data:
            return
        if self.owed is not None:
            self.owed -= len(data)
            if self.owed < 0:
                raise ValueError("The answer is longer than its Content-Length")
        self.connection.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def end(self):
        if self.owed and not self.bodyless:
            raise ValueError("The answer is shorter than its Content-Length")
        self.finished = True
        if self.chunked:
            self.connection.write(b"0\r\n\r\n")

    def problem(self, error, title=None):
        """RFC 9457; the stack goes to the log and never to the caller."""
        status = getattr(error, "status", None) or getattr(error, "status_code", None)
        if not isinstance(status, int) or not 400 <= status <= 599:
            status = 500
        if status >= 500:
            import traceback

            traceback.print_exception(type(error), error, error.__traceback__)
            sys.stderr.flush()
        if self.started:
            self.connection.close_after = True
            raise Gone()
        ours = "The function failed" if status >= 500 else "The function refused the request"
        title = getattr(error, "title", None) or title or ours
        self.send_problem(status, title, str(error) or type(error).__name__)

    def send_problem(self, status, title, detail, headers=()):
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        kind = (b"content-type", b"application/problem+json")
        self.send_whole(status, [kind, *headers], nought_codec.dumps(body, ascii_only=True).encode())
