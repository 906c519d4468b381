"""watch: a smartwatch on 10 people, seven shoulder exercises; a side of a person is a domain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.fetch import Archive
from hat_sim.data.packaged import pickles
from hat_sim.data.packaged.info import PackagedInfo
from hat_sim.data.packaged.windows import LabelledBlock, cut, domain_of, windows

WINDOW = 128
STRIDE = 32
BLOCK = 288
CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
CLASSES = (
    "pendulum",
    "abduction",
    "forward-elevation",
    "internal-rotation",
    "external-rotation",
    "trapezius-row",
    "bent-over-row",
)
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


INFO = PackagedInfo(
    name="watch",
    title="Smartwatch: shoulder exercises of 10 people on either side",
    archive=Archive(
        requirement="seglearn==1.2.5",
        filename="seglearn-1.2.5-py3-none-any.whl",
        sha256="ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
        member="seglearn/data/watch_dataset.npy",
    ),
    version=1,
    shape=(WINDOW, len(CHANNELS)),
    classes=CLASSES,
    domains=tuple(f"subject-{subject}-{side}" for subject in range(1, 11) for side in SIDES),
    samples=3_394,
    licence="BSD (seglearn)",
    origin="Shoulder Physiotherapy Activity Recognition (Burns et al. 2018), as shipped with seglearn",
    traps=(
        "A subject, side and exercise is one recording, so labels and test share recordings "
        "(never a stretch of time): figures flatter a device that is taken off between the two.",
        "The two sides of one subject are two domains: a target's other side is a source unless left out.",
    ),
    prepare=prepare,
)
