"""A small HTTP/1.1 server: one thread for each connection, blocking reads and writes."""

import _socket
import _thread
import os
import signal
import sys

WELL_KNOWN = b"/.well-known/nought/"
READY_PATH = WELL_KNOWN + b"ready"
SPECIALIZE_PATH = WELL_KNOWN + b"specialize"
HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 8 * 1024 * 1024
READ_SIZE = 64 * 1024
LINGER_SIZE = 32 * 1024 * 1024
LINGER_SECONDS = 2
BACKLOG = 511
# How long a pod that ends still takes calls: longer than word of its end takes to reach gateways.
LAME_DUCK_SECONDS = 0.5

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 413: "Content Too Large", 415: "Unsupported Media Type",
    422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
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
                connection.read_exactly(2)
            else:
                self.complete = True
        return piece

    def _begin_chunk(self):
        line = self.connection.read_line()
        size = line.split(b";", 1)[0].strip()
        if not size or len(size) > 15 or any(c not in b"0123456789abcdefABCDEF" for c in size):
            raise HttpError(400, "Invalid request", "The chunk size is no hexadecimal number")
        self.remaining = int(size, 16)
        if self.remaining == 0:
            while self.connection.read_line():
                pass
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


class Response:
    """Writes one answer; the framing is chosen from the headers and the protocol."""

    def __init__(self, connection, request):
        self.connection = connection
        self.request = request
        self.started = False
        self.finished = False
        self.chunked = False
        self.bodyless = False

    def start(self, status, headers, length=None):
        """Sends the head. ``headers`` is a list of (name, value) in bytes; length None streams."""
        self.started = True
        self.bodyless = self.request.method == "HEAD" or status in (204, 304)
        lines = [("HTTP/1.1 %d %s" % (status, REASONS.get(status, ""))).encode("latin-1")]
        names = set()
        for name, value in headers:
            if b"\r" in value or b"\n" in value or b"\r" in name or b"\n" in name:
                raise ValueError("A header of the answer holds a line break")
            names.add(name.lower())
            lines.append(name + b": " + value)
        if length is not None and status != 204 and b"content-length" not in names:
            lines.append(b"content-length: %d" % length)
        elif length is None and b"content-length" not in names and not self.bodyless:
            if self.request.version == b"HTTP/1.1":
                self.chunked = True
                lines.append(b"transfer-encoding: chunked")
            else:
                self.connection.close_after = True
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
        self.connection.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def end(self):
        self.finished = True
        if self.chunked and not self.bodyless:
            self.connection.write(b"0\r\n\r\n")

    def problem(self, error, title=None):
        """RFC 9457; the stack goes to the log and never to the caller."""
        import json

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
        body = {
            "type": "about:blank",
            "title": getattr(error, "title", None) or title or ("The function failed" if status >= 500 else "The function refused the request"),
            "status": status,
            "detail": str(error) or type(error).__name__,
        }
        self.send_whole(status, [(b"content-type", b"application/problem+json")], json.dumps(body).encode())


class Connection:
    """One client connection: a buffer, and the requests that come over it in turn."""

    def __init__(self, server, sock):
        self.server = server
        self.sock = sock
        self.buffer = b""
        self.close_after = False
        self.wants_continue = False

    def serve(self):
        try:
            while not self.close_after:
                request = self.read_request()
                if request is None:
                    return
                self.server.begin()
                try:
                    self.answer(request)
                finally:
                    self.server.end()
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()

    def answer(self, request):
        response = Response(self, request)
        try:
            self.server.role(request, response)
        except HttpError as error:
            response.problem(error)
        if not request.complete:
            self.close_after = True
            self.linger()

    def linger(self):
        """Reads away, bounded, what still comes: a reset would take the answer from the caller (RFC 9112, 9.6)."""
        self.sock.shutdown(_socket.SHUT_WR)
        self.sock.settimeout(LINGER_SECONDS)
        left = LINGER_SIZE
        while left > 0:
            piece = self.sock.recv(READ_SIZE)
            if not piece:
                return
            left -= len(piece)

    def closing(self, request):
        asked = (request.header(b"connection") or "").lower()
        if "close" in asked or self.server.stopping or not request.complete:
            self.close_after = True
        elif request.version != b"HTTP/1.1" and "keep-alive" not in asked:
            self.close_after = True
        return self.close_after

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_LIMIT:
                self.refuse(431, "Request Header Fields Too Large")
                return None
            piece = self.sock.recv(READ_SIZE)
            if not piece:
                return None
            self.buffer += piece
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        words = lines[0].split(b" ")
        if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
            self.refuse(400, "Bad Request")
            return None
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip():
                self.refuse(400, "Bad Request")
                return None
            headers.append((name.lower(), value.strip()))
        request = Request(self, words[0].decode("latin-1"), words[1], words[2], headers)
        return request if self.frame(request) else None

    def frame(self, request):
        lengths = [value for name, value in request.headers if name == b"content-length"]
        codings = [value for name, value in request.headers if name == b"transfer-encoding"]
        if (codings and lengths) or len(lengths) > 1 or len(codings) > 1:
            self.refuse(400, "Bad Request")
            return False
        if codings:
            if codings[0].lower() != b"chunked":
                self.refuse(501, "Not Implemented")
                return False
            request.chunked, request.complete = True, False
        elif lengths:
            if not lengths[0].isdigit() or len(lengths[0]) > 15:
                self.refuse(400, "Bad Request")
                return False
            request.remaining = int(lengths[0])
            request.complete = request.remaining == 0
        self.wants_continue = (request.header(b"expect") or "").lower() == "100-continue"
        return True

    def refuse(self, status, reason):
        self.write(b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, reason.encode()))

    def send_continue(self):
        if self.wants_continue:
            self.wants_continue = False
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def write(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone() from None

    def fill(self):
        piece = self.sock.recv(READ_SIZE)
        if not piece:
            raise Gone()
        self.buffer += piece

    def read_some(self, most):
        if not self.buffer:
            self.fill()
        piece, self.buffer = self.buffer[:most], self.buffer[most:]
        return piece

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self.fill()
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def read_line(self):
        while b"\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_LIMIT:
                raise HttpError(400, "Invalid request", "A line of the chunked body is too long")
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def is_gone(self):
        """True when the client has left while its request was being worked on."""
        try:
            return self.sock.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


class Stopping(BaseException):
    """Breaks the main thread out of accept(2), which Python otherwise resumes after a signal."""


class Server:
    """Accepts connections until it is told to stop, then ends when the last request is answered."""

    def __init__(self, listener, role):
        """``role(request, response)`` answers, and may be replaced at any time."""
        self.listener = listener
        self.role = role
        self.job = None
        self.stopping = False
        self.closed = False
        self.accepting = False
        self.lock = _thread.allocate_lock()
        self.idle = _thread.allocate_lock()
        self.idle.acquire()
        self.active = 0

    def run(self):
        try:
            while not self.closed:
                self.accepting = True
                fd, _ = self.listener._accept()
                self.accepting = False
                self.serve(fd)
                if self.job is not None:
                    job, self.job = self.job, None
                    job()
        except Stopping:
            pass
        self.listener.close()
        with self.lock:
            wait = self.active > 0
        if wait:
            self.idle.acquire()
        sys.stdout.flush()
        os._exit(0)

    def serve(self, fd):
        sock = _socket.socket(fileno=fd)
        sock.setblocking(True)
        if sock.family in (_socket.AF_INET, _socket.AF_INET6):
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        _thread.start_new_thread(Connection(self, sock).serve, ())

    def run_in_main(self, function):
        """Runs it in the thread that accepts, which is the main one, and returns what it returns."""
        done = _thread.allocate_lock()
        done.acquire()
        outcome = []

        def job():
            outcome.append(function())
            done.release()

        self.job = job
        # Wakes that thread out of accept(2).
        _socket.socket(self.listener.family, _socket.SOCK_STREAM).connect(self.listener.getsockname())
        done.acquire()
        return outcome[0]

    def begin(self):
        with self.lock:
            self.active += 1

    def end(self):
        with self.lock:
            self.active -= 1
            if self.closed and self.active == 0:
                self.idle.release()

    def stop(self):
        """The handler of SIGTERM: serves on for a moment, asking for connections to be closed."""
        if not self.stopping:
            self.stopping = True
            signal.signal(signal.SIGALRM, lambda *_: self.close())
            signal.setitimer(signal.ITIMER_REAL, LAME_DUCK_SECONDS)

    def close(self):
        """Takes no new connection; runs in the main thread, which is the one that accepts."""
        self.closed = True
        if self.accepting:
            raise Stopping()


def function_role(serve_request, claimed):
    """The role of a pod that has loaded its handler; one that was claimed cannot be claimed again."""

    def role(request, response):
        if request.target.startswith(WELL_KNOWN):
            if request.target == READY_PATH:
                response.send_whole(200, [(b"content-type", b"text/plain")], b"ready\n")
                return
            if claimed and request.target == SPECIALIZE_PATH:
                raise HttpError(409, "Already specialised", "This pod has its function, or is about to")
        serve_request(request, response)

    return role


def open_listener(env):
    """The inherited listening socket, else one on $HOST:$PORT."""
    inherited = env.get("NOUGHT_LISTEN_FD")
    if inherited is not None:
        listener = _socket.socket(fileno=int(inherited))
        listener.setblocking(True)
        return listener
    host = env.get("HOST", "0.0.0.0")
    family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
    listener = _socket.socket(family, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind((host, int(env.get("PORT", "8080"))))
    listener.listen(BACKLOG)
    return listener
