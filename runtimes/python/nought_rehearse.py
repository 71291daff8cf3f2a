"""Makes a warm pod's first call as fast as its later ones.

It plays the pod's whole life once, with a function that does nothing, over a connection to itself: so all
modules are imported.
"""

import _socket
import os
import sys

import nought_codec
import nought_http
import nought_warm

CALLS = 3
PATIENCE_SECONDS = 2
NAME = "nought_rehearsal"
SAMPLE = {
    "env": {},
    "handler": NAME + ".py",
    "signature": "json",
    "files": [{"path": NAME + ".py", "text": "def handler(event, ctx):\n    return {\"input\": event}\n"}],
}


class _Stage:
    """Stands for the server: what there is to serve is served in this very thread."""

    def __init__(self):
        self.role = None
        self.stopping = False

    def run_in_main(self, function):
        return function()

    def begin(self):
        pass

    def end(self):
        pass


def rehearse():
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), "rehearsal-%d" % os.getpid())
    os.mkdir(folder, 0o700)
    path = list(sys.path)
    try:
        _play(os.path.realpath(folder))
    finally:
        sys.path[:] = path
        sys.modules.pop(NAME, None)
        for known in list(sys.path_importer_cache):
            if known.startswith(folder):
                del sys.path_importer_cache[known]
        _remove(folder)


def _play(folder):
    secret = os.urandom(16).hex()
    stage = _Stage()
    pod = nought_warm.WarmPod(nought_warm.sha256(secret.encode()).hexdigest(), folder, lambda spec: None)
    pod.attach(stage)
    stage.role = pod.role
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    client = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    client.connect(listener.getsockname())
    fd, _ = listener._accept()
    listener.close()
    server = _socket.socket(fileno=fd)
    server.settimeout(PATIENCE_SECONDS)
    authorization = b"Authorization: Bearer %s\r\n" % secret.encode()
    client.sendall(
        _message(b"POST " + nought_http.SPECIALIZE_PATH, authorization, nought_codec.dumps(SAMPLE).encode() + b"\n")
        + _message(b"GET " + nought_http.READY_PATH, b"", b"")
        + _message(b"POST /", b"X-Request-Id: rehearsal\r\n", b'{"n":1}') * CALLS
    )
    client.shutdown(_socket.SHUT_WR)
    nought_http.Connection(stage, server).serve()
    client.close()


def _remove(folder):
    """By hand: what removes whole trees costs a megabyte of memory."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(path, name))
        for name in folders:
            os.rmdir(os.path.join(path, name))
    os.rmdir(folder)


def _message(line, fields, body):
    return b"%s HTTP/1.1\r\nHost: rehearsal\r\n%sContent-Length: %d\r\n\r\n%s" % (line, fields, len(body), body)
