"""A small HTTP/1.1 server: one thread for each connection, blocking reads and writes.

What servers and proxies could read in two ways is refused: bare CR and LF, folded lines, spaces before a
colon, two lengths, odd codings.
"""

import _signal
import _socket
import _thread
import os
import sys

from nought_message import LINE_LIMIT, READ_SIZE, REASONS, Gone, HttpError, Request, Response, bad_body

WELL_KNOWN = b"/.well-known/nought/"
READY_PATH = WELL_KNOWN + b"ready"
SPECIALIZE_PATH = WELL_KNOWN + b"specialize"
HEAD_LIMIT = 64 * 1024
FIELD_LIMIT = 500
# How much of a body that nobody wants is read so that the connection can be used on.
DISCARD_SIZE = 256 * 1024
LINGER_SIZE = 32 * 1024 * 1024
LINGER_SECONDS = 2
BACKLOG = 511
# How long a pod that ends still takes calls: longer than word of its end takes to reach gateways.
LAME_DUCK_SECONDS = 0.5

TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
VALUE_BYTES = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
TARGET_BYTES = bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100))


def _is_token(name):
    return bool(name) and not name.translate(None, TOKEN_BYTES)


def _path_of(target):
    """Of the absolute form what follows the authority; None when it is none of the forms."""
    if target.startswith(b"/") or target == b"*":
        return target
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https"):
        return None
    ends = [at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0]
    path = rest[min(ends):] if ends else b""
    return path if path.startswith(b"/") else b"/" + path


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
        if request.complete:
            return
        if self.close_after:
            self.linger()
            return
        while not request.complete:
            request.read_chunk()

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
        if "close" in asked or self.server.stopping or self.wants_continue:
            self.close_after = True
        elif not request.complete and (request.chunked or request.remaining > DISCARD_SIZE):
            self.close_after = True
        elif request.version != b"HTTP/1.1" and "keep-alive" not in asked:
            self.close_after = True
        return self.close_after

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_LIMIT:
                return self.refuse(431, "The head is too long")
            piece = self.sock.recv(READ_SIZE)
            if not piece:
                return None
            self.buffer += piece
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if len(head) > HEAD_LIMIT:
            return self.refuse(431, "The head is too long")
        lines = head.split(b"\r\n")
        if not lines[0]:
            # RFC 9112, 2.2: an empty line before a request is to be ignored.
            del lines[0]
        words = lines[0].split(b" ") if lines else []
        if len(words) != 3 or not _is_token(words[0]) or not words[1] or words[1].translate(None, TARGET_BYTES):
            return self.refuse(400, "The request line is malformed")
        if words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
            return self.refuse(505, "The version is neither HTTP/1.1 nor HTTP/1.0")
        target = _path_of(words[1])
        if target is None:
            return self.refuse(400, "The target is malformed")
        if len(lines) > FIELD_LIMIT:
            return self.refuse(431, "There are more than %d fields" % FIELD_LIMIT)
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not _is_token(name):
                return self.refuse(400, "The name of a field is malformed")
            if value.translate(None, VALUE_BYTES):
                return self.refuse(400, "A field holds a control character")
            headers.append((name.lower(), value.strip(b" \t")))
        request = Request(self, words[0].decode("latin-1"), target, words[2], headers)
        return self.frame(request)

    def frame(self, request):
        """Finds out how long the body is; returns the request, or None when it has been refused."""
        lengths = request.values(b"content-length")
        codings = request.values(b"transfer-encoding")
        hosts = request.values(b"host")
        modern = request.version == b"HTTP/1.1"
        if len(hosts) > 1 or (modern and not hosts):
            return self.refuse(400, "Host is missing, or comes twice")
        if (codings and (lengths or not modern)) or len(lengths) > 1 or len(codings) > 1:
            return self.refuse(400, "The framing is ambiguous")
        if codings:
            if codings[0].lower() != b"chunked":
                return self.refuse(501, "The coding is not supported")
            request.chunked, request.complete = True, False
        elif lengths:
            if not lengths[0].isdigit() or len(lengths[0]) > 15:
                return self.refuse(400, "Content-Length is no length")
            request.remaining = int(lengths[0])
            request.complete = request.remaining == 0
        self.wants_continue = modern and (request.header(b"expect") or "").lower() == "100-continue"
        return request

    def refuse(self, status, detail):
        """For what is no request at all; the connection ends with it."""
        request = Request(self, "GET", b"/", b"HTTP/1.1", [(b"connection", b"close")])
        Response(self, request).send_problem(status, REASONS[status], detail)
        self.linger()

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
        """A line of a chunked body: it ends with CRLF and with nothing else."""
        while b"\n" not in self.buffer:
            if len(self.buffer) > LINE_LIMIT:
                raise bad_body("A line of the body is too long")
            self.fill()
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r") or b"\r" in line[:-1] or len(line) > LINE_LIMIT:
            raise bad_body("A line of the body does not end with CRLF")
        return line[:-1]

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
            _signal.signal(_signal.SIGALRM, lambda *_: self.close())
            _signal.setitimer(_signal.ITIMER_REAL, LAME_DUCK_SECONDS)

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
