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

_here = os.path.dirname(os.path.abspath(__file__))
# The function's own modules come first: this server's, all called nought_*, are found last.
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _here] + [_here]
sys.dont_write_bytecode = True

# Python keeps the compiled form of modules only, not that of the program: so there is little here.
__import__("nought_server").main()
