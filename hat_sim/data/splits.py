"""Split one domain into parts that share no time: a part is made of whole blocks, stratified by class.

Within a target's pool the few labelled samples are single samples; what is left of the pool, their blocks'
other samples included, is unlabelled. Pool and test, train and validation never share a block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.errors import Problem, UserError
from hat_sim.seeding import generator

TEST_SHARE = 0.4
VALIDATION_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class SourceSplit:
    """Ascending sample indices; `validation` is what a source's own accuracy is measured on."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TargetSplit:
    """Ascending sample indices; only the observer ever looks at `test`."""

    labelled: NDArray[np.int64]
    unlabelled: NDArray[np.int64]
    test: NDArray[np.int64]


def split_source(domain: Domain, seed: int, labels: Sequence[int] | None = None) -> SourceSplit:
    """About 80 % of each class to train on and 20 % to validate with.

    Each class that occurs is trained on. Where its blocks allow, it is validated too: a class of a single
    block is not. Given `labels`, samples of other classes are in neither part, as if there were none.
    """
    own, domain = _of(domain, labels)
    validation = _hold_out(domain, VALIDATION_SHARE, generator(seed, "source-split", domain.name))
    return SourceSplit(train=own[~validation], validation=own[validation])


def split_target(
    domain: Domain, labels_per_class: int, seed: int, labels: Sequence[int] | None = None
) -> TargetSplit:
    """About 40 % of each class to test; of the rest, the pool, `labels_per_class` of each class are labelled.

    Each class that occurs is in the pool. Where its blocks allow, it is tested too: a class of a single block
    is not. The test part does not depend on `labels_per_class`, and the labelled samples of n labels
    are among those of n + 1. They come from as many different blocks as there are. Given `labels`, samples of
    other classes are in no part, as if there were none.
    Raises UserError if a class has fewer samples in the pool than labels are asked for.
    """
    if labels_per_class < 1:
        raise UserError(Problem(f"{labels_per_class} labels a class", _LABELS, hint="1 or more"))
    own, domain = _of(domain, labels)
    test = _hold_out(domain, TEST_SHARE, generator(seed, "target-split", domain.name))
    rng = generator(seed, "target-labels", domain.name)
    labelled = np.zeros(len(domain.y), bool)
    problems = []
    for label in np.unique(domain.y):
        order = _spread_over_blocks(domain, np.flatnonzero(~test & (domain.y == label)), rng)
        if len(order) < labels_per_class:
            what = f"domain {domain.name} cannot give {labels_per_class} labels of class {label}"
            problems.append(Problem(what, _LABELS, hint=f"{len(order)} of its samples are not in the test"))
        labelled[order[:labels_per_class]] = True
    if problems:
        raise UserError(problems)
    return TargetSplit(
        labelled=own[labelled],
        unlabelled=own[~labelled & ~test],
        test=own[test],
    )


_LABELS = "target.labels_per_class"


def _of(domain: Domain, labels: Sequence[int] | None) -> tuple[NDArray[np.int64], Domain]:
    """Which samples are of these classes, and the domain of these alone; None stands for all classes."""
    if labels is None:
        return np.arange(len(domain.y)), domain
    own = np.flatnonzero(np.isin(domain.y, labels))
    return own, replace(domain, x=domain.x[own], y=domain.y[own], block=domain.block[own])


def _spread_over_blocks(
    domain: Domain, samples: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """The samples in a random order that takes one of each block before a second of any."""
    shuffled = rng.permutation(samples)
    taken: Counter[int] = Counter()
    turns = np.empty(len(shuffled), np.int64)
    for position, block in enumerate(domain.block[shuffled].tolist()):
        turns[position] = taken[block]
        taken[block] += 1
    return shuffled[np.argsort(turns, kind="stable")]


def _hold_out(domain: Domain, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which samples are held out: whole blocks, about `share` of each class, never all blocks of a class.

    Class by class, the one with the fewest blocks first, its blocks are held out in random order as long as
    that brings the class nearer to its share. A class that still has none gives its smallest block.
    """
    blocks, block_of = np.unique(domain.block, return_inverse=True)
    classes, class_of = np.unique(domain.y, return_inverse=True)
    counts = np.zeros((len(blocks), len(classes)), np.int64)
    np.add.at(counts, (block_of, class_of), 1)
    present = counts > 0
    kept_blocks = present.sum(axis=0)
    goal = share * counts.sum(axis=0)
    held = np.zeros(len(classes), np.int64)
    is_held = np.zeros(len(blocks), bool)
    decided = np.zeros(len(blocks), bool)
    order = rng.permutation(len(blocks))

    def may_hold(block: int) -> bool:
        return not is_held[block] and bool((kept_blocks[present[block]] > 1).all())

    def hold(block: int) -> None:
        is_held[block] = True
        held[:] += counts[block]
        kept_blocks[:] -= present[block]

    for label in np.argsort(kept_blocks, kind="stable"):
        own = order[present[order, label]]
        for block in own[~decided[own]]:
            nearer = abs(held[label] + counts[block, label] - goal[label]) < abs(held[label] - goal[label])
            if nearer and may_hold(block):
                hold(block)
        decided[own] = True
        if not held[label]:
            candidates = [block for block in own if may_hold(block)]
            if candidates:
                hold(min(candidates, key=lambda block: int(counts[block].sum())))
    held_samples: NDArray[np.bool_] = is_held[block_of]
    return held_samples
