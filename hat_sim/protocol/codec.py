"""Messages to frames and back: msgpack with a version and a checksum, tensors as raw little-endian buffers.

A frame is the msgpack array [version, crc32(body), body]; the body is the msgpack array [kind, field, ...]
in the order of the message's fields; last fields that are None are left out, so that what is not in play
costs nothing. A tensor is a msgpack extension: one byte for its dtype, one for its
number of axes, four for the length of each, then the raw buffer. Nothing in a frame can be executed, and
nothing is allocated from one before version, size and checksum hold.
"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from math import prod
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import MESSAGES, Message

VERSION = 1
FRAME_LIMIT = 256 * 1024 * 1024
REQUEST_LIMIT = 1024 * 1024
"""Bytes of the longest frame that a source reads; whoever asks more asks in parts."""
_TENSOR = 1
_MOST_AXES = 8
_DTYPES = {0: "<f4", 1: "<f2", 2: "|i1", 3: "<i8", 4: "<i4", 5: "|u1"}
_CODES = {np.dtype(name): code for code, name in _DTYPES.items()}


def encode(message: Message, finite: bool = True) -> bytes:
    """The frame of a message; ProtocolError where a tensor is not finite, or of a dtype or rank not read.

    A sender that does not know that it is damaged does not look whether tensors are `finite`.
    """
    fields = [getattr(message, name) for name in type(message).model_fields]
    while fields and fields[-1] is None:
        fields.pop()
    body: bytes = msgpack.packb([message.kind, *fields], default=partial(_pack_array, finite=finite))
    return _sealed(body)


def decode(frame: bytes, limit: int = FRAME_LIMIT) -> Message:
    """The message of a frame of at most `limit` bytes; ProtocolError, with its reason, where there is none.

    Arrays of the message are read-only views of the frame.
    """
    if len(frame) > limit:
        raise ProtocolError(Fault.OVERSIZED, f"a frame of {len(frame)} bytes, where {limit} are allowed")
    body = _open_envelope(frame)
    try:
        content = msgpack.unpackb(body, ext_hook=_unpack_array, use_list=False)
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(Fault.MALFORMED, f"the body is no msgpack: {error}") from None
    if not isinstance(content, tuple) or not content or not isinstance(content[0], str):
        raise ProtocolError(Fault.MALFORMED, "the body is no array that starts with a kind")
    kind, *values = content
    if kind not in MESSAGES:
        raise ProtocolError(Fault.UNKNOWN_KIND, f"no message is called {kind[:40]!r}")
    message = MESSAGES[kind]
    names = list(message.model_fields)
    least = sum(field.is_required() for field in message.model_fields.values())
    if not least <= len(values) <= len(names):
        count = str(least) if least == len(names) else f"{least} to {len(names)}"
        raise ProtocolError(Fault.FIELD, f"{kind} has {count} fields, not {len(values)}")
    if len(values) > least and values[-1] is None:
        raise ProtocolError(Fault.FIELD, f"{kind}.{names[len(values) - 1]}: None is left out")
    try:
        return message(**dict(zip(names, values, strict=False)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ProtocolError(Fault.FIELD, f"{kind}.{place}: {first['msg']}") from None


def kind_of(frame: bytes) -> str:
    """The kind of a well-formed frame, read without its tensors; "unreadable" for any other."""
    try:
        unpacker = msgpack.Unpacker(max_buffer_size=0)
        unpacker.feed(_open_envelope(frame)[:512])
        unpacker.read_array_header()
        kind = unpacker.unpack()
    except Exception:
        return "unreadable"
    return kind if isinstance(kind, str) and kind in MESSAGES else "unreadable"


def _sealed(body: bytes) -> bytes:
    frame: bytes = msgpack.packb([VERSION, zlib.crc32(body), body])
    return frame


def _open_envelope(frame: bytes) -> bytes:
    """The body of a frame; sealed anew it has to give the same bytes, so an envelope has one form only."""
    try:
        envelope = msgpack.unpackb(frame, use_list=False)
    except Exception as error:
        raise ProtocolError(Fault.MALFORMED, f"the frame is no msgpack: {error}") from None
    match envelope:
        case (int(version), int(), bytes(body)):
            pass
        case _:
            raise ProtocolError(Fault.MALFORMED, "the frame is no [version, checksum, body]")
    if version != VERSION:
        raise ProtocolError(Fault.VERSION, f"version {version}, where {VERSION} is spoken")
    if _sealed(body) != frame:
        raise ProtocolError(Fault.CHECKSUM, "the checksum does not hold")
    return body


def _pack_array(value: Any, finite: bool) -> msgpack.ExtType:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a message holds a {type(value).__name__}")
    if finite:
        _require_finite(value)
    dtype = value.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise ProtocolError(Fault.TENSOR, f"no tensor of dtype {value.dtype} crosses a link")
    if value.ndim > _MOST_AXES:
        raise ProtocolError(Fault.TENSOR, f"a tensor of {value.ndim} axes, where {_MOST_AXES} are the most")
    head = struct.pack(f"<BB{value.ndim}I", _CODES[dtype], value.ndim, *value.shape)
    return msgpack.ExtType(_TENSOR, head + np.ascontiguousarray(value, dtype).tobytes())


def _unpack_array(code: int, data: bytes) -> NDArray[Any]:
    if code != _TENSOR or len(data) < 2 or data[0] not in _DTYPES or data[1] > _MOST_AXES:
        raise ProtocolError(Fault.TENSOR, "an extension that is no tensor")
    dtype, axes = np.dtype(_DTYPES[data[0]]), data[1]
    start = 2 + 4 * axes
    if len(data) < start:
        raise ProtocolError(Fault.TENSOR, "a tensor without its shape")
    shape = struct.unpack_from(f"<{axes}I", data, 2)
    if len(data) - start != prod(shape) * dtype.itemsize:
        raise ProtocolError(Fault.TENSOR, f"{len(data) - start} bytes for a {dtype} tensor of shape {shape}")
    array: NDArray[Any] = np.frombuffer(data, dtype, offset=start).reshape(shape)
    _require_finite(array)
    return array


def _require_finite(array: NDArray[Any]) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ProtocolError(Fault.NON_FINITE, f"a tensor of shape {array.shape} holds NaN or infinity")
