"""Read a table of the KEEL repository: rows of numbers, commas between them, the class last."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray


def read_table(member: bytes) -> NDArray[np.float64]:
    """Float64 (rows, columns)."""
    return np.loadtxt(io.BytesIO(member), delimiter=",", ndmin=2)
