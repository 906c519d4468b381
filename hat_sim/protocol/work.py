"""Work of a device: floating-point operations, and how many of them are passes through which model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Model(NamedTuple):
    """An architecture, and the operations of training it on one sample, forward and backward."""

    architecture: str
    training_flop: int


@dataclass(frozen=True)
class Work:
    """`flop` operations, of which `models` says how many are passes of samples through each model.

    Works add up, and are multiplied by whole numbers; a plain number of operations is work without a model.
    """

    flop: int
    models: Mapping[Model, int] = field(default_factory=dict)

    @classmethod
    def of(cls, work: Work | int) -> Work:
        return work if isinstance(work, Work) else cls(work)

    def __add__(self, other: Work | int) -> Work:
        it = Work.of(other)
        both = {
            model: self.models.get(model, 0) + it.models.get(model, 0)
            for model in {**self.models, **it.models}
        }
        return Work(self.flop + it.flop, both)

    __radd__ = __add__

    def __mul__(self, times: int) -> Work:
        return Work(self.flop * times, {model: flop * times for model, flop in self.models.items()})

    __rmul__ = __mul__
