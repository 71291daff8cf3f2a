"""Loads the handler of a function and words what goes wrong for its author."""

import os
import sys

MESSAGE_LIMIT = 1000
# Names tried when the handler names none, in this order.
DEFAULT_NAMES = ("handler", "main", "app")
_VARARGS = 0x04


class Handler:
    """What was loaded: ``kind`` is json or asgi; ``arguments`` is how many of (event, ctx) it takes."""

    def __init__(self, kind, target, arguments):
        self.kind = kind
        self.target = target
        self.arguments = arguments


class HandlerError(Exception):
    """An error of ours that already says what its author must do."""

    def __init__(self, message, file=None):
        super().__init__(message)
        self.file = file


def code_folder(folder):
    """Where the files are: the folder itself or, when it holds a package, where that has been unpacked."""
    chunks = os.path.join(folder, ".nought-package")
    if not os.path.isdir(chunks):
        return folder
    try:
        return __import__("nought_unpack").unpack_chunks(chunks)
    except Exception as error:
        raise HandlerError("Cannot unpack the package: %s" % error) from error


def load_handler(folder, reference, signature):
    """Imports ``file[:name]`` of the folder."""
    file, _, name = reference.partition(":")
    path = os.path.join(folder, file)
    if not os.path.isfile(path):
        raise HandlerError('Cannot find the handler\'s file "%s"; the function has %s' % (file, _list_files(folder)), file)
    module = import_file(folder, file)
    target, found = _pick(module, file, name)
    if not callable(target):
        raise HandlerError('"%s" of "%s" is a %s, expected a function' % (found, file, type(target).__name__), file)
    if signature == "asgi" or found == "app":
        return Handler("asgi", target, 3)
    return Handler("json", target, _count_arguments(target))


def load_role(folder, reference, signature, claimed):
    """Loads a handler and returns the role that serves it."""
    handler = load_handler(folder, reference, signature)
    if handler.kind == "asgi":
        serve_request = __import__("nought_asgi").asgi_invoker(handler.target)
    else:
        serve_request = __import__("nought_json").json_invoker(handler)
    return __import__("nought_http").function_role(serve_request, claimed)


def import_file(folder, file, name=None):
    """Imports a file of the function, as a module where its name allows that."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    parts = file[:-3].split("/") if file.endswith(".py") else []
    if name is None and parts and all(part.isidentifier() for part in parts):
        module = __import__(".".join(parts))
        for part in parts[1:]:
            module = getattr(module, part)
        return module
    path = os.path.join(folder, file)
    with open(path, "rb") as source:
        code = compile(source.read(), path, "exec")
    module = type(sys)(name or "function")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)
    return module


def _pick(module, file, name):
    if name:
        if not hasattr(module, name):
            raise HandlerError('"%s" has no "%s"; it defines %s' % (file, name, _list_names(module)), file)
        return getattr(module, name), name
    for candidate in DEFAULT_NAMES:
        if callable(getattr(module, candidate, None)):
            return getattr(module, candidate), candidate
    raise HandlerError(
        '"%s" defines no function called "handler", "main" or "app"; it defines %s' % (file, _list_names(module)), file
    )


def _list_names(module):
    names = ['"%s"' % name for name in vars(module) if not name.startswith("_")]
    return ", ".join(names[:20]) if names else "nothing"


def _list_files(folder):
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        names = []
    return ", ".join('"%s"' % name for name in names[:10]) if names else "no files"


def _count_arguments(target):
    """How many positional arguments to pass, 0 … 2; reads the code object, for ``inspect`` is slow to import."""
    function = target if hasattr(target, "__code__") else getattr(target, "__call__", None)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return 1
    bound = 1 if hasattr(target, "__self__") or not hasattr(target, "__code__") else 0
    if code.co_flags & _VARARGS:
        return 2
    return max(0, min(2, code.co_argcount - bound))


def describe_load_error(error, folder):
    """``{kind, message, file, line}`` of an error that ended loading; file is relative to the folder."""
    reason = {"kind": "LoadError"}
    text = str(error.msg) if isinstance(error, SyntaxError) else str(error)
    if not isinstance(error, HandlerError):
        text = "%s: %s" % (type(error).__name__, text) if text else type(error).__name__
    reason["message"] = text[:MESSAGE_LIMIT].replace(folder + "/", "")
    if isinstance(error, HandlerError):
        if error.file:
            reason["file"] = error.file
        return reason
    file, line = None, None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(folder + "/"):
            file, line = name, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename and error.filename.startswith(folder + "/"):
        file, line = error.filename, error.lineno
    if file is not None:
        reason["file"] = file[len(folder) + 1 :]
        reason["line"] = line
    return reason


def report_load_error(error, folder):
    """Tells the author in the log and the platform in the termination log; returns what it told."""
    if isinstance(error, HandlerError):
        sys.stderr.write("%s\n" % error)
    else:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)
    reason = describe_load_error(error, folder)
    report(reason)
    return reason


def report(reason):
    """Writes the reason for this process's end where the platform reads it."""
    path = os.environ.get("NOUGHT_TERMINATION_LOG")
    if path is None:
        return
    import nought_codec

    try:
        with open(path, "w") as log:
            log.write(nought_codec.dumps(reason, ascii_only=True) + "\n")
    except OSError as error:
        sys.stderr.write("Cannot write the termination log: %s\n" % error)
