"""The statistics of the accuracy tables: who is averaged, what is resampled."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.statistics import estimate, paired_difference, person_means


def test_a_persons_seeds_are_averaged_before_people_are():
    """A person who was measured more often weighs no more."""
    of_person = person_means([("a", 0.0), ("a", 1.0), ("a", 0.5), ("b", 1.0)])
    assert of_person == {"a": 0.5, "b": 1.0}
    assert estimate(of_person).mean == 0.75


def test_equal_people_leave_no_interval():
    it = estimate({"a": 3.0, "b": 3.0, "c": 3.0})
    assert (it.low, it.mean, it.high) == (3.0, 3.0, 3.0)


def test_the_interval_is_that_of_a_mean_over_people():
    """For many people it agrees with the normal approximation, 1.96 standard errors to each side."""
    values = np.random.default_rng(7).normal(size=400)
    it = estimate({f"{number:03}": value for number, value in enumerate(values)})
    error = values.std() / np.sqrt(len(values))
    assert it.mean == pytest.approx(values.mean())
    assert it.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert it.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_the_interval_is_the_same_in_every_order_of_people():
    of_person = {"a": 1.0, "b": 2.0, "c": 5.0}
    assert estimate(of_person) == estimate(dict(reversed(of_person.items())))


def test_a_paired_difference_knows_what_both_have_in_common():
    """People differ widely, each gains the same: the difference has no spread."""
    alone = {"a": 10.0, "b": 50.0, "c": 90.0}
    it = paired_difference({name: value + 5 for name, value in alone.items()}, alone)
    assert (it.low, it.mean, it.high) == (5.0, 5.0, 5.0)


def test_a_paired_difference_of_other_people_is_refused():
    with pytest.raises(ValueError, match=r"not the same people: \['b', 'c'\]"):
        paired_difference({"a": 1.0, "b": 1.0}, {"a": 1.0, "c": 1.0})
