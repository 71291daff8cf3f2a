"""Signature http: the code listens on ``$PORT`` itself."""

import os
import runpy
import socket
import sys


def run(folder, reference, ready):
    """Runs the file as a program; calls ``ready`` when it first listens on the function's port.

    An inherited socket takes the place of the one that the program binds to that port, so that calls
    which came early are not lost; without one, a wildcard bind becomes one of ``$HOST``, so that the
    program cannot answer for other pods of the same host.
    """
    port = int(os.environ.get("PORT", "8080"))
    inherited = os.environ.get("NOUGHT_LISTEN_FD")
    bind, listen = socket.socket.bind, socket.socket.listen
    state = {"fd": None if inherited is None else int(inherited)}

    def bind_as_pod(self, address):
        if not isinstance(address, tuple) or address[1] != port:
            return bind(self, address)
        if state["fd"] is None:
            return bind(self, (os.environ.get("HOST", address[0]),) + tuple(address[1:]))
        os.dup2(state["fd"], self.fileno(), inheritable=False)
        self.setblocking(self.gettimeout() is None)
        return None

    def listen_as_pod(self, *arguments):
        listen(self, *arguments)
        try:
            name = self.getsockname()
        except OSError:
            return
        if isinstance(name, tuple) and name[1] == port:
            ready()

    socket.socket.bind, socket.socket.listen = bind_as_pod, listen_as_pod
    file = reference.partition(":")[0]
    path = os.path.join(folder, file)
    if not os.path.isfile(path):
        raise FileNotFoundError('Cannot find the handler\'s file "%s"' % file)
    sys.path.insert(0, folder)
    sys.argv = [path]
    runpy.run_path(path, run_name="__main__")
