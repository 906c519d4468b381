"""Weights for a link: as they are, as half floats, or as bytes with a scale for each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import Precision

_INT8_MOST = 127


def pack(weights: Iterable[NDArray[np.float32]], precision: Precision) -> tuple[NDArray[Any], ...]:
    """Tensors to send for `weights`.

    `fp16` rounds to half floats, clipped to their range. `int8` sends each tensor of two or more axes as
    int8 of its shape followed by float32 scales of shape (rows,), symmetric around 0, and others as fp32.
    """
    packed: list[NDArray[Any]] = []
    for array in weights:
        if precision == "fp16":
            most = np.finfo(np.float16).max
            packed.append(np.clip(array, -most, most).astype(np.float16))
        elif precision == "int8" and array.ndim >= 2:
            rows = array.reshape(len(array), -1)
            scale = (np.abs(rows).max(axis=1) / _INT8_MOST).astype(np.float32)
            steps = np.rint(rows / np.where(scale > 0, scale, 1)[:, None])
            packed += [steps.astype(np.int8).reshape(array.shape), scale]
        else:
            packed.append(array.astype(np.float32, copy=False))
    return tuple(packed)


def unpack(tensors: Sequence[NDArray[Any]], shapes: Sequence[tuple[int, ...]]) -> list[NDArray[np.float32]]:
    """The weights that `pack` sent, float32 of the `shapes` expected; ProtocolError where they do not fit."""
    rest = list(tensors)
    weights: list[NDArray[np.float32]] = []
    for shape in shapes:
        if not rest or rest[0].shape != shape:
            found = f"one of shape {rest[0].shape}" if rest else "none"
            raise ProtocolError(Fault.SHAPE, f"a tensor of shape {shape} is expected, {found} came")
        array = rest.pop(0)
        if array.dtype == np.int8 and array.ndim >= 2:
            if not rest or rest[0].shape != shape[:1]:
                raise ProtocolError(Fault.SHAPE, f"the scales of a tensor of shape {shape} are missing")
            weights.append(_scaled(array, rest.pop(0)))
        elif array.dtype.kind == "f":
            weights.append(array.astype(np.float32))
        else:
            raise ProtocolError(Fault.TENSOR, f"weights came as {array.dtype}")
    if rest:
        raise ProtocolError(Fault.SHAPE, f"{len(rest)} tensors more than the architecture has")
    return weights


def _scaled(steps: NDArray[np.int8], scale: NDArray[Any]) -> NDArray[np.float32]:
    if scale.dtype != np.float32:
        raise ProtocolError(Fault.TENSOR, f"scales came as {scale.dtype}")
    with np.errstate(over="ignore"):
        weights: NDArray[np.float32] = steps * scale.reshape(-1, *[1] * (steps.ndim - 1))
    if not np.isfinite(weights).all():
        raise ProtocolError(Fault.NON_FINITE, "steps times their scale are beyond float32")
    return weights
