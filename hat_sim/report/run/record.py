"""What a report knows of a run: its folder's files, read once and sorted by target."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from hat_sim.errors import UserError
from hat_sim.protocol.ledger import REFUSED
from hat_sim.report.look import ASKED, CHOSEN, FAILED, INELIGIBLE, SHORTLISTED
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.diagnosis import Finding, evidence_of, findings, frames_of
from hat_sim.simulation.run_folder import RESULT, TIMELINE, RunFolder
from hat_sim.simulation.timeline import NS_PER_US


@dataclass(frozen=True)
class Stretch:
    """A stretch of simulated time, in seconds, in which a device computed."""

    device: str
    label: str
    phase: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Frame:
    """One attempt of one frame; `arrived_s` is None where it never arrived."""

    phase: str
    kind: str
    sender: str
    receiver: str
    payload_bytes: int
    wire_bytes: int
    sent_s: float
    arrived_s: float | None
    refused: bool = False


@dataclass(frozen=True)
class Source:
    """A source in the world of one target: what it is, how far selection took it, what it sent and received.

    Speeds are in FLOP/s and bit/s, bytes are payload between it and the target. `claimed` is the accuracy on
    its own validation samples, `on_target` the one that its model has on the target's test as it comes;
    `failed` says whether a frame of it was refused, or one that it was sent. Where not all devices carry the
    same, `sensors` are those that it reads, and `lacking` those of them that the target lacks.
    """

    name: str
    domain: str
    architecture: str
    device: str
    link: str
    speed_flop_s: float
    up_bit_s: float
    down_bit_s: float
    rtt_s: float
    shortlisted: bool
    score: float | None
    selected: bool
    fusion_weight: float | None
    claimed: float | None
    on_target: float | None
    failed: bool
    sent_bytes: int
    received_bytes: int
    sensors: str | None
    lacking: Sequence[str]

    @property
    def fate(self) -> str:
        """`chosen`, `not eligible`, `failed`, `shortlisted` or `not shortlisted`."""
        if self.selected:
            return CHOSEN
        if self.lacking:
            return INELIGIBLE
        if self.failed:
            return FAILED
        return SHORTLISTED if self.shortlisted else ASKED

    @property
    def bytes(self) -> int:
        return self.sent_bytes + self.received_bytes


@dataclass(frozen=True)
class TargetRecord:
    """One target: its part of `result.json`, its own row of the fleet, and all that concerns it.

    `stretches` are those of its world, with the work that its sources did for others where worlds are shared.
    """

    result: Mapping[str, Any]
    own: Mapping[str, Any]
    sources: Sequence[Source]
    frames: Sequence[Frame]
    stretches: Sequence[Stretch]
    curve: Sequence[Mapping[str, Any]]
    fusion: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        return str(self.result["device"])

    @property
    def domain(self) -> str:
        return str(self.result["domain"])

    @property
    def is_mixed(self) -> bool:
        """Whether devices of its world carry different sensors."""
        return "not_eligible" in self.result


@dataclass(frozen=True)
class RunRecord:
    """A finished run; `links` names the access link of each (target, device), `findings` is its diagnosis."""

    result: Mapping[str, Any]
    targets: Sequence[TargetRecord]
    links: Mapping[tuple[str, str], str]
    findings: Sequence[Finding]


def read_run(path: Path) -> RunRecord:
    """Read a run folder; UserError where it is none, unfinished, damaged or of a newer version."""
    folder = RunFolder(path)
    result = folder.read_result()
    ledger = folder.read_ledger()
    fleet_rows, curve_rows = folder.read_fleet().to_pylist(), folder.read_curves().to_pylist()
    frames, fleets, curves = _frames(ledger), _by_target(fleet_rows), _by_target(curve_rows)
    fusion = _by_target(folder.read_fusion().to_pylist())
    stretches = _read_timeline(path)
    try:
        targets = [
            _target(
                it,
                fleets[name := it["device"]],
                frames.get(name, []),
                stretches.get(name, []),
                curves.get(name, []),
                fusion.get(name, []),
            )
            for it in result["targets"]
        ]
        found = findings(evidence_of(result["targets"], fleet_rows, curve_rows, frames_of(ledger)))
    except KeyError as error:
        raise UserError(f"{path / RESULT} lacks {error}", hint="run it again") from None
    links = {(target, row["name"]): row["link"] for target, rows in fleets.items() for row in rows}
    return RunRecord(result, targets, links, found)


def _target(
    result: Mapping[str, Any],
    fleet: Sequence[Mapping[str, Any]],
    frames: Sequence[Frame],
    stretches: Sequence[Stretch],
    curve: Sequence[Mapping[str, Any]],
    fusion: Sequence[Mapping[str, Any]],
) -> TargetRecord:
    sent: defaultdict[str, int] = defaultdict(int)
    received: defaultdict[str, int] = defaultdict(int)
    for frame in frames:
        sent[frame.sender] += frame.payload_bytes
        received[frame.receiver] += frame.payload_bytes
    lacking: Mapping[str, Sequence[str]] = result.get("not_eligible", {})
    failed = {name for frame in frames if frame.refused for name in (frame.sender, frame.receiver)}
    sources = [
        Source(
            name=(name := row["name"]),
            domain=row["domain"],
            architecture=row["architecture"],
            device=row["device"],
            link=row["link"],
            speed_flop_s=row["speed_flop_s"],
            up_bit_s=row["up_bit_s"],
            down_bit_s=row["down_bit_s"],
            rtt_s=row["rtt_ns"] / NS_PER_S,
            shortlisted=row["shortlisted"],
            score=row["score"],
            selected=row["selected"],
            fusion_weight=row["fusion_weight"],
            claimed=row["claimed_accuracy"],
            on_target=row["accuracy_on_target"],
            failed=name in failed,
            sent_bytes=sent[name],
            received_bytes=received[name],
            sensors=row.get("sensors"),
            lacking=lacking.get(name, ()),
        )
        for row in fleet
        if row["name"] != result["device"]
    ]
    [own] = [row for row in fleet if row["name"] == result["device"]]
    return TargetRecord(result, own, sources, frames, stretches, curve, fusion)


def _frames(ledger: pa.Table) -> dict[str, list[Frame]]:
    columns = ("target", "phase", "kind", "sender", "receiver", "payload_bytes", "wire_bytes", "outcome")
    about = zip(*(ledger.column(name).to_pylist() for name in columns), strict=True)
    times = zip(*(ledger.column(name).to_pylist() for name in ("sent_ns", "arrived_ns")), strict=True)
    frames: defaultdict[str, list[Frame]] = defaultdict(list)
    for (target, phase, kind, sender, receiver, payload, wire, outcome), (sent, arrived) in zip(
        about, times, strict=True
    ):
        arrived_s = None if arrived is None else arrived / NS_PER_S
        refused = outcome.startswith(REFUSED)
        frame = Frame(phase, kind, sender, receiver, payload, wire, sent / NS_PER_S, arrived_s, refused)
        frames[target].append(frame)
    return frames


def _by_target(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["target"]].append(row)
    return dict(found)


def _read_timeline(path: Path) -> dict[str, list[Stretch]]:
    """The computing of each target's world: the trace's complete events, on a thread for each device."""
    try:
        events = json.loads((path / TIMELINE).read_bytes())["traceEvents"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path / TIMELINE} cannot be read: {error}", hint="run it again") from None
    names = {
        (event["name"], event["pid"], event.get("tid")): event["args"]["name"]
        for event in events
        if event["ph"] == "M"
    }
    stretches: defaultdict[int, list[Stretch]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start = event["ts"] * NS_PER_US / NS_PER_S
            end = start + event["dur"] * NS_PER_US / NS_PER_S
            device = names["thread_name", event["pid"], event["tid"]]
            stretches[event["pid"]].append(Stretch(device, event["name"], event["cat"], start, end))
    worlds = {pid: name for (kind, pid, _), name in names.items() if kind == "process_name"}
    return {target: stretches[pid] for pid, name in worlds.items() for target in name.split(", ")}
