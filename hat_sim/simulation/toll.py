"""What faults did to a run: what was injected, what it cost, who was replaced and who never answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hat_sim.protocol.ledger import CORRUPT, DELIVERED, Traffic, traffic_by
from hat_sim.quantities import counted, duration, listed, size
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.faults import UNAVAILABLE
from hat_sim.simulation.record import WorldRecord

Replaced = Mapping[str, Mapping[str, str | None]]
"""By target the chosen sources whose models could not be had, with those that took their places."""


def toll_of(
    worlds: Sequence[WorldRecord], replaced: Replaced, selected: Mapping[str, int], faults: int
) -> dict[str, Any]:
    """The content of `faults` in `result.json`, of a scenario of so many faults.

    `selected` are the numbers of sources that targets used. Wasted is what was of no use: everything that was
    not delivered, and chunks of what never became whole.
    """
    rows = [row for world in worlds for row in world.ledger]
    wasted = traffic_by(
        (row.outcome, row.payload_bytes, row.wire_bytes) for row in rows if row.outcome != DELIVERED
    )
    asked: defaultdict[str, dict[str, None]] = defaultdict(dict)
    heard: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.sender == row.target:
            asked[row.target][row.receiver] = None
        elif row.arrived_ns is not None and row.outcome != CORRUPT:
            heard[row.target].add(row.sender)
    silent = {target: [name for name in them if name not in heard[target]] for target, them in asked.items()}
    injected = list(_injected(worlds))
    struck = {it["entry"] for it in injected}
    return {
        "injected": injected,
        "never_struck": [name for name in map(_entry, range(faults)) if name not in struck],
        "wasted": {
            **_counts(sum(wasted.values(), Traffic())),
            "by_outcome": {outcome: _counts(traffic) for outcome, traffic in sorted(wasted.items())},
        },
        "asked_again": sum(row.attempt > 1 and row.sender == row.target for row in rows),
        "replaced": [
            {"target": target, "source": source, "by": successor}
            for target, them in replaced.items()
            for source, successor in them.items()
        ],
        "never_answered": {target: names for target, names in silent.items() if names},
        "alone": [target for target in asked if not selected[target]],
    }


def sentences(faults: Mapping[str, Any]) -> tuple[str, ...]:
    """The same for people; nothing where a scenario has neither faults nor availability nor a protocol."""
    return tuple(_sentences(faults)) if faults else ()


def _sentences(faults: Mapping[str, Any]) -> Iterator[str]:
    injected, wasted = faults["injected"], faults["wasted"]
    for it in injected:
        when = f"at {duration(it['first_s'])}"
        if it["times"] > 1:
            when = f"{it['times']:,} times, first {when}"
        yield f"{it['kind']} of {listed(it['devices'])}, {when}."
    for name in faults["never_struck"]:
        yield f"{name} has not struck: it hit nobody, or all was over before its time came."
    if wasted["frames"]:
        parts = [
            f"{outcome} {size(it['wire_bytes'])} in {counted(it['frames'], 'frame')}"
            for outcome, it in wasted["by_outcome"].items()
        ]
        yield f"Wasted on the wire: {size(wasted['wire_bytes'])} ({listed(parts, most=8)})."
    if faults["asked_again"]:
        yield f"{counted(faults['asked_again'], 'request')} went out again."
    for it in faults["replaced"]:
        successor = "nobody was left to take its place" if it["by"] is None else f"{it['by']} took its place"
        yield f"The model of {it['source']} could not be had by {it['target']}: {successor}."
    for target, names in faults["never_answered"].items():
        yield f"{target} was never answered by {listed(names)}."
    for target in faults["alone"]:
        yield f"{target} ended without any source and learned alone."


def _injected(worlds: Sequence[WorldRecord]) -> Iterator[dict[str, Any]]:
    """The incidents of all worlds by their entry in the scenario, those of availability last."""
    found: defaultdict[tuple[bool, int, str], list[tuple[tuple[str, ...], int]]] = defaultdict(list)
    for world in worlds:
        for it in world.incidents:
            found[it.entry is None, it.entry or 0, it.kind].append((it.devices, it.at_ns))
    for (_, entry, kind), them in sorted(found.items()):
        yield {
            "entry": None if kind == UNAVAILABLE else _entry(entry),
            "kind": kind,
            "devices": sorted({name for devices, _ in them for name in devices}),
            "times": len(them),
            "first_s": min(at_ns for _, at_ns in them) / NS_PER_S,
        }


def _entry(number: int) -> str:
    return f"faults.{number}"


def _counts(traffic: Traffic) -> dict[str, int]:
    return {
        "payload_bytes": traffic.payload_bytes,
        "wire_bytes": traffic.wire_bytes,
        "frames": traffic.frames,
    }
