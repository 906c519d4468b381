"""digits: scanned and pen-written digits as images of 8 x 8, seen by cameras with different faults.

Images are dealt to the cameras before the faults, so none stands in two domains.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.packaged.catalogue import DIGITS
from hat_sim.data.packaged.faults import FAULTS, exposed
from hat_sim.data.packaged.keel import read_table
from hat_sim.data.packaged.strokes import SIDE, draw
from hat_sim.seeding import generator

PER_CLASS = 90
"""Images of each digit that a camera gets."""
GREYS = 16
REACH = 100


def prepare(optdigits: bytes, pendigits: bytes) -> Iterator[Domain]:
    """The domains in `optdigits.dat` (64 pixels) and `penbased.dat` (8 points of a pen), camera by camera."""
    scanned, written = read_table(optdigits), read_table(pendigits)
    images = scanned[:, :-1].reshape(-1, SIDE, SIDE) / GREYS
    yield from _seen_by_cameras("optdigits", images, scanned[:, -1])
    images = draw(written[:, :-1].reshape(len(written), -1, 2) / REACH)
    yield from _seen_by_cameras("pendigits", images, written[:, -1])


def deal(labels: NDArray[np.floating], hands: int) -> list[NDArray[np.int64]]:
    """Ascending indices for each hand: `PER_CLASS` of each class, dealt in turn, none of them twice."""
    piles = [np.flatnonzero(labels == label) for label in range(len(DIGITS.classes))]
    return [
        np.sort(np.concatenate([pile[hand::hands][:PER_CLASS] for pile in piles])) for hand in range(hands)
    ]


def _seen_by_cameras(
    kind: str, images: NDArray[np.float64], labels: NDArray[np.floating]
) -> Iterator[Domain]:
    for (fault, spoil), dealt in zip(FAULTS.items(), deal(labels, len(FAULTS)), strict=True):
        name = f"{kind}-{fault}"
        seen = exposed(spoil(images[dealt], generator(0, "camera-noise", name)))
        yield Domain(
            name=name,
            x=seen[:, None].astype(np.float32),
            y=labels[dealt].astype(np.int64),
            block=np.arange(len(dealt), dtype=np.int64),
        )
