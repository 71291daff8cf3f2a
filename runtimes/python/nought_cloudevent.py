"""CloudEvents 1.0 over HTTP (its HTTP protocol binding and JSON format), to a handler and back."""

from nought_codec import dumps
from nought_message import HttpError

STRUCTURED = "application/cloudevents+json"
REQUIRED = ("id", "source", "type")
# Of an event in binary mode these are the body and its type.
NOT_ATTRIBUTES = ("data", "data_base64", "datacontenttype")
NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


def read_event(request, kind, body, read_data):
    """The event of a request, as a dict; ``read_data(kind, body)`` reads a body by its media type."""
    if not kind.startswith("application/cloudevents"):
        return _binary_event(request, kind, body, read_data)
    if kind != STRUCTURED:
        detail = "Events come one by one, in binary mode or as %s, not as %s" % (STRUCTURED, kind)
        raise HttpError(415, "Unsupported event format", detail)
    return _structured_event(read_data("", body))


def _binary_event(request, kind, body, read_data):
    event = {}
    for field, value in request.headers:
        name = field[3:].decode("latin-1") if field.startswith(b"ce-") else ""
        if _is_name(name) and name not in NOT_ATTRIBUTES:
            event[name] = _decode_value(value.decode("latin-1"))
    _check_event(event, "ce-")
    content_type = request.header(b"content-type")
    if content_type is not None:
        event["datacontenttype"] = content_type
    if body:
        event["data"] = read_data(kind, body)
    return event


def _is_name(name):
    return bool(name) and NAME_LETTERS.issuperset(name)


def _decode_value(value):
    """Quoted strings of older senders, then one round of percent-decoding (HTTP binding, 3.1.3.2)."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        pieces, rest = [], value[1:-1]
        while rest:
            if rest[0] == "\\" and len(rest) > 1:
                rest = rest[1:]
            pieces.append(rest[0])
            rest = rest[1:]
        value = "".join(pieces)
    if "%" not in value:
        return value
    from urllib.parse import unquote

    return unquote(value)


def _structured_event(given):
    if not isinstance(given, dict):
        raise _invalid("it is no JSON object")
    # An attribute without a value is one that is not there; data may well be null.
    event = {name: value for name, value in given.items() if value is not None or name == "data"}
    _check_event(event, "")
    packed = event.pop("data_base64", None)
    if packed is None:
        return event
    if "data" in event:
        raise _invalid("it has both data and data_base64")
    try:
        import binascii

        data = binascii.a2b_base64(packed.encode("ascii"))
        if binascii.b2a_base64(data, newline=False) != packed.encode("ascii"):
            raise ValueError("it has other letters")
        event["data"] = data
    except (AttributeError, ValueError):
        raise _invalid("data_base64 is no base64") from None
    return event


def _check_event(event, prefix):
    if event.get("specversion") != "1.0":
        version = dumps(event.get("specversion"))
        raise _invalid('%sspecversion is %s, expected "1.0"' % (prefix, version))
    for name in REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise _invalid("%s%s is missing or no text" % (prefix, name))


def _invalid(detail):
    return HttpError(400, "Invalid CloudEvent", "The request is no CloudEvent: %s" % detail)


def is_event(output):
    """Whether the dict that a handler returned is an event."""
    return output.get("specversion") == "1.0" and all(
        isinstance(output.get(name), str) and output[name] for name in REQUIRED
    )


def send_event(response, event, accept):
    """Binary mode, unless the caller takes nothing but structured events."""
    ranges = [part.split(";", 1)[0].strip().lower() for part in accept.split(",")]
    if all(each == STRUCTURED for each in ranges):
        _send_structured(response, event)
    else:
        _send_binary(response, event)


def _send_structured(response, event):
    whole = {name: _jsonable(name, value) for name, value in event.items() if name != "data"}
    data = event.get("data")
    if isinstance(data, (bytes, bytearray, memoryview)):
        import binascii

        whole["data_base64"] = binascii.b2a_base64(bytes(data), newline=False).decode()
    elif "data" in event:
        whole["data"] = data
    kind = (STRUCTURED + "; charset=utf-8").encode()
    response.send_whole(200, [(b"content-type", kind)], dumps(whole, ascii_only=True).encode())


def _jsonable(name, value):
    return value if value is None or isinstance(value, (bool, int)) else _attribute_text(name, value)


def _send_binary(response, event):
    headers = []
    for name, value in event.items():
        if name in NOT_ATTRIBUTES or value is None:
            continue
        if not _is_name(name):
            raise TypeError('The CloudEvent\'s attribute "%s" has a name with other than a-z and 0-9' % name)
        headers.append((("ce-" + name).encode(), _encode_value(_attribute_text(name, value))))
    body = _data_of(event)
    if body is not None:
        kind = event.get("datacontenttype")
        if kind is None:
            kind = "application/octet-stream" if _is_bytes(event) else "application/json"
        if not isinstance(kind, str) or not kind.isascii() or not kind.isprintable():
            raise TypeError("The CloudEvent's datacontenttype is no media type")
        headers.append((b"content-type", kind.encode()))
    response.send_whole(200, headers, body or b"")


def _is_bytes(event):
    return isinstance(event.get("data"), (bytes, bytearray, memoryview)) or "data_base64" in event


def _data_of(event):
    data = event.get("data")
    if "data" not in event:
        if event.get("data_base64") is None:
            return None
        import binascii

        return binascii.a2b_base64(event["data_base64"])
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    kind = (event.get("datacontenttype") or "application/json").split(";", 1)[0].strip().lower()
    if isinstance(data, str) and not kind.endswith(("/json", "+json")):
        return data.encode()
    return dumps(data, ascii_only=True).encode()


def _attribute_text(name, value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError('The CloudEvent\'s attribute "%s" is no text, number or boolean' % name)


def _encode_value(text):
    """All but printable ASCII, and of that space, quote and percent (HTTP binding, 3.1.3.2)."""
    octets = text.encode("utf-8", "replace")
    return b"".join(
        b"%c" % octet if 0x21 <= octet <= 0x7E and octet not in b'"%' else b"%%%02X" % octet for octet in octets
    )
