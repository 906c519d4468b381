"""Read a pickle by a whitelist: whatever it names that is not on the list is refused, and never imported.

A plain load runs what the file says. Ours can build numbers, strings, containers and numpy arrays, and
whatever stand-ins the caller adds.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct

Whitelist = Mapping[tuple[str, str], Any]


class RefusedPickleError(pickle.UnpicklingError):
    """The pickle names something that is not on the whitelist."""


def _encode(text: str, encoding: str) -> bytes:
    """How Python 2 and protocol 2 write bytes; `codecs.encode` itself would take any codec."""
    if encoding != "latin1":
        raise RefusedPickleError(f"the pickle encodes bytes as {encoding!r}; only latin1 is accepted")
    return text.encode(encoding)


NUMPY: Whitelist = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, allowed: Whitelist) -> None:
        super().__init__(io.BytesIO(data))
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise RefusedPickleError(f"the pickle names {module}.{name}, which is not accepted") from None


def load(data: bytes, allowed: Whitelist) -> Any:
    """The object that the pickle describes, made of nothing but builtin containers and `allowed`."""
    return _Unpickler(data, allowed).load()


def load_npy_object(data: bytes) -> Any:
    """The one object inside of a version 1 `.npy` file of dtype object and shape ()."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise RefusedPickleError(f"an .npy file of version {version}; only (1, 0) is accepted")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if shape != () or not dtype.hasobject:
        raise RefusedPickleError(f"an .npy file of {dtype} {shape}; only one object is accepted")
    return load(stream.read(), NUMPY).item()
