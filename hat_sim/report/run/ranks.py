"""How well one order follows another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties sharing their mean rank; None where one of both says nothing."""
    if len(one) < 3 or len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    low, high = (pc.rank(pa.array(values), tiebreaker=it).to_pylist() for it in ("min", "max"))
    return [(first + last) / 2 for first, last in zip(low, high, strict=True)]
