"""HAPT: 30 people with a phone at the waist, six activities; each person is a domain.

The pickle holds pandas tables of an old version. Their few classes are replaced by stand-ins that keep
the numpy blocks, so neither pandas nor anything else that a pickle might name is run.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.packaged import pickles
from hat_sim.data.packaged.catalogue import HAPT
from hat_sim.data.packaged.windows import LabelledBlock, domain_of, windows

WINDOW, _ = HAPT.shape
STRIDE = 64


class _Manager:
    """Stands in for pandas' BlockManager: column names beside arrays of shape (columns, rows)."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.arrays, self.names, _ = state

    def column(self, name: str) -> NDArray[Any]:
        for array, names in zip(self.arrays, self.names, strict=True):
            if name in names:
                column: NDArray[Any] = array[names.index(name)]
                return column
        raise KeyError(name)


class _Frame:
    """Stands in for pandas' DataFrame: all we need of it is its manager."""

    _data: _Manager

    def column(self, name: str) -> NDArray[Any]:
        return self._data.column(name)


class _Index:
    """Stands in for the classes of pandas' indexes; never made, only named."""


def _new_index(kind: type[_Index], state: dict[str, Any]) -> list[str]:
    """The names in an index; those of the rows are not needed."""
    return [str(name) for name in state["data"]] if "data" in state else []


def _bare(kind: type[_Manager | _Frame], base: type[object], state: None) -> object:
    """Stands in for copyreg's reconstructor, for the two stand-ins and nothing else."""
    if kind not in (_Manager, _Frame):
        raise pickles.RefusedPickleError(f"the pickle makes a {kind!r}, which is not accepted")
    return object.__new__(kind)


_PANDAS: pickles.Whitelist = {
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas.core.indexes.base", "_new_Index"): _new_index,
    ("pandas.core.indexes.base", "Index"): _Index,
    ("pandas.core.indexes.range", "RangeIndex"): _Index,
    ("copy_reg", "_reconstructor"): _bare,
    ("__builtin__", "object"): object,
    ("__builtin__", "slice"): slice,
}


def bouts(labels: NDArray[np.integer]) -> list[tuple[int, int, int]]:
    """Maximal runs of one label in time: (label, start, stop)."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [(int(labels[start]), start, stop) for start, stop in pairwise(edges)]


def blocks_of(rows: NDArray[np.floating], labels: NDArray[np.integer]) -> Iterator[LabelledBlock]:
    """The bouts of the six activities, each a block; transitions (above 6) and unlabelled rows (-1) end one.

    rows: (time, channels). A bout that begins less than a window after the last one loses its beginning.
    """
    free_from = 0
    for label, start, stop in bouts(labels):
        start = max(start, free_from)
        if 1 <= label <= len(HAPT.classes) and stop - start >= WINDOW:
            yield LabelledBlock(windows(rows[start:stop], WINDOW, STRIDE), label - 1)
            free_from = stop + WINDOW


def prepare(member: bytes) -> Iterator[Domain]:
    """The domains in `HAPT.pkl.gz`, user by user."""
    users = pickles.load(gzip.decompress(member), {**pickles.NUMPY, **_PANDAS})
    for user in sorted(users):
        yield domain_of(f"user-{user}", _blocks_of_user(users[user]))


def _blocks_of_user(recordings: Sequence[_Frame]) -> list[LabelledBlock]:
    return [
        block
        for recording in recordings
        for block in blocks_of(
            np.stack([recording.column(channel) for channel in HAPT.channels], axis=1),
            recording.column("label"),
        )
    ]
