"""Whom the faults of a scenario hit in one world, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.availability import Cycle, cycles_of
from hat_sim.scenario.faults import Fault
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.schema import Scenario
from hat_sim.seeding import derive_seed

_OF_SOURCES = frozenset({"down", "crash", "damaged"})
"""Kinds that a target cannot have: nothing would be left to simulate."""


@dataclass(frozen=True)
class Hit:
    """A fault, its place in the scenario, and the devices it befalls: None for whoever sends the frame."""

    entry: int
    fault: Fault
    devices: tuple[str, ...] | None


@dataclass(frozen=True)
class Misfortune:
    """All that goes wrong in one world; a source with no cycle can always be reached."""

    hits: tuple[Hit, ...] = ()
    cycles: Mapping[str, Cycle] | None = None

    @property
    def damaged(self) -> frozenset[str]:
        """Sources whose models are."""
        return frozenset(
            name for hit in self.hits if hit.fault.kind == "damaged" for name in hit.devices or ()
        )


def misfortune_of(scenario: Scenario, sources: Sequence[str], targets: Sequence[str]) -> Misfortune:
    """What befalls the devices of one world; UserError where a trace cannot be used.

    Named devices that are not in this world are left out.
    """
    cycles = None
    if scenario.availability is not None:
        cycles = cycles_of(scenario.availability, sources, scenario.seed)
    return Misfortune(tuple(_hits(scenario, sources, targets)), cycles)


def _hits(scenario: Scenario, sources: Sequence[str], targets: Sequence[str]) -> Iterator[Hit]:
    """The hits in the scenario's order; a draw leaves out whom another entry makes impossible."""
    present = {*sources, *targets}
    hit: list[tuple[Fault, Collection[str]]] = [
        (it, it.devices) for it in scenario.faults if it.devices is not None
    ]
    for entry, fault in enumerate(scenario.faults):
        wanted = drawn_count(fault, len(sources))
        if fault.devices is not None:
            yield Hit(entry, fault, tuple(name for name in fault.devices if name in present))
        elif wanted is None:
            yield Hit(entry, fault, None)
        else:
            taken = {name for other, names in hit if conflict(fault, other) for name in names}
            order = sorted(sources, key=lambda name: derive_seed(scenario.seed, f"fault {entry}", name))
            drawn = [name for name in order if name not in taken][:wanted]
            hit.append((fault, drawn))
            yield Hit(entry, fault, tuple(name for name in sources if name in drawn))


def drawn_count(fault: Fault, sources: int) -> int | None:
    """How many sources are drawn; None where none are."""
    if fault.share is not None:
        return int(fault.share * sources + 0.5)
    return fault.count


def conflict(one: Fault, other: Fault) -> str | None:
    """Why two faults cannot befall the same device, None where they can."""
    for crash, later in ((one, other), (other, one)):
        if crash.kind == "crash" and crash.at is not None and later.at is not None and later.at >= crash.at:
            return "comes after a crash of it" if later.kind != "crash" else "crashes it a second time"
    if one.kind != other.kind:
        return None
    if one.kind == "crash":
        return "crashes it a second time"
    if one.kind == "corrupt":
        same = (one.frame_kind, one.number) == (other.frame_kind, other.number)
        return "corrupts the same frame of it" if same else None
    if one.at is None or other.at is None:
        return "damages it a second time"
    apart = any(
        first.end_ns is not None and first.end_ns <= (second.at or 0)
        for first, second in ((one, other), (other, one))
    )
    return None if apart else f"overlaps with another {one.kind} of it"


def fault_problems(
    scenario: Scenario, worlds: Sequence[tuple[Sequence[str], Sequence[str]]]
) -> Iterator[Problem]:
    """What is wrong with faults and availability, given the sources and the targets of each world."""
    sources = {name: None for them, _ in worlds for name in them}
    targets = {name: None for _, them in worlds for name in them}
    for entry, fault in enumerate(scenario.faults):
        for place, name in enumerate(fault.devices or ()):
            path = f"faults.{entry}.devices" + (f".{place}" if len(fault.devices or ()) > 1 else "")
            if name not in sources and name not in targets:
                yield Problem(f'there is no device "{name}"', path, suggestion(name, [*sources, *targets]))
            elif name not in sources and fault.kind in _OF_SOURCES:
                what = f"{name} is a target, and {fault.kind} is a fault of sources"
                yield Problem(what, path, f"a source, such as {next(iter(sources))}")
    yield from _meeting(scenario)
    fewest = min((len(them) for them, _ in worlds), default=0)
    for entry, fault in enumerate(scenario.faults):
        if fault.count is not None and fault.count > fewest:
            what = f"{fault.count} of {fewest} sources cannot be drawn"
            yield Problem(what, f"faults.{entry}.count", f"at most {fewest}")
    yield from _unreachable(scenario, list(sources))


def _meeting(scenario: Scenario) -> Iterator[Problem]:
    """Every pair of entries that name the same device and cannot both befall it."""
    for entry, fault in enumerate(scenario.faults):
        for number, earlier in enumerate(scenario.faults[:entry]):
            both = set(fault.devices or ()) & set(earlier.devices or ())
            why = conflict(fault, earlier)
            if both and why:
                names = ", ".join(sorted(both))
                what = f"{fault.kind} of {names} {why} (faults.{number})"
                yield Problem(what, f"faults.{entry}", "other times or other devices")


def _unreachable(scenario: Scenario, sources: Sequence[str]) -> Iterator[Problem]:
    """An availability under which nobody answers even the first question."""
    if scenario.availability is None or scenario.patience is None:
        return
    try:
        cycles = cycles_of(scenario.availability, sources, scenario.seed)
    except UserError as error:
        yield from error.problems
        return
    patience = scenario.patience.patience_ns()
    comes = {name: 0 if it.is_on(0) else it.next_change_ns(0) for name, it in cycles.items()}
    if all(at is None or at >= patience for at in comes.values()):
        first = min((at for at in comes.values() if at is not None), default=None)
        when = "no source is ever on" if first is None else f"the first source comes at {first / 1e9:g} s"
        yield Problem(
            f"nobody ever answers: {when}, and a target gives up after {patience / 1e9:g} s",
            path="availability",
            hint="another availability.start, on_share or trace, or a longer protocol.deadline",
        )
