"""The fleets of a scenario: which domain, device, link and architecture each simulated device has.

What is dealt to a source depends on its name, not on how many others there are: the sources are ordered by a
seeded hash of their names, a different order for each thing dealt, and shares are cut from that order. So
the fleets of two targets, which differ in one domain, agree on nearly every device.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.catalogue import DeviceProfile, LinkProfile
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.schema import Scenario, source_count
from hat_sim.scenario.sources import SourceDevice, SourceDistribution
from hat_sim.scenario.trace_table import TraceTable, read_trace, trace_problems
from hat_sim.seeding import derive_seed
from hat_sim.sensors import AND


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a fleet; `architecture` may still be `auto`.

    `round` is the one in which it joins as a target, from 1, in a scenario of rounds; a device with it among
    the sources is an expanded target. `classes` are those that its domain is cut down to, None for all; a
    distribution's share of them is still to be drawn. `sensors` are those that it carries, None for all.
    """

    name: str
    domain: str
    architecture: str
    profile: DeviceProfile
    link: LinkProfile
    round: int | None = None
    classes: tuple[str, ...] | None = None
    sensors: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """A target and the sources that it may learn from; names are unique within the fleet."""

    target: Device
    sources: tuple[Device, ...]

    def lacking(self, source: Device) -> tuple[str, ...]:
        """The sensors that a source's model reads and the target lacks; one without any is eligible."""
        return tuple(name for name in source.sensors or () if name not in (self.target.sensors or ()))


def build_fleets(scenario: Scenario, dataset_domains: Sequence[str]) -> tuple[Fleet, ...]:
    """One fleet for each target domain, in the order of the scenario or, for `each`, of the dataset.

    Raises UserError with a Problem for every domain that the dataset does not have, for every target
    among its own explicit sources or in two rounds, and where nothing is left to be a source.
    """
    problems = list(_problems(scenario, dataset_domains))
    if problems:
        raise UserError(problems)
    return tuple(_Builder(scenario, dataset_domains).fleets())


def target_domains(scenario: Scenario, dataset_domains: Sequence[str]) -> tuple[str, ...]:
    """The domain of every target, of all rounds."""
    if scenario.rounds is not None:
        return tuple(domain for domains in scenario.rounds.domains for domain in domains)
    own = scenario.target.domain
    return tuple(dataset_domains) if own is None or own == "each" else own


def world_names(scenario: Scenario, fleets: Sequence[Fleet]) -> list[tuple[list[str], list[str]]]:
    """Names of the sources and the targets of each world: of each fleet, or of each round's together."""
    worlds: dict[object, tuple[list[str], list[str]]] = {}
    for place, fleet in enumerate(fleets):
        sources, targets = worlds.setdefault(
            fleet.target.round if scenario.target.shared_fleet else place, ([], [])
        )
        sources += [it.name for it in fleet.sources if it.name not in sources]
        targets.append(fleet.target.name)
    return list(worlds.values())


def target_name(domain: str) -> str:
    """The name of the target device of a domain."""
    return f"target-{domain}"


def _problems(scenario: Scenario, dataset_domains: Sequence[str]) -> Iterator[Problem]:
    known = set(dataset_domains)
    targets = set(target_domains(scenario, dataset_domains))
    joined: set[str] = set()
    for path, domain in _named_targets(scenario):
        if domain not in known:
            yield Problem(f'unknown domain "{domain}"', path=path, hint=suggestion(domain, dataset_domains))
        elif domain in joined:
            yield Problem(f'"{domain}" joins more than once', path=path, hint="each domain in one round")
        joined.add(domain)
    for path, domain in _named_sources(scenario):
        if domain not in known:
            yield Problem(f'unknown domain "{domain}"', path=path, hint=suggestion(domain, dataset_domains))
        elif domain in targets:
            yield Problem(
                f'the target\'s own domain "{domain}" is among its sources',
                path=path,
                hint="leave it out, or write `domains: all`, which does so",
            )
    if isinstance(scenario.sources, tuple):
        target_names = {target_name(domain) for domain in targets}
        for index, source in enumerate(scenario.sources):
            if source.name in target_names:
                yield Problem(
                    f'"{source.name}" is the name of a target',
                    path=f"sources.{index}.name",
                    hint="any other name",
                )
        return
    if scenario.sources.trace is not None:
        yield from trace_problems(scenario.sources.trace)
    if scenario.sources.domains == "all" and (len(known) < 2 or (scenario.rounds and known <= targets)):
        hint = "fewer of them in `rounds`" if len(known) > 1 else "the data need at least two domains"
        yield Problem("no domain is left to be a source", path="sources.domains", hint=hint)


def _named_targets(scenario: Scenario) -> Iterator[tuple[str, str]]:
    own, rounds = scenario.target.domain, scenario.rounds
    listed = {} if own is None or own == "each" else {"target.domain": own}
    if rounds is not None:
        listed = {f"rounds.domains.{number}": domains for number, domains in enumerate(rounds.domains)}
    for path, domains in listed.items():
        for index, domain in enumerate(domains):
            yield (path if len(domains) == 1 else f"{path}.{index}"), domain


def _named_sources(scenario: Scenario) -> Iterator[tuple[str, str]]:
    sources = scenario.sources
    if isinstance(sources, tuple):
        for index, source in enumerate(sources):
            yield f"sources.{index}.domain", source.domain
    elif sources.domains != "all":
        for index, domain in enumerate(sources.domains):
            yield f"sources.domains.{index}", domain


class _Builder:
    """Builds fleets of one scenario; profiles and hashes are shared between the fleets."""

    def __init__(self, scenario: Scenario, dataset_domains: Sequence[str]) -> None:
        self._scenario = scenario
        self._dataset_domains = dataset_domains
        self._device_profile = cache(scenario.device_profile)
        self._link_profile = cache(scenario.link_profile)
        self._ticket = cache(lambda purpose, name: derive_seed(scenario.seed, purpose, name))

    def fleets(self) -> Iterator[Fleet]:
        rounds = self._scenario.rounds
        everyone = target_domains(self._scenario, self._dataset_domains)
        if rounds is None:
            for domain in everyone:
                yield Fleet(self._target(domain, None), self._sources([domain]))
            return
        first = self._sources(everyone)
        expanded: tuple[Device, ...] = ()
        for number, domains in enumerate(rounds.domains, 1):
            targets = tuple(self._target(domain, number) for domain in domains)
            for target in targets:
                yield Fleet(target, (*first, *expanded))
            if rounds.serve:
                expanded = (*expanded, *targets)

    def _target(self, domain: str, number: int | None) -> Device:
        target = self._scenario.target
        return Device(
            name=target_name(domain),
            domain=domain,
            architecture=target.architecture,
            profile=self._device_profile(target.device),
            link=self._link_profile(target.link),
            round=number,
            classes=target.classes,
            sensors=target.sensors,
        )

    def _sources(self, targets: Collection[str]) -> tuple[Device, ...]:
        """The scenario's own sources, beside targets of these domains."""
        sources, reserved = self._scenario.sources, {target_name(domain) for domain in targets}
        if isinstance(sources, tuple):
            return self._listed(sources, reserved)
        return self._dealt(sources, targets, reserved)

    def _listed(self, sources: Sequence[SourceDevice], reserved: Collection[str]) -> tuple[Device, ...]:
        names = _names([source.domain for source in sources], [source.name for source in sources], reserved)
        return tuple(
            Device(
                name=name,
                domain=source.domain,
                architecture=source.architecture,
                profile=self._device_profile(source.device),
                link=self._link_profile(source.link),
                classes=source.classes,
                sensors=source.sensors,
            )
            for name, source in zip(names, sources, strict=True)
        )

    def _dealt(
        self, sources: SourceDistribution, targets: Collection[str], reserved: Collection[str]
    ) -> tuple[Device, ...]:
        everyone = [domain for domain in self._dataset_domains if domain not in targets]
        domains = everyone if sources.domains == "all" else list(sources.domains)
        count = source_count(self._scenario, len(self._dataset_domains))
        chosen = self._cycled(domains, len(domains) if count is None else count)
        names = _names(chosen, [None] * len(chosen), reserved)
        devices = self._deal("devices", sources.devices, names)
        links = self._deal("links", sources.links, names)
        architectures = self._deal("architectures", sources.architectures, names)
        together = None if sources.sensors is None else self._deal("sensors", sources.sensors, names)
        sensors = [None if together is None else tuple(together[k].split(AND)) for k in range(len(names))]
        if sources.trace is not None:
            table = read_trace(sources.trace)
            return self._traced(table, names, chosen, devices, links, architectures, sensors)
        compute = self._factors("compute", sources.heterogeneity.compute, names)
        bandwidth = self._factors("bandwidth", sources.heterogeneity.bandwidth, names)
        return tuple(
            Device(
                name=names[k],
                domain=chosen[k],
                architecture=architectures[k],
                profile=_faster(self._device_profile(devices[k]), compute[k]),
                link=_wider(self._link_profile(links[k]), bandwidth[k]),
                sensors=sensors[k],
            )
            for k in range(len(names))
        )

    def _traced(
        self,
        table: TraceTable,
        names: list[str],
        domains: list[str],
        devices: list[str],
        links: list[str],
        architectures: list[str],
        sensors: Sequence[tuple[str, ...] | None],
    ) -> tuple[Device, ...]:
        """Sources with the speed and the rate of a row each, and all else from their profiles."""
        found = []
        for k, name in enumerate(names):
            speed, rate = table.drawn(self._scenario.seed, name)
            profile, link = self._device_profile(devices[k]), self._link_profile(links[k])
            profile = dataclasses.replace(profile.faster(speed / profile.speed), speed=speed)
            up, down = (rate, rate * link.down / link.up)
            if table.trace.direction == "down":
                up, down = (rate * link.up / link.down, rate)
            link = dataclasses.replace(link, up=up, down=down)
            found.append(Device(name, domains[k], architectures[k], profile, link, sensors=sensors[k]))
        return tuple(found)

    def _cycled(self, domains: list[str], count: int) -> list[str]:
        """`count` domains: whole turns through all of them, then the first of a seeded permutation."""
        turns, rest = divmod(count, len(domains))
        first = set(self._shuffled("domains", domains)[:rest])
        return domains * turns + [domain for domain in domains if domain in first]

    def _shuffled(self, purpose: str, names: Sequence[str]) -> list[str]:
        return sorted(names, key=lambda name: self._ticket(purpose, name))

    def _deal(self, purpose: str, shares: tuple[str, ...] | Mapping[str, int], names: list[str]) -> list[str]:
        """What each of `names` gets: counts are cut off one after the other, names get even shares."""
        if len(shares) == 1:
            return [*shares] * len(names)
        if isinstance(shares, tuple):
            stack = [shares[k * len(shares) // len(names)] for k in range(len(names))]
        else:
            counts = apportion(shares, len(names))
            stack = [share for share, count in counts.items() for _ in range(count)]
        dealt = dict(zip(self._shuffled(purpose, names), stack, strict=True))
        return [dealt[name] for name in names]

    def _factors(self, purpose: str, sigma: float, names: list[str]) -> list[float]:
        """Log-normal factors at the quantiles (k + 1/2) / n, so that their median is 1 whatever the seed."""
        if sigma == 0:
            return [1.0] * len(names)
        normal = NormalDist()
        quantiles = [normal.inv_cdf((k + 0.5) / len(names)) for k in range(len(names))]
        dealt = dict(zip(self._shuffled(purpose, names), quantiles, strict=True))
        return [math.exp(sigma * dealt[name]) for name in names]


def apportion(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """`counts` scaled to a sum of `total` by largest remainders, of equal ones the first.

    >>> apportion({"pi4": 2, "pi5": 1}, 4)
    {'pi4': 3, 'pi5': 1}
    """
    of = sum(counts.values())
    scaled = {name: count * total // of for name, count in counts.items()}
    by_remainder = sorted(counts, key=lambda name: -(counts[name] * total % of))
    for name in by_remainder[: total - sum(scaled.values())]:
        scaled[name] += 1
    return scaled


def _names(domains: Sequence[str], given: Sequence[str | None], reserved: Collection[str]) -> list[str]:
    """A name for each source: the given one, else its domain, with a number where that name is taken."""
    taken = {*reserved, *(name for name in given if name is not None)}
    repeats: Counter[str] = Counter()
    names = []
    for domain, name in zip(domains, given, strict=True):
        while name is None:
            repeats[domain] += 1
            candidate = domain if repeats[domain] == 1 else f"{domain}.{repeats[domain]}"
            if candidate not in taken:
                name = candidate
        taken.add(name)
        names.append(name)
    return names


def _faster(profile: DeviceProfile, factor: float) -> DeviceProfile:
    return profile if factor == 1 else profile.faster(factor)


def _wider(link: LinkProfile, factor: float) -> LinkProfile:
    return link if factor == 1 else dataclasses.replace(link, up=link.up * factor, down=link.down * factor)
