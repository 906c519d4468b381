"""Work of a device: floating-point operations, and how many of them are passes through which model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, SupportsIndex


class Model(NamedTuple):
    """An architecture, and the operations of training it on one sample, forward and backward."""

    architecture: str
    training_flop: int


class Work(int):
    """A number of operations, of which `models` says how many are passes of samples through each model.

    Works add up, with each other and with plain operations, and are multiplied by whole numbers. All else
    that is done with one gives a plain number.
    """

    models: Mapping[Model, int]

    def __new__(cls, flop: int, models: Mapping[Model, int] | None = None) -> Work:
        work = super().__new__(cls, flop)
        work.models = dict(models or {})
        return work

    @classmethod
    def of(cls, flop: int) -> Work:
        """The same number as work."""
        return flop if isinstance(flop, Work) else cls(flop)

    @property
    def flop(self) -> int:
        """The number alone."""
        return int(self)

    def __getnewargs__(self) -> tuple[int, Mapping[Model, int]]:  # type: ignore[override]
        return int(self), self.models

    def __add__(self, other: int) -> Work:
        both = dict(self.models)
        for model, flop in Work.of(other).models.items():
            both[model] = both.get(model, 0) + flop
        return Work(int(self) + int(other), both)

    __radd__ = __add__

    def __mul__(self, times: SupportsIndex) -> Work:
        count = int(times)
        return Work(int(self) * count, {model: flop * count for model, flop in self.models.items()})

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Work({int(self)}, {dict(self.models)})"
