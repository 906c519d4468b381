"""The one interface through which domain data comes, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from hat_sim.sensors import Sensors, channels_of, taken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Domain:
    """The samples of one user, place or sensor.

    `x` is float32 of shape (samples, *shape), `y` int64 class indices of shape (samples,), and
    `block` int64 of shape (samples,): samples of one block share time (overlapping windows of one
    stretch of a recording), so what is held out of a split is made of whole blocks.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64]
    block: NDArray[np.int64]

    def seen_by(self, sensors: Sensors | None) -> Domain:
        """The domain as a device with these sensors records it; None stands for all channels."""
        return replace(self, x=taken(self.x, channels_of(sensors)))


class Dataset(Protocol):
    """A family of domains with one input shape and one list of classes.

    `digest` is the SHA-256 (hex) of the content, whatever path it was read from; `load` is pure.
    """

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """(features,), (time, channels) or (channels, height, width)."""
        ...

    @property
    def classes(self) -> Sequence[str]: ...

    @property
    def domains(self) -> Sequence[str]: ...

    @property
    def sensors(self) -> Sensors:
        """Whose the channels are, where that is known; none where channels have no names."""
        ...

    @property
    def digest(self) -> str: ...

    def load(self, domain: str) -> Domain: ...
