"""What a warm pod becomes: how it is written in a request, laid down on disk, and found again.

Invariants:
1. What does not hold to the form is refused before anything has been written.
2. ``specialised.json`` appears at once and as a whole, after all files and before any of the function's
   code has run: a container that starts anew finds a complete function, or none.
"""

import os

import nought_codec

# Largest request that specialises, in bytes: a package of 32 MiB fits, and a ConfigMap's files.
SPECIALISATION_LIMIT = 48 * 1024 * 1024
FILES_LIMIT = 2000
PATH_LIMIT = 1024
RECORD = "specialised.json"
CODE = "code"
SIGNATURES = ("json", "asgi")
# Belongs to the process and not to the function.
KEPT = ("NOUGHT_CODE", "NOUGHT_LISTEN_FD", "NOUGHT_NOTIFY_FD", "NOUGHT_TERMINATION_LOG", "NOUGHT_CLAIM_DIGEST")


class Specialisation:
    """``env``, ``handler``, ``signature``; and ``files`` or ``packed``, or where they lie: ``code``."""

    def __init__(self, env, handler, signature):
        self.env = env
        self.handler = handler
        self.signature = signature
        self.files = []
        self.packed = b""
        self.code = None


def parse(body):
    """Reads ``{env, handler, signature, files | packageBytes}``, a line feed, and the package's bytes.

    Raises ValueError with words for the sender.
    """
    line, feed, packed = body.partition(b"\n")
    if not feed:
        raise ValueError("the first line does not end")
    try:
        given = nought_codec.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("the first line is no JSON: %s" % error) from error
    if not isinstance(given, dict):
        raise ValueError("the first line is no JSON object")
    spec = Specialisation(given.get("env"), given.get("handler"), given.get("signature"))
    _check_env(spec.env)
    if not isinstance(spec.handler, str):
        raise ValueError("handler is no string")
    _check_path(spec.handler.rpartition(":")[0] or spec.handler)
    if spec.signature not in SIGNATURES:
        raise ValueError("signature is none of %s" % ", ".join(SIGNATURES))
    size = given.get("packageBytes", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError("packageBytes is no number of bytes")
    if len(packed) != size:
        raise ValueError("%d bytes follow the first line, expected %d" % (len(packed), size))
    spec.files, spec.packed = given.get("files", []), packed
    _check_files(spec.files)
    if bool(spec.files) == bool(packed):
        raise ValueError("exactly one of files and a package")
    return spec


def _check_env(env):
    if not isinstance(env, dict):
        raise ValueError("env is no object")
    for name, value in env.items():
        if not name or "=" in name or "\0" in name:
            raise ValueError('env has a bad name: "%s"' % name)
        if not isinstance(value, str) or "\0" in value:
            raise ValueError('the value of env "%s" is no text' % name)


def _check_files(files):
    if not isinstance(files, list):
        raise ValueError("files is no list")
    if len(files) > FILES_LIMIT:
        raise ValueError("files has more than %d entries" % FILES_LIMIT)
    paths = set()
    for file in files:
        if not isinstance(file, dict) or not isinstance(file.get("path"), str) or not isinstance(file.get("text"), str):
            raise ValueError("files has an entry without path and text")
        _check_path(file["path"])
        if file["path"] in paths:
            raise ValueError('files has "%s" twice' % file["path"])
        paths.add(file["path"])
    for path in paths:
        at = os.path.dirname(path)
        while at:
            if at in paths:
                raise ValueError('files has "%s" as a file and as a folder' % at)
            at = os.path.dirname(at)


def _check_path(name):
    """Relative, in its plainest form, and so inside of the folder."""
    bad = "\0" in name or any(part in ("", ".", "..") for part in name.split("/"))
    if bad or len(name.encode("utf-8", "surrogatepass")) > PATH_LIMIT:
        raise ValueError('the path "%s" is not allowed' % name[:100])


def prepare(folder):
    """Makes an empty folder for the code ahead of time: a life before this one may have ended halfway."""
    code = os.path.join(folder, CODE)
    if os.path.lexists(code):
        import shutil

        shutil.rmtree(code)
    os.mkdir(code, 0o700)


def lay_down(folder, spec):
    """Writes the code and then the record into a prepared folder; returns the folder of the code."""
    code = os.path.join(folder, CODE)
    if spec.packed:
        _unpack(spec.packed, code)
    for file in spec.files:
        path = os.path.join(code, file["path"])
        if "/" in file["path"]:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, file["text"], os.O_EXCL)
    record = {"env": spec.env, "handler": spec.handler, "signature": spec.signature}
    new = os.path.join(folder, RECORD + ".new")
    _write(new, nought_codec.dumps(record, ascii_only=True), os.O_TRUNC)
    os.replace(new, os.path.join(folder, RECORD))
    return code


def _unpack(packed, code):
    import io

    from nought_load import HandlerError

    try:
        __import__("nought_unpack").unpack(io.BytesIO(packed), code)
    except Exception as error:
        raise HandlerError("Cannot unpack the package: %s" % error) from error


def _write(path, text, how):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb") as file:
        # A half of a surrogate pair, which JSON can hold, is no reason to refuse a function.
        file.write(text.encode("utf-8", "replace"))


def recall(folder):
    """What was laid down in the folder, or None."""
    try:
        with open(os.path.join(folder, RECORD), "rb") as file:
            given = nought_codec.loads(file.read())
    except FileNotFoundError:
        return None
    spec = Specialisation(given["env"], given["handler"], given["signature"])
    spec.code = os.path.join(folder, CODE)
    return spec


def apply_env(spec):
    """Makes this process's environment the function's; ``spec.code`` is the folder of its files."""
    env = os.environ
    for name, value in spec.env.items():
        if name not in KEPT:
            env[name] = value
    env.pop("NOUGHT_CLAIM_DIGEST", None)
    env["NOUGHT_CODE"], env["NOUGHT_HANDLER"], env["NOUGHT_SIGNATURE"] = spec.code, spec.handler, spec.signature
    if "TZ" in spec.env:
        import time

        time.tzset()
