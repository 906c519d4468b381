"""Fine selection: rank sources by the similarity of class centroids x Acc_i, and choose N_p of them.

The product is HaT's (arXiv 2412.04060); Acc_i is the accuracy that a source claims from its own validation
samples. A similarity below 0 counts as 0, so that a high accuracy never makes a source that points away
rank lower than a weak one.

Where sources know different classes, those that rank first may all lack the same one. The coverage term is
ours: sources are chosen one after the other, the one of the highest score + coverage x gain first, where the
gain is the share of the target's own classes that the source knows and none chosen before it does. Where all
know the same of the target's classes, it adds the same to all, and the N_p of the highest scores are chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.errors import InternalError
from hat_sim.learning.centroids import centroid_similarities
from hat_sim.methods.hat.options import SelectionOptions


@dataclass(frozen=True)
class Candidate:
    """A source's centroids (classes, width), the target's in the same space, and its claimed accuracy."""

    classes: tuple[str, ...]
    centroids: NDArray[np.floating]
    own: NDArray[np.float32]
    accuracy: float


def similarities(candidates: Mapping[str, Candidate], own_classes: tuple[str, ...]) -> dict[str, float]:
    """How similar each source's centroids are to the target's; those of one space and classes at once."""
    alike: defaultdict[tuple[int, tuple[str, ...]], dict[int, Candidate]] = defaultdict(dict)
    for name, it in candidates.items():
        if it.own.shape[1] != it.centroids.shape[1]:
            raise InternalError(f"centroids of {name} and the target's are of different spaces")
        alike[id(it.own), it.classes][id(it.centroids)] = it
    found: dict[tuple[int, int], float] = {}
    for (space, classes), them in alike.items():
        own = next(iter(them.values())).own
        values = centroid_similarities(own, own_classes, [it.centroids for it in them.values()], classes)
        found |= {(space, key): value for key, value in zip(them, values, strict=True)}
    return {name: found[id(it.own), id(it.centroids)] for name, it in candidates.items()}


def scores(similarity: Mapping[str, float], candidates: Mapping[str, Candidate]) -> dict[str, float]:
    """max(0, similarity) x Acc_i of each source."""
    return {name: max(0.0, value) * candidates[name].accuracy for name, value in similarity.items()}


def best(
    ranking: Mapping[str, float],
    candidates: Mapping[str, Candidate],
    own_classes: tuple[str, ...],
    options: SelectionOptions,
    here: Sequence[str] = (),
    gone: Collection[str] = (),
) -> tuple[str, ...]:
    """As many sources as `options.top` lacks of those that are `here`; ties go by score, then by name.

    They are chosen greedily by score and coverage, and those that are `gone` are not.
    """
    missing = set(own_classes).difference(*(candidates[name].classes for name in here))
    left = set(ranking).difference(here, gone)
    chosen: list[str] = []

    def gain(classes: tuple[str, ...]) -> float:
        return len(missing.intersection(classes)) / len(own_classes)

    while left and len(here) + len(chosen) < options.top:
        gains = {classes: gain(classes) for classes in {candidates[name].classes for name in left}}

        def place(name: str, gains: Mapping[tuple[str, ...], float] = gains) -> tuple[float, float, str]:
            score = ranking[name]
            return (-(score + options.coverage * gains[candidates[name].classes]), -score, name)

        chosen.append(min(left, key=place))
        left.remove(chosen[-1])
        missing.difference_update(candidates[chosen[-1]].classes)
    return tuple(chosen)
