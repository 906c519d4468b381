"""Splits: whole blocks, every class where that can be, no sample in two parts, seeded by domain."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hat_sim.data.domain import Domain
from hat_sim.data.splits import SourceSplit, TargetSplit, split_source, split_target
from hat_sim.errors import UserError


def domain_with(blocks: list[list[int]], name: str = "home") -> Domain:
    """A domain whose blocks hold samples of the labels given."""
    y = np.array([label for block in blocks for label in block], np.int64)
    block = np.repeat(np.arange(len(blocks), dtype=np.int64), [len(block) for block in blocks])
    return Domain(name, np.zeros((len(y), 1), np.float32), y, block)


def even(classes: int = 3, blocks: int = 10, samples: int = 5) -> Domain:
    return domain_with([[label] * samples for label in range(classes) for _ in range(blocks)])


pure_blocks = st.builds(lambda label, size: [label] * size, st.integers(0, 4), st.integers(1, 9))
mixed_blocks = st.lists(st.integers(0, 4), min_size=1, max_size=9)
domains = st.lists(pure_blocks | mixed_blocks, min_size=1, max_size=30).map(domain_with)
pure_domains = st.lists(pure_blocks, min_size=1, max_size=30).map(domain_with)
seeds = st.integers(0, 2**31)


def parts(domain: Domain, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(kept, held out) of the target's and the source's split."""
    target = split_target(domain, 1, seed)
    source = split_source(domain, seed)
    pool = np.union1d(target.labelled, target.unlabelled)
    return [(pool, target.test), (source.train, source.validation)]


@given(domains, seeds)
def test_every_sample_is_in_one_part_and_every_block_on_one_side(domain: Domain, seed: int) -> None:
    target = split_target(domain, 1, seed)
    everything = np.concatenate([target.labelled, target.unlabelled, target.test])
    assert sorted(everything.tolist()) == list(range(len(domain.y)))
    for kept, held_out in parts(domain, seed):
        assert sorted([*kept.tolist(), *held_out.tolist()]) == list(range(len(domain.y)))
        assert not set(domain.block[kept].tolist()) & set(domain.block[held_out].tolist())


@given(domains, seeds)
def test_every_class_is_in_the_pool_and_in_the_training_part(domain: Domain, seed: int) -> None:
    for kept, _ in parts(domain, seed):
        assert set(domain.y[kept].tolist()) == set(domain.y.tolist())


@given(pure_domains, seeds)
def test_a_class_with_two_blocks_of_its_own_is_held_out_too(domain: Domain, seed: int) -> None:
    several = {
        label for label in set(domain.y.tolist()) if len(set(domain.block[domain.y == label].tolist())) > 1
    }
    for _, held_out in parts(domain, seed):
        assert set(domain.y[held_out].tolist()) == several


@given(st.integers(1, 5), st.integers(5, 30), st.integers(1, 9), seeds)
def test_equal_blocks_give_each_class_its_share(classes: int, blocks: int, samples: int, seed: int) -> None:
    domain = even(classes, blocks, samples)
    for (_, held_out), share in zip(parts(domain, seed), (0.4, 0.2), strict=True):
        held_blocks = np.bincount(domain.y[held_out], minlength=classes) / samples
        assert (abs(held_blocks - share * blocks) <= 0.5 + 1e-9).all()


@given(domains, seeds, st.integers(1, 6))
def test_so_many_samples_of_each_class_are_labelled_as_are_asked_for(
    domain: Domain, seed: int, labels: int
) -> None:
    pool, _ = parts(domain, seed)[0]
    enough = all((domain.y[pool] == label).sum() >= labels for label in set(domain.y.tolist()))
    assume(enough)
    target = split_target(domain, labels, seed)
    assert set(np.bincount(domain.y[target.labelled]).tolist()) - {0} == {labels}
    assert set(target.labelled.tolist()) <= set(pool.tolist())


def test_more_labels_than_there_are_name_every_class_that_is_short() -> None:
    domain = domain_with([[0] * 8, [0] * 8, [1] * 3, [2] * 2, [2] * 2])
    with pytest.raises(UserError, match=r"^target\.labels_per_class: domain home cannot give 4 ") as caught:
        split_target(domain, 4, seed=0)
    assert [(problem.what.rpartition(" ")[2], problem.hint) for problem in caught.value.problems] == [
        ("1", "3 of its samples are not in the test"),
        ("2", "2 of its samples are not in the test"),
    ]


def test_all_of_the_pool_may_be_labelled() -> None:
    target = split_target(domain_with([[0] * 3, [1] * 3]), 3, seed=0)
    assert (len(target.labelled), len(target.unlabelled), len(target.test)) == (6, 0, 0)


def test_no_labels_are_too_few() -> None:
    with pytest.raises(UserError, match=r"0 labels a class \(1 or more\)"):
        split_target(even(), 0, seed=0)


@given(seeds)
def test_more_labels_keep_the_test_and_the_labels_there_were(seed: int) -> None:
    domain = even()
    splits = [split_target(domain, labels, seed) for labels in (1, 2, 5, 10)]
    for fewer, more in pairwise(splits):
        assert np.array_equal(fewer.test, more.test)
        assert set(fewer.labelled.tolist()) < set(more.labelled.tolist())


@given(seeds)
def test_labels_come_from_different_blocks_while_there_are_any(seed: int) -> None:
    domain = even(classes=2, blocks=10, samples=5)
    target = split_target(domain, 6, seed)
    for label in (0, 1):
        chosen = domain.block[target.labelled[domain.y[target.labelled] == label]]
        assert len(set(chosen.tolist())) == 6


def as_lists(split: SourceSplit | TargetSplit) -> list[list[int]]:
    return [part.tolist() for part in vars(split).values()]


@pytest.mark.parametrize("split", [split_source, lambda domain, seed: split_target(domain, 2, seed)])
def test_a_split_is_fixed_by_seed_and_domain(split: object) -> None:
    assert callable(split)
    domain = even()
    other = Domain("work", domain.x, domain.y, domain.block)
    assert as_lists(split(domain, 1)) == as_lists(split(domain, 1))
    assert as_lists(split(domain, 1)) != as_lists(split(domain, 2))
    assert as_lists(split(domain, 1)) != as_lists(split(other, 1))


@given(domains, seeds)
def test_indices_ascend(domain: Domain, seed: int) -> None:
    for split in (split_source(domain, seed), split_target(domain, 1, seed)):
        for part in vars(split).values():
            assert (np.diff(part) > 0).all() and part.dtype == np.int64


@given(domains, seeds, st.sets(st.integers(0, 4), min_size=1))
def test_a_split_of_some_classes_is_that_of_a_domain_without_the_others(
    domain: Domain, seed: int, labels: set[int]
) -> None:
    own = np.flatnonzero(np.isin(domain.y, list(labels)))
    alone = Domain(domain.name, domain.x[own], domain.y[own], domain.block[own])
    target, plain = split_target(domain, 1, seed, sorted(labels)), split_target(alone, 1, seed)
    for part in ("labelled", "unlabelled", "test"):
        assert np.array_equal(getattr(target, part), own[getattr(plain, part)])
    source, plain_source = split_source(domain, seed, sorted(labels)), split_source(alone, seed)
    assert np.array_equal(source.train, own[plain_source.train])
    assert np.array_equal(source.validation, own[plain_source.validation])
