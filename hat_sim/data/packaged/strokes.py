"""Draw pen strokes as optdigits was made: bitmaps of 32 x 32, counted in cells of 4 x 4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 8
CELL = 4
BITMAP = SIDE * CELL
RADIUS = 2.0
"""Half the width of the pen, in pixels of the bitmap."""
CHUNK = 500


def draw(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Images (samples, 8, 8) of pens that go straight from point to point: the share of each cell with ink.

    points: (samples, points, 2), x and y from 0 to 1, y upwards.
    """
    parts = [_bitmaps(points[first : first + CHUNK]) for first in range(0, len(points), CHUNK)]
    cells = np.concatenate(parts).reshape(len(points), SIDE, CELL, SIDE, CELL)
    return np.asarray(cells.mean(axis=(2, 4)))


def _bitmaps(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pixels (samples, 32, 32) have their middle within `RADIUS` of the line."""
    reach = BITMAP - 2 * RADIUS
    x, y = RADIUS + points[:, :, 0] * reach, RADIUS + (1 - points[:, :, 1]) * reach
    rows, columns = np.meshgrid(np.arange(BITMAP) + 0.5, np.arange(BITMAP) + 0.5, indexing="ij")
    ink = np.zeros((len(points), BITMAP, BITMAP), bool)
    for start in range(points.shape[1] - 1):
        from_x, from_y = x[:, start, None, None], y[:, start, None, None]
        way_x, way_y = x[:, start + 1, None, None] - from_x, y[:, start + 1, None, None] - from_y
        length = np.maximum(way_x**2 + way_y**2, 1e-12)
        along = np.clip(((columns - from_x) * way_x + (rows - from_y) * way_y) / length, 0, 1)
        far = (columns - from_x - along * way_x) ** 2 + (rows - from_y - along * way_y) ** 2
        ink |= far <= RADIUS**2
    return ink
