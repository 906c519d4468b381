"""watch: a smartwatch on 10 people, seven shoulder exercises; a side of a person is a domain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.packaged import pickles
from hat_sim.data.packaged.catalogue import WATCH
from hat_sim.data.packaged.windows import LabelledBlock, cut, domain_of, windows

WINDOW, _ = WATCH.shape
STRIDE = 32
BLOCK = 288
SIDES = ("left", "right")


def blocks_of(rows: NDArray[np.floating], label: int) -> Iterator[LabelledBlock]:
    """The blocks of one recording (time, channels), which is one exercise throughout."""
    for start, stop in cut(len(rows), BLOCK, gap=WINDOW):
        yield LabelledBlock(windows(rows[start:stop], WINDOW, STRIDE), label)


def prepare(member: bytes) -> Iterator[Domain]:
    """The domains in `watch_dataset.npy`: subject by subject, left before right."""
    data = pickles.load_npy_object(member)
    of_domain: dict[tuple[int, int], list[LabelledBlock]] = {}
    for rows, label, subject, side in zip(data["X"], data["y"], data["subject"], data["side"], strict=True):
        of_domain.setdefault((int(subject), int(side)), []).extend(blocks_of(rows, int(label)))
    for (subject, side), blocks in sorted(of_domain.items()):
        yield domain_of(f"subject-{subject}-{SIDES[side]}", blocks)
