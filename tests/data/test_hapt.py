"""HAPT's pickle of pandas tables is read without pandas, and its bouts become blocks of pure windows."""

from __future__ import annotations

import gzip
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hat_sim.data.packaged import hapt
from hat_sim.data.packaged.catalogue import HAPT
from hat_sim.data.packaged.pickles import RefusedPickleError
from hat_sim.data.splits import split_source, split_target

BOUTS = [(-1, 50), *((label, 400) for label in (1, 2, 3, 4, 7, 5, 6)), (-1, 300)] * 3


class DataFrame:
    """As pandas 1.0 pickled it, as far as the file goes."""


class BlockManager:
    def __init__(self, arrays: list[np.ndarray], names: list[Any], index: Any) -> None:
        self.state = ([names[0], index], arrays, names, {"0.14.1": {"blocks": [slice(0, 6, 1)]}})

    def __getstate__(self) -> Any:
        return self.state

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("the real class is not to be used")


def _new_Index(kind: type, state: dict[str, Any]) -> Any:  # noqa: N802 (pandas' name)
    raise AssertionError("the real function is not to be used")


class Index:
    def __init__(self, **state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return _new_Index, (type(self), self.state)


class RangeIndex(Index):
    pass


HOMES = {
    "DataFrame": "pandas.core.frame",
    "BlockManager": "pandas.core.internals.managers",
    "_new_Index": "pandas.core.indexes.base",
    "Index": "pandas.core.indexes.base",
    "RangeIndex": "pandas.core.indexes.range",
}


def old_pickle(value: object) -> bytes:
    """A pickle that names what is above as pandas had it, and numpy's internals as they were called."""
    data = pickle.dumps(value, 1).replace(b"numpy._core.", b"numpy.core.")
    for name, home in HOMES.items():
        data = data.replace(f"c{__name__}\n{name}\n".encode(), f"c{home}\n{name}\n".encode())
    return data


def recording(bouts: list[tuple[int, int]], first_row: int = 0) -> DataFrame:
    """Every channel counts the rows, so that a window tells which rows it was cut from."""
    labels = np.concatenate([np.full(length, label) for label, length in bouts])
    rows = first_row + np.arange(len(labels), dtype=np.float64)
    names = [
        Index(data=np.array(HAPT.channels, object), name=None),
        Index(data=np.array(["sequence", "label"], object), name=None),
    ]
    arrays = [
        np.stack([rows + 0.1 * channel for channel in range(6)]),
        np.stack([rows.astype(np.int64), labels]),
    ]
    frame = DataFrame()
    frame._data = BlockManager(arrays, names, RangeIndex(name=None, start=0, stop=len(rows), step=1))  # type: ignore[attr-defined]
    frame._typ = "dataframe"  # type: ignore[attr-defined]
    return frame


def member(users: dict[int, Any]) -> bytes:
    return gzip.compress(old_pickle(users))


def test_users_come_in_order_with_windows_of_all_channels() -> None:
    made = list(hapt.prepare(member({2: [recording(BOUTS)], 1: [recording(BOUTS), recording(BOUTS, 10**5)]})))
    assert [domain.name for domain in made] == ["user-1", "user-2"]
    first = made[0]
    assert first.x.shape[1:] == (128, 6) and first.x.dtype == np.float32
    assert np.allclose(first.x[0, 0], 50 + 0.1 * np.arange(6), atol=1e-4)
    assert sorted(set(first.y.tolist())) == [0, 1, 2, 3, 4, 5]
    assert len(first.y) == 2 * len(made[1].y)


def test_a_window_is_of_one_activity_and_no_transition() -> None:
    (domain,) = hapt.prepare(member({1: [recording(BOUTS)]}))
    labels = np.concatenate([np.full(length, label) for label, length in BOUTS])
    for window, label in zip(domain.x, domain.y, strict=True):
        assert set(labels[window[:, 0].astype(int)].tolist()) == {label + 1}


def test_a_gap_of_one_window_lies_between_blocks() -> None:
    (domain,) = hapt.prepare(member({1: [recording(BOUTS)]}))
    spans = [
        (domain.x[domain.block == block, :, 0].min(), domain.x[domain.block == block, :, 0].max())
        for block in range(domain.block.max() + 1)
    ]
    assert all(second[0] - first[1] > hapt.WINDOW for first, second in pairwise(spans))


def test_parts_of_a_split_share_no_row_of_the_recording() -> None:
    (domain,) = hapt.prepare(member({1: [recording(BOUTS), recording(BOUTS, 10**5)]}))
    rows = domain.x[:, :, 0].astype(int)
    target = split_target(domain, 2, seed=0)
    pool = np.concatenate([target.labelled, target.unlabelled])
    assert not set(rows[pool].ravel().tolist()) & set(rows[target.test].ravel().tolist())
    source = split_source(domain, seed=0)
    assert not set(rows[source.train].ravel().tolist()) & set(rows[source.validation].ravel().tolist())


def test_a_bout_shorter_than_a_window_gives_none() -> None:
    blocks = list(hapt.blocks_of(np.zeros((327, 6)), np.repeat([1, 9, 2], [127, 72, 128])))
    assert [(block.label, len(block.windows)) for block in blocks] == [(1, 1)]


def test_a_bout_right_after_another_loses_a_window_of_its_beginning() -> None:
    rows = np.repeat(np.arange(512.0)[:, None], 6, axis=1)
    first, second = hapt.blocks_of(rows, np.repeat([4, 5], [200, 312]))
    assert (first.label, second.label) == (3, 4)
    assert second.windows[0, 0, 0] == 200 + hapt.WINDOW


def test_tables_of_anything_else_are_refused() -> None:
    harmful = old_pickle(DataFrame()).replace(b"pandas.core.frame\nDataFrame", b"subprocess\nPopen")
    with pytest.raises(RefusedPickleError, match=r"subprocess\.Popen"):
        list(hapt.prepare(gzip.compress(harmful)))


def test_the_reconstructor_makes_the_stand_ins_only() -> None:
    harmful = old_pickle(DataFrame()).replace(b"pandas.core.frame\nDataFrame", b"numpy\nndarray")
    with pytest.raises(RefusedPickleError, match="ndarray"):
        list(hapt.prepare(gzip.compress(harmful)))
