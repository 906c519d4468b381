"""A forecast as plain values: the keys of `result.json`, each figure a pair of the least and the most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from hat_sim.forecast.costs import Bottleneck, Costs, Range
from hat_sim.forecast.forecast import ASKING, Forecast, TargetForecast
from hat_sim.network.access import Path
from hat_sim.preflight import Fitting, Plan, facts_of
from hat_sim.protocol.effects import PHASES
from hat_sim.quantities import listed
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.courier import access_link
from hat_sim.simulation.result import rounded_floats

SCHEMA = 1
Pair = list[float]


def content_of(forecast: Forecast) -> dict[str, Any]:
    """All that there is to say; bytes and joules add up over targets, and the time is that of the slowest.

    Rounds follow one another, as in a result.
    """
    plan, targets = forecast.plan, forecast.targets
    all_models = sum(it.all_models_bytes for it in targets)
    payload = Range.total(_payload(it.costs) for it in targets)
    slowest = [_slowest([it.costs for it in them]) for them in _rounds(targets)]
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": plan.scenario.name,
        "scenario_sha256": plan.sha256,
        "seed": plan.scenario.seed,
        "method": plan.scenario.method.name,
        "targets": [_target(it) for it in targets],
        "traffic": {
            **_traffic([it.costs for it in targets]),
            "by_phase": _summed(targets, lambda costs: costs.payload),
            "wire_by_phase": _summed(targets, lambda costs: costs.wire),
            "by_kind": _summed(targets, lambda costs: costs.by_kind),
            "all_models_bytes": all_models,
            "saving": _saving(payload, all_models),
        },
        "time": {
            "simulated_s": _seconds(Range.total(total for total, _ in slowest)),
            "by_phase": {phase: _seconds(Range.total(by[phase] for _, by in slowest)) for phase in PHASES},
        },
        "energy_j": {
            "compute": _pair(Range.total(it.costs.compute_j for it in targets)),
            "radio": _pair(Range.total(it.costs.radio_j for it in targets)),
        },
        "memory": _memory(plan, targets),
        "notes": [*plan.notes, *_rough(targets), *_idle(targets)],
    }
    rounded: dict[str, Any] = rounded_floats(content)
    return rounded


def _target(it: TargetForecast) -> dict[str, Any]:
    costs, device = it.costs, it.fleet.target
    target = {
        "device": device.name,
        "domain": device.domain,
        "traffic": _traffic([costs]),
        "simulated_s": _seconds(costs.total_ns),
        "energy_j": _pair(Range.total([costs.compute_j, costs.radio_j])),
        "all_models_bytes": it.all_models_bytes,
        "saving": _saving(_payload(costs), it.all_models_bytes),
        "payload_by_phase": {phase: _pair(size) for phase, size in costs.payload.items()},
        "wire_by_phase": {phase: _pair(size) for phase, size in costs.wire.items()},
        "time_by_phase": {phase: _seconds(time) for phase, time in costs.time_ns.items()},
        "bottlenecks": {phase: _bottleneck(link) for phase, link in costs.bottlenecks.items()},
    }
    return target if device.round is None else target | {"round": device.round}


def _bottleneck(it: Bottleneck) -> dict[str, Any]:
    return {
        "device": it.device,
        "link": it.link,
        "direction": it.direction,
        "busy_s": it.busy_ns / NS_PER_S,
    }


def _traffic(of: Sequence[Costs]) -> dict[str, Pair]:
    return {
        "payload_bytes": _pair(Range.total(map(_payload, of))),
        "wire_bytes": _pair(Range.total(size for costs in of for size in costs.wire.values())),
        "frames": _pair(Range.total(costs.frames for costs in of)),
    }


def _payload(costs: Costs) -> Range:
    return Range.total(costs.payload.values())


def _saving(payload: Range, all_models_bytes: int) -> Pair:
    return [1 - payload.high / all_models_bytes, 1 - payload.low / all_models_bytes]


def _summed(targets: Sequence[TargetForecast], of: Callable[[Costs], Mapping[str, Range]]) -> dict[str, Pair]:
    """Ranges of all targets by their label, added up."""
    labels = dict.fromkeys(label for it in targets for label in of(it.costs))
    parts = {label: [of(it.costs)[label] for it in targets if label in of(it.costs)] for label in labels}
    return {label: _pair(Range.total(them)) for label, them in parts.items()}


def _rounds(targets: Iterable[TargetForecast]) -> list[list[TargetForecast]]:
    return [list(them) for _, them in groupby(targets, lambda it: it.fleet.target.round)]


def _slowest(of: Sequence[Costs]) -> tuple[Range, dict[str, Range]]:
    """The time of the slowest of some targets, and its phases; several may turn out to be the slowest."""
    totals = [costs.total_ns for costs in of]
    total = Range(max(it.low for it in totals), max(it.high for it in totals))
    able = [costs for costs, own in zip(of, totals, strict=True) if own.high >= total.low]
    return total, {phase: Range.around(costs.time_ns[phase] for costs in able) for phase in PHASES}


def _rough(targets: Iterable[TargetForecast]) -> Iterator[str]:
    """Where losses leave the bounds of times approximate."""
    lossy: set[str] = set()
    for it in targets:
        if not all(it.costs.time_ns[phase].certain for phase in ASKING):
            own = access_link(it.fleet.target)
            for source in it.fleet.sources:
                if Path.between(access_link(source), own).is_lossy:
                    lossy |= {link.name for link in (source.link, it.fleet.target.link) if link.loss > 0}
    if lossy:
        yield (
            f"packets are lost over {listed(sorted(lossy))}, and how long that takes hangs on what else is "
            "under way: ranges of times are approximate"
        )


def _idle(targets: Iterable[TargetForecast]) -> Iterator[str]:
    """What a plan leaves out of a result's joules."""
    devices = (device for it in targets for device in (it.fleet.target, *it.fleet.sources))
    if any(device.profile.idle_power is not None for device in devices):
        yield "joules of waiting, which some profiles tell, are not planned"


def _memory(plan: Plan, targets: Sequence[TargetForecast]) -> list[dict[str, Any]]:
    """What training its model takes of each device, and what it has."""
    fitting = Fitting(plan.scenario, facts_of(plan.dataset))
    devices: dict[tuple[object, ...], tuple[Device, int]] = {}
    learning = {it.fleet.target.name for it in targets}
    for it in targets:
        for device, needed in fitting.needs(it.fleet):
            if device.name not in learning or device is it.fleet.target:
                key = (device.name, device.architecture, device.sensors)
                devices.setdefault(key, (device, needed))
    return [
        {
            "device": device.name,
            "profile": device.profile.name,
            "role": "target" if device.name in learning else "source",
            "architecture": device.architecture,
            "needs_bytes": needed,
            "has_bytes": device.profile.memory,
        }
        for device, needed in devices.values()
    ]


def _seconds(ns: Range) -> Pair:
    return [ns.low / NS_PER_S, ns.high / NS_PER_S]


def _pair(it: Range) -> Pair:
    return [it.low, it.high]
