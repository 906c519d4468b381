"""watch: each side of each subject is a domain, each recording several blocks of time."""

from __future__ import annotations

import io
import pickle
from itertools import pairwise

import numpy as np

from hat_sim.data.packaged import watch
from hat_sim.data.splits import split_source, split_target


def member(rows: int = 1000) -> bytes:
    """Two subjects, both sides, every exercise; every channel counts rows over all recordings."""
    keys = [(subject, side, label) for subject in (2, 1) for side in (1.0, 0.0) for label in range(7)]
    data = {
        "X": [
            np.repeat(np.arange(rows, dtype=np.float64)[:, None] + rows * number, 6, axis=1)
            for number in range(len(keys))
        ],
        "y": np.array([label for _, _, label in keys]),
        "subject": np.array([subject for subject, _, _ in keys]),
        "side": np.array([side for _, side, _ in keys]),
    }
    array = np.empty((), object)
    array[()] = data
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
    return stream.getvalue() + pickle.dumps(array, 2).replace(b"numpy._core.", b"numpy.core.")


def test_domains_come_by_subject_and_left_before_right() -> None:
    names = [domain.name for domain in watch.prepare(member())]
    assert names == ["subject-1-left", "subject-1-right", "subject-2-left", "subject-2-right"]


def test_every_exercise_has_several_blocks_a_window_apart() -> None:
    for domain in watch.prepare(member()):
        for label in range(7):
            spans = sorted(
                (domain.x[domain.block == block, :, 0].min(), domain.x[domain.block == block, :, 0].max())
                for block in np.unique(domain.block[domain.y == label])
            )
            assert len(spans) >= 3
            for first, second in pairwise(spans):
                assert second[0] - first[1] > watch.WINDOW


def test_parts_of_a_split_hold_every_exercise_and_share_no_row() -> None:
    for domain in watch.prepare(member()):
        rows = domain.x[:, :, 0].astype(int)
        target = split_target(domain, 2, seed=0)
        pool = np.concatenate([target.labelled, target.unlabelled])
        source = split_source(domain, seed=0)
        for part, other in ((pool, target.test), (source.train, source.validation)):
            assert set(domain.y[part].tolist()) == set(domain.y[other].tolist()) == set(range(7))
            assert not set(rows[part].ravel().tolist()) & set(rows[other].ravel().tolist())
