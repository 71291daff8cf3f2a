"""The role of a warm pod: one that has booted without code and waits for what it is to become.

Who knows the secret whose digest it was started with tells it once, over the wire.

Invariants:
1. Only the secret's holder is listened to; who guesses too often ends the process.
2. It is specialised once: the first request that is well formed wins, also among those that come at the
   same time. One that is malformed or breaks off has changed nothing.
3. No call that came before it was specialised reaches the function: it was meant for another, or came
   too early. It is answered 503. Only the ready path waits.
4. The answer 204 is sent when the handler is loaded and calls are accepted.
5. The function's code is loaded in the main thread, as in any other pod.
"""

import _thread
import os
import sys
from _operator import _compare_digest

import nought_codec
import nought_load
import nought_specialisation
from nought_http import READY_PATH, SPECIALIZE_PATH, WELL_KNOWN
from nought_message import Gone, HttpError

try:
    from _sha2 import sha256
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256

WARM_PATH = WELL_KNOWN + b"warm"
TRIES_LIMIT = 10
HELD_LIMIT = 64
# How often a thread that holds an answer looks whether its client has left, in seconds.
HOLD_SECONDS = 1
JSON = [(b"content-type", b"application/json")]


class WarmPod:
    """``apply_env(spec)`` makes the environment the function's, just before its code is loaded."""

    def __init__(self, digest, folder, apply_env):
        self._digest = digest.lower()
        self._folder = folder
        self._apply_env = apply_env
        self._server = None
        self._state = "waiting"
        self._wrong_tries = 0
        self._lock = _thread.allocate_lock()
        self._held = set()
        nought_specialisation.prepare(folder)

    def attach(self, server):
        """Names the server whose role this pod has, and then its function."""
        self._server = server

    def stop(self):
        """Nobody has a call here: nothing is worth waiting for."""
        if self._state == "waiting":
            os._exit(0)

    def role(self, request, response):
        if request.target == WARM_PATH:
            response.send_whole(200, [(b"content-type", b"text/plain")], b"warm\n")
        elif request.target == READY_PATH:
            self._hold(request, response)
        elif request.target == SPECIALIZE_PATH:
            self._specialise(request, response)
        else:
            _refuse_call(response)

    def _hold(self, request, response):
        place = _thread.allocate_lock()
        place.acquire()
        with self._lock:
            taken = self._state == "done"
            room = not taken and len(self._held) < HELD_LIMIT
            if room:
                self._held.add(place)
        if not taken and not room:
            _refuse_call(response)
            return
        try:
            while not taken:
                taken = place.acquire(timeout=HOLD_SECONDS)
                if not taken and request.connection.is_gone():
                    raise Gone()
        finally:
            with self._lock:
                self._held.discard(place)
        response.send_whole(200, [(b"content-type", b"text/plain")], b"ready\n")

    def _specialise(self, request, response):
        if request.method != "POST":
            raise _refusal(405, "Only POST specialises")
        if not self._is_holder(request.header(b"authorization") or ""):
            self._refuse_stranger(response)
            return
        with self._lock:
            if self._state != "waiting":
                raise HttpError(409, "Already specialised", "This pod has its function, or is about to")
            self._state = "receiving"
        spec = None
        try:
            spec = _receive(request)
        finally:
            if spec is None:
                self._state = "waiting"
        self._become(spec, response)

    def _is_holder(self, authorization):
        scheme, _, secret = authorization.partition(" ")
        given = sha256(secret.encode("latin-1")).hexdigest()
        return scheme.lower() == "bearer" and _compare_digest(given, self._digest)

    def _refuse_stranger(self, response):
        with self._lock:
            self._wrong_tries += 1
            end = self._wrong_tries >= TRIES_LIMIT and self._state == "waiting"
        try:
            response.problem(_refusal(403, "The secret is not that of this pod"))
        finally:
            if end:
                message = "%d requests to specialise had a wrong secret" % self._wrong_tries
                nought_load.report({"kind": "ClaimRefused", "message": message})
                os._exit(1)

    def _become(self, spec, response):
        self._state = "loading"
        role, reason = self._server.run_in_main(lambda: self._load(spec))
        if role is None:
            try:
                response.send_whole(422, JSON, nought_codec.dumps(reason, ascii_only=True).encode())
            finally:
                sys.stdout.flush()
                os._exit(1)
        self._server.role = role
        with self._lock:
            self._state = "done"
            held, self._held = self._held, set()
        try:
            response.send_whole(204, [], b"")
        finally:
            for place in held:
                place.release()

    def _load(self, spec):
        """The role, or why there is none."""
        code = self._folder
        try:
            spec.code = code = nought_specialisation.lay_down(self._folder, spec)
            self._apply_env(spec)
            return nought_load.load_role(code, spec.handler, spec.signature, True), None
        except BaseException as error:  # noqa: B902 - a handler's import may raise anything, SystemExit too
            return None, nought_load.report_load_error(error, code)


def _receive(request):
    """What the request says."""
    length = request.header(b"content-length")
    if length is None:
        raise _refusal(411, "Content-Length is needed")
    if int(length) > nought_specialisation.SPECIALISATION_LIMIT:
        raise _refusal(413, "The body is over %d bytes" % nought_specialisation.SPECIALISATION_LIMIT)
    pieces = []
    while not request.complete:
        pieces.append(request.read_chunk())
    try:
        return nought_specialisation.parse(b"".join(pieces))
    except ValueError as error:
        raise _refusal(400, str(error)) from None


def _refusal(status, detail):
    return HttpError(status, "Cannot specialise", detail)


def _refuse_call(response):
    response.send_problem(503, "Not ready", "This pod has no function yet", [(b"retry-after", b"1")])
