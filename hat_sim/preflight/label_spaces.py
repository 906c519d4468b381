"""Label spaces: which classes of its domain each device knows, as written or drawn from a share by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from hat_sim.errors import Problem
from hat_sim.scenario.fleet import Device, Fleet, target_domains
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.schema import Scenario
from hat_sim.seeding import derive_seed

Occurring = Callable[[str], tuple[str, ...]]
"""The classes that a domain has samples of, in the dataset's order."""


def unknown_classes(scenario: Scenario, domains: Sequence[str], classes: Sequence[str]) -> Iterator[Problem]:
    """Every class that a scenario names and its dataset does not have."""
    for path, _, name in _named(scenario, domains):
        if name not in classes:
            yield Problem(f'unknown class "{name}"', path=path, hint=suggestion(name, classes))


def absent_classes(scenario: Scenario, domains: Sequence[str], occurring: Occurring) -> Iterator[Problem]:
    """Every class that is named for a domain that has no sample of it."""
    for path, owners, name in _named(scenario, domains):
        for domain in owners:
            if name not in occurring(domain):
                what = f'domain {domain} has no sample of class "{name}"'
                yield Problem(what, path=path, hint=f"it has {', '.join(occurring(domain))}")


def with_classes(scenario: Scenario, fleet: Fleet, occurring: Occurring) -> Fleet:
    """The fleet with the classes of each device; None stands for all that its domain has."""
    share = None if isinstance(scenario.sources, tuple) else scenario.sources.class_share

    def source(device: Device) -> Device:
        if share is None or device.round is not None:
            return device
        classes = drawn(occurring(device.domain), share, scenario.seed, device.domain)
        return replace(device, classes=classes)

    def told(device: Device) -> Device:
        if device.classes is None or not set(occurring(device.domain)) <= set(device.classes):
            return device
        return replace(device, classes=None)

    return Fleet(told(fleet.target), tuple(told(source(it)) for it in fleet.sources))


def drawn(classes: Sequence[str], share: float, seed: int, domain: str) -> tuple[str, ...]:
    """max(1, round(share n)) of a domain's n classes, in their order; a smaller share is part of a larger.

    >>> drawn(["walk", "run", "rest"], 0.1, 0, "user-1")
    ('run',)
    """
    order = sorted(classes, key=lambda name: derive_seed(seed, "source classes", domain, name))
    kept = order[: max(1, round(share * len(classes)))]
    return tuple(name for name in classes if name in kept)


def _named(scenario: Scenario, domains: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """The place of each class that is named, the domains that it is named for, and the class."""
    named = [("target.classes", target_domains(scenario, domains), scenario.target.classes)]
    if isinstance(scenario.sources, tuple):
        for index, it in enumerate(scenario.sources):
            named.append((f"sources.{index}.classes", (it.domain,), it.classes))
    for path, owners, classes in named:
        for place, name in enumerate(classes or ()):
            yield (f"{path}.{place}" if len(classes or ()) > 1 else path), owners, name
