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

Invariants:
1. It says that it is ready, and accepts, only once the handler is loaded.
2. A handler that cannot be loaded ends the process with exit code 1 and the reason in the
   termination log; nothing that a caller sends ends it.
3. After SIGTERM it goes on serving for a moment, since a caller may not yet know that the pod ends,
   and asks for its connections to be closed; then it takes no new connection and ends when the last
   request has been answered.
4. One thread serves one connection; the gateway bounds how many there are.
"""

import os
import signal
import sys

_here = os.path.dirname(os.path.abspath(__file__))
# The function's own modules come first: this server's, all called nought_*, are found last.
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _here] + [_here]
sys.dont_write_bytecode = True


def main():
    env = os.environ
    folder = os.path.abspath(env.get("NOUGHT_CODE", "."))
    load = __import__("nought_load")
    try:
        folder = load.code_folder(folder)
        if env.get("NOUGHT_SIGNATURE") == "http":
            __import__("nought_own_server").run(folder, env.get("NOUGHT_HANDLER", "main.py"), notify_ready)
            return
        handler = load.load_handler(folder, env.get("NOUGHT_HANDLER", "main.py"), env.get("NOUGHT_SIGNATURE", "json"))
        connection = __import__("nought_http")
        if handler.kind == "asgi":
            serve_request = __import__("nought_asgi").asgi_invoker(handler.target)
        else:
            serve_request = __import__("nought_json").json_invoker(handler)
    except BaseException as error:  # noqa: B902 - a handler's import may raise anything, SystemExit too
        load.report_load_error(error, folder)
        sys.exit(1)
    try:
        listener = connection.open_listener(env)
    except OSError as error:
        load.report({"kind": "ListenError", "message": "Cannot listen: %s" % error})
        sys.exit(1)
    server = connection.Server(listener, serve_request)
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
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
