"""How the process becomes what its environment asks for; ``server.py`` has the contract."""

import os
import sys

import _signal  # signal itself would import enum, for 3 ms


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
