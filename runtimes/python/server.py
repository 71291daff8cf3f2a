"""The function server for Python: loads one handler and serves it over HTTP/1.1.

It runs inside a pod, needs nothing but Python's standard library (3.9 or newer) and imports as little
of it as it can: imports are most of a cold start. Its contract is its environment:

  PORT, HOST                where to listen, when no socket was inherited
  NOUGHT_LISTEN_FD          number of an inherited listening socket
  NOUGHT_NOTIFY_FD          number of a pipe that takes ``READY=1`` once calls are accepted
  NOUGHT_CODE               folder of the function's files, or of its package's chunks
  NOUGHT_HANDLER            ``file`` or ``file:name``, relative to that folder
  NOUGHT_SIGNATURE          json | asgi | http
  NOUGHT_TERMINATION_LOG    file that takes one line of JSON when the handler cannot be loaded
  NOUGHT_CLAIM_DIGEST       makes it a warm pod: it starts without code, and is told what to become by
                            who knows the secret with this SHA-256 (hex); NOUGHT_CODE is then a folder
                            of its own to write to

Invariants:
1. It says that it is ready, and accepts, only once the handler is loaded; a warm pod once it can be
   told its handler, and its ready path answers when that is loaded.
2. A handler that cannot be loaded ends the process with exit code 1 and the reason in the
   termination log; nothing that a caller sends ends it.
3. After SIGTERM it goes on serving for a moment, since a caller may not yet know that the pod ends,
   and asks for its connections to be closed; then it takes no new connection and ends when the last
   request has been answered.
4. One thread serves one connection; the gateway bounds how many there are.
"""

import os
import sys

import _signal  # signal itself would import enum, for 3 ms

_here = os.path.dirname(os.path.abspath(__file__))
# The function's own modules come first: this server's, all called nought_*, are found last.
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _here] + [_here]
sys.dont_write_bytecode = True


def main():
    env = os.environ
    digest = env.get("NOUGHT_CLAIM_DIGEST")
    if digest is not None:
        start_warm(env, digest)
        return
    load = __import__("nought_load")
    folder = os.path.abspath(env.get("NOUGHT_CODE", "."))
    handler, signature = env.get("NOUGHT_HANDLER", "main.py"), env.get("NOUGHT_SIGNATURE", "json")
    try:
        folder = load.code_folder(folder)
        if signature == "http":
            __import__("nought_own_server").run(folder, handler, notify_ready)
            return
    except BaseException as error:  # noqa: B902 - what code does at its start may raise anything, SystemExit too
        load.report_load_error(error, folder)
        sys.exit(1)
    serve(load_role(folder, handler, signature, False))


def start_warm(env, digest):
    """Without code of its own, unless the container has been given some before it started anew."""
    folder = os.path.realpath(env.get("NOUGHT_CODE", "."))
    specialisation = __import__("nought_specialisation")
    earlier = specialisation.recall(folder)
    if earlier is not None:
        specialisation.apply_env(earlier)
        serve(load_role(earlier.code, earlier.handler, earlier.signature, True))
        return
    warm = __import__("nought_warm")
    try:
        __import__("nought_rehearse").rehearse()
    except Exception as error:
        sys.stderr.write("Cannot rehearse, the first call will be slower: %r\n" % error)
    pod = warm.WarmPod(digest, folder, specialisation.apply_env)
    serve(pod.role, pod.attach, pod.stop)


def load_role(folder, handler, signature, claimed):
    """What a function's pod serves with; ends the process when its code cannot be loaded."""
    load = __import__("nought_load")
    try:
        return load.load_role(folder, handler, signature, claimed)
    except BaseException as error:  # noqa: B902 - a handler's import may raise anything, SystemExit too
        load.report_load_error(error, folder)
        sys.exit(1)


def serve(role, opened=None, stopping=None):
    """Serves until SIGTERM; ``opened`` is given the server before it accepts."""
    http = __import__("nought_http")
    try:
        listener = http.open_listener(os.environ)
    except OSError as error:
        __import__("nought_load").report({"kind": "ListenError", "message": "Cannot listen: %s" % error})
        sys.exit(1)
    server = http.Server(listener, role)
    if opened is not None:
        opened(server)

    def stop(*_):
        if stopping is not None:
            stopping()
        server.stop()

    _signal.signal(_signal.SIGTERM, stop)
    notify_ready()
    server.run()


def notify_ready():
    fd = os.environ.get("NOUGHT_NOTIFY_FD")
    if fd is None:
        return
    try:
        os.write(int(fd), b"READY=1\n")
    except OSError:
        pass  # Who started us may be gone; the function serves all the same.


main()
