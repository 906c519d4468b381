"""From a recording to windows: first blocks of time with gaps between them, then windows inside a block.

A window never crosses the edge of its block, so windows of two blocks share no row of the recording,
and at least a gap lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain


@dataclass(frozen=True)
class LabelledBlock:
    """The windows of one stretch of time, float32 (windows, time, channels), all of one class."""

    windows: NDArray[np.float32]
    label: int


def cut(rows: int, block: int, gap: int) -> list[tuple[int, int]]:
    """Ranges (start, stop) of equal blocks of about `block` rows, `gap` rows apart, that fill `rows` rows.

    >>> cut(1000, block=300, gap=100)
    [(0, 266), (366, 632), (732, 998)]
    """
    count = max(1, round((rows + gap) / (block + gap)))
    length = (rows - gap * (count - 1)) // count
    return [(start, start + length) for start in range(0, count * (length + gap), length + gap)]


def windows(rows: NDArray[np.floating], window: int, stride: int) -> NDArray[np.float32]:
    """Every whole window of rows (time, channels): float32 (windows, window, channels), maybe none."""
    if len(rows) < window:
        return np.empty((0, window, rows.shape[1]), np.float32)
    views = np.lib.stride_tricks.sliding_window_view(rows, window, axis=0)[::stride]
    return np.ascontiguousarray(views.transpose(0, 2, 1), dtype=np.float32)


def domain_of(name: str, blocks: Sequence[LabelledBlock]) -> Domain:
    """A domain whose blocks are numbered in the order in which they are given."""
    sizes = [len(block.windows) for block in blocks]
    return Domain(
        name=name,
        x=np.concatenate([block.windows for block in blocks]),
        y=np.repeat(np.array([block.label for block in blocks], np.int64), sizes),
        block=np.repeat(np.arange(len(blocks), dtype=np.int64), sizes),
    )
