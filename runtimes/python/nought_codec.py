"""JSON to and from handlers, without the module ``json``: with what that imports it is a third of a cold start.

It drives the same C code, through the interface that ``json`` uses. Where that is not there or answers
otherwise, and to word errors, ``json`` itself does the work.

NaN and infinities are refused both ways: they are no JSON (RFC 8259, 6).
"""

try:
    from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    make_scanner = None

SPACE = " \t\n\r"


def _no_constant(name):
    raise ValueError("%s is no JSON" % name)


class _Reading:
    """What the scanner asks of its decoder."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)


def _refuse(value):
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def _scan(text):
    """The value, or StopIteration or ValueError."""
    stripped = text.strip(SPACE)
    value, end = _scanner(stripped, 0)
    if end != len(stripped):
        raise ValueError("Extra data")
    return value


def _encode(value, default, escape):
    if isinstance(value, str):
        return escape(value)
    # One encoder for each: the marks of what is being encoded are no other thread's.
    encoder = make_encoder({}, default, escape, None, ":", ",", False, False, False)
    return "".join(encoder(value, 0))


def _works():
    """Whether this Python's accelerator is the one that is known here."""
    sample = {"a": [1, 2.5, True, None, "\u00e9\n"], "b": {}}
    text = '{"a":[1,2.5,true,null,"\u00e9\\n"],"b":{}}'
    try:
        return _scan(" %s\n" % text) == sample and _encode(sample, _refuse, encode_basestring) == text
    except Exception:
        return False


_scanner = None if make_scanner is None else make_scanner(_Reading)
_fast = _scanner is not None and _works()


def loads(data):
    """The value of JSON in UTF-8; raises ValueError, or RecursionError when it is nested too deeply."""
    if _fast:
        try:
            return _scan(data.decode("utf-8"))
        except RecursionError:
            raise
        except Exception:
            # Said again below, in json's words and with the place; the scanner alone cannot even say it.
            pass
    import json

    return json.loads(data, parse_constant=_no_constant)


def dumps(value, default=_refuse, ascii_only=False):
    """Compact JSON as text."""
    if _fast:
        return _encode(value, default, encode_basestring_ascii if ascii_only else encode_basestring)
    import json

    return json.dumps(value, default=default, ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":"))
