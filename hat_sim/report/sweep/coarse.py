"""An axis of very many values, made coarse enough to draw: neighbours share a place."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hat_sim.report.sweep.record import Axis

MOST_VALUES = 40


def places_of(axis: Axis) -> dict[Any, Any]:
    """Where each value of an axis is drawn, in the axis's order: at itself where the values are few.

    Of many numbers neighbours are drawn at their mean, in groups of equal size; of many words the last ones
    are drawn together.
    """
    count = len(axis.values)
    if count <= MOST_VALUES:
        return {value: value for value in axis.values}
    if not axis.numeric:
        rest = f"{count - MOST_VALUES + 1:,} others"
        return {value: value if k < MOST_VALUES - 1 else rest for k, value in enumerate(axis.values)}
    edges = [count * k // MOST_VALUES for k in range(MOST_VALUES + 1)]
    groups = [axis.values[low:high] for low, high in pairwise(edges)]
    return {value: sum(group) / len(group) for group in groups for value in group}


def remark_on(axis: Axis) -> str:
    """What to say of an axis that is drawn coarsely; empty of any other."""
    if len(axis.values) <= MOST_VALUES:
        return ""
    return f" The {len(axis.values):,} values of {axis.name} are drawn in {MOST_VALUES} groups."
