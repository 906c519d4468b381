"""Generated domains: pure functions of their description, alike at shift 0, gathered in kinds beyond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.generated.images import GRID, _smooth
from hat_sim.data.generated.latent import Place
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.open import open_generated
from hat_sim.errors import UserError

SHAPES = [(16,), (64, 3), (2, 12, 12)]
SPEC = GeneratedSpec(domains=8, classes=4, shape=(16,), samples=200, shift=1.0)


def class_means(domain: Domain) -> NDArray[np.float64]:
    """(classes, values): the mean and spread over a sample's values are what a shift moves."""
    return np.stack([domain.x[domain.y == label].mean(axis=0).ravel() for label in np.unique(domain.y)])


def nearest_mean_accuracy(train: Domain, test: Domain) -> float:
    distance = ((test.x.reshape(len(test.y), 1, -1) - class_means(train)) ** 2).sum(axis=2)
    return float((distance.argmin(axis=1) == test.y).mean())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_domain_does_not_depend_on_which_were_loaded_before(shape: tuple[int, ...]) -> None:
    spec = replace(SPEC, shape=shape)
    alone = open_generated(spec).load("domain-3")
    dataset = open_generated(spec)
    loaded = [dataset.load(name) for name in dataset.domains]
    assert np.array_equal(alone.x, loaded[2].x) and np.array_equal(alone.y, loaded[2].y)
    assert not np.array_equal(loaded[2].x, loaded[3].x)


@pytest.mark.parametrize("shape", SHAPES)
def test_more_domains_leave_the_others_as_they_were(shape: tuple[int, ...]) -> None:
    few, many = replace(SPEC, shape=shape), replace(SPEC, shape=shape, domains=100)
    assert np.array_equal(open_generated(few).load("domain-8").x, open_generated(many).load("domain-8").x)


def test_classes_are_as_equal_as_the_number_of_samples_allows() -> None:
    assert np.bincount(open_generated(replace(SPEC, samples=202)).load("domain-1").y).tolist() == [
        51,
        51,
        50,
        50,
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_shift_any_domain_serves_as_well_as_the_own(shape: tuple[int, ...]) -> None:
    dataset = open_generated(replace(SPEC, shape=shape, shift=0.0, samples=400))
    one, other, third = (dataset.load(f"domain-{number}") for number in (1, 2, 3))
    assert nearest_mean_accuracy(one, other) == pytest.approx(nearest_mean_accuracy(third, other), abs=0.08)
    assert np.abs(class_means(one) - class_means(other)).max() < 1


@pytest.mark.parametrize("shape", SHAPES)
def test_with_a_shift_a_source_of_the_own_kind_serves_better(shape: tuple[int, ...]) -> None:
    dataset = open_generated(replace(SPEC, shape=shape, domains=16, classes=6, samples=120))
    loaded = {name: dataset.load(name) for name in dataset.domains}
    accuracy: dict[bool, list[float]] = {True: [], False: []}
    for target in dataset.domains:
        for source in set(dataset.domains) - {target}:
            alike = dataset.kind(source) == dataset.kind(target)
            accuracy[alike].append(nearest_mean_accuracy(loaded[source], loaded[target]))
    assert np.mean(accuracy[True]) > np.mean(accuracy[False]) + 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_more_shift_the_less_a_strange_source_serves(shape: tuple[int, ...]) -> None:
    means = []
    for shift in (0.0, 0.5, 2.0):
        dataset = open_generated(replace(SPEC, shape=shape, shift=shift))
        loaded = [dataset.load(name) for name in dataset.domains]
        means.append(
            np.mean(
                [nearest_mean_accuracy(one, other) for one in loaded for other in loaded if one is not other]
            )
        )
    assert means[0] > means[1] > means[2]


def test_another_seed_is_another_world() -> None:
    first, second = open_generated(SPEC), open_generated(replace(SPEC, seed=1))
    assert not np.array_equal(first.load("domain-1").x, second.load("domain-1").x)
    assert first.digest != second.digest


def test_the_digest_follows_every_field() -> None:
    changes = [
        {"domains": 9},
        {"classes": 5},
        {"shape": (17,)},
        {"samples": 201},
        {"shift": 0.9},
        {"kinds": 3},
    ]
    digests = {open_generated(replace(SPEC, **change)).digest for change in changes}  # type: ignore[arg-type]
    assert len(digests | {open_generated(SPEC).digest}) == 1 + len(changes)
    assert open_generated(SPEC).digest == open_generated(replace(SPEC)).digest


def test_an_unknown_domain_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="domain-9"):
        open_generated(SPEC).load("domain-9")


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("domains", 0, "1 or more"),
        ("classes", 1, "2 or more"),
        ("shape", (), "at least"),
        ("shape", (1,), "at least"),
        ("shape", (8, 3), "at least"),
        ("shape", (1, 8, 7), "at least"),
        ("shape", (1, 8, 8, 8), "at least"),
        ("samples", 19, "5 or more a class"),
        ("shift", -0.1, "0 or more"),
        ("shift", float("nan"), "0 or more"),
        ("shift", float("inf"), "0 or more"),
        ("kinds", 0, "1 or more"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(field: str, value: object, hint: str) -> None:
    with pytest.raises(UserError, match=rf"^data\.generated\.{field}: .* cannot be generated \({hint}"):
        replace(SPEC, **{field: value})  # type: ignore[arg-type]


def test_everything_wrong_with_a_description_is_reported_at_once() -> None:
    with pytest.raises(UserError) as caught:
        GeneratedSpec(domains=0, classes=1, shape=(16,), samples=100, shift=-1)
    assert [problem.path for problem in caught.value.problems] == [
        "data.generated.domains",
        "data.generated.classes",
        "data.generated.shift",
    ]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_rotation_keeps_lengths_and_is_none_without_a_shift(size: int) -> None:
    turned = Place(0, 1.0, 0, "domain-1").rotation("turn", size, strength=2.0)
    assert np.allclose(turned @ turned.T, np.eye(size))
    assert np.array_equal(Place(0, 0.0, 0, "domain-1").rotation("turn", size, strength=2.0), np.eye(size))


def test_parameters_have_the_shift_as_deviation_and_are_nearer_within_a_kind() -> None:
    values = [
        Place(0, 2.0, kind, name).parameter("gain", 4000) for kind, name in ((0, "a"), (0, "b"), (1, "c"))
    ]
    assert all(np.std(value) == pytest.approx(2.0, rel=0.1) for value in values)
    assert np.corrcoef(values[0], values[1])[0, 1] > 0.85
    assert abs(np.corrcoef(values[0], values[2])[0, 1]) < 0.1


def test_a_smooth_pattern_is_linear_between_its_knots() -> None:
    grid = np.random.default_rng(0).standard_normal((GRID, GRID))
    knots = np.arange(GRID)
    rows = np.stack([np.interp(np.linspace(0, GRID - 1, 9), knots, column) for column in grid.T], axis=1)
    plain = np.stack([np.interp(np.linspace(0, GRID - 1, 13), knots, row) for row in rows])
    assert np.allclose(_smooth(grid, 9, 13), plain)
