"""Recordings become blocks with gaps between them, and blocks become windows that stay inside."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.data.packaged.windows import LabelledBlock, cut, domain_of, windows


def plain_windows(rows: np.ndarray, window: int, stride: int) -> list[np.ndarray]:
    """The readable twin of `windows`."""
    return [rows[start : start + window] for start in range(0, len(rows) - window + 1, stride)]


@given(rows=st.integers(0, 60), window=st.integers(1, 20), stride=st.integers(1, 20))
def test_windows_are_the_slices_that_fit(rows: int, window: int, stride: int) -> None:
    recording = np.arange(rows * 2, dtype=np.float64).reshape(rows, 2)
    made = windows(recording, window, stride)
    plain = plain_windows(recording, window, stride)
    assert made.dtype == np.float32 and made.flags.c_contiguous
    assert made.shape == (len(plain), window, 2)
    assert all(np.array_equal(one, other) for one, other in zip(made, plain, strict=True))


@given(rows=st.integers(1, 5000), block=st.integers(1, 500), gap=st.integers(0, 300))
def test_blocks_are_equal_and_a_gap_apart_and_fill_the_recording(rows: int, block: int, gap: int) -> None:
    ranges = cut(rows, block, gap)
    lengths = {stop - start for start, stop in ranges}
    assert len(lengths) == 1
    assert ranges[0][0] == 0 and ranges[-1][1] <= rows < ranges[-1][1] + len(ranges)
    assert all(second[0] - first[1] == gap for first, second in pairwise(ranges))


def test_a_recording_too_short_for_a_gap_is_one_block() -> None:
    assert cut(300, block=256, gap=128) == [(0, 300)]


def test_blocks_of_a_domain_are_numbered_in_order() -> None:
    blocks = [
        LabelledBlock(np.zeros((2, 4, 1), np.float32), 1),
        LabelledBlock(np.ones((3, 4, 1), np.float32), 0),
    ]
    domain = domain_of("home", blocks)
    assert domain.name == "home" and domain.x.shape == (5, 4, 1)
    assert domain.y.tolist() == [1, 1, 0, 0, 0]
    assert domain.block.tolist() == [0, 0, 1, 1, 1]
