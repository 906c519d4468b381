"""What a report knows of a run: its folder's files, read once and sorted by target."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hat_sim.errors import UserError
from hat_sim.protocol.ledger import REFUSED
from hat_sim.report.look import ASKED, CHOSEN, FAILED, INELIGIBLE, SHORTLISTED
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.diagnosis import Finding, evidence_of, findings, frames_of
from hat_sim.simulation.run_folder import RESULT, TIMELINE, RunFolder
from hat_sim.simulation.timeline import NS_PER_US


@dataclass(frozen=True)
class Stretch:
    """A stretch of simulated time, in seconds, in which a device computed.

    `device` is None for `count` stretches of devices that the timeline shows together.
    """

    device: str | None
    label: str
    phase: str
    start_s: float
    end_s: float
    count: int = 1


@dataclass(frozen=True)
class Timeline:
    """The computing of a world; of a large one the devices `apart` by themselves, the `others` together."""

    stretches: Sequence[Stretch] = ()
    apart: frozenset[str] = frozenset()
    others: int = 0


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

    `frames` are the rows of the ledger that are its, `timeline` is that of its world, with the work that its
    sources did for others where worlds are shared.
    """

    result: Mapping[str, Any]
    own: Mapping[str, Any]
    sources: Sequence[Source]
    frames: pa.Table
    timeline: Timeline
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
    """A finished run.

    `frames` is the ledger in the order of the targets, `links` names the access link of each (target,
    device), `findings` is its diagnosis.
    """

    result: Mapping[str, Any]
    targets: Sequence[TargetRecord]
    frames: pa.Table
    links: Mapping[tuple[str, str], str]
    findings: Sequence[Finding]


def read_run(path: Path) -> RunRecord:
    """Read a run folder; UserError where it is none, unfinished, damaged or of a newer version."""
    folder = RunFolder(path)
    result = folder.read_result()
    ledger = folder.read_ledger()
    fleet_rows, curve_rows = folder.read_fleet().to_pylist(), folder.read_curves().to_pylist()
    fleets, curves = _by_target(fleet_rows), _by_target(curve_rows)
    fusion = _by_target(folder.read_fusion().to_pylist())
    timelines = _read_timelines(path)
    try:
        frames = _by_rank(ledger, [it["device"] for it in result["targets"]])
        targets = [
            _target(
                it,
                fleets[name := it["device"]],
                frames[name],
                timelines.get(name, Timeline()),
                curves.get(name, []),
                fusion.get(name, []),
            )
            for it in result["targets"]
        ]
        found = findings(evidence_of(result["targets"], fleet_rows, curve_rows, frames_of(ledger)))
    except KeyError as error:
        raise UserError(f"{path / RESULT} lacks {error}", hint="run it again") from None
    links = {(target, row["name"]): row["link"] for target, rows in fleets.items() for row in rows}
    return RunRecord(result, targets, pa.concat_tables(frames.values()), links, found)


def _target(
    result: Mapping[str, Any],
    fleet: Sequence[Mapping[str, Any]],
    frames: pa.Table,
    timeline: Timeline,
    curve: Sequence[Mapping[str, Any]],
    fusion: Sequence[Mapping[str, Any]],
) -> TargetRecord:
    sent, received = _payload_by(frames, "sender"), _payload_by(frames, "receiver")
    refused = frames.filter(pc.starts_with(frames["outcome"], REFUSED))
    failed = {*refused["sender"].to_pylist(), *refused["receiver"].to_pylist()}
    lacking: Mapping[str, Sequence[str]] = result.get("not_eligible", {})
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
            sent_bytes=sent.get(name, 0),
            received_bytes=received.get(name, 0),
            sensors=row.get("sensors"),
            lacking=lacking.get(name, ()),
        )
        for row in fleet
        if row["name"] != result["device"]
    ]
    [own] = [row for row in fleet if row["name"] == result["device"]]
    return TargetRecord(result, own, sources, frames, timeline, curve, fusion)


def _by_rank(ledger: pa.Table, targets: Sequence[str]) -> dict[str, pa.Table]:
    """The rows of each target, in this order of targets and else in the ledger's."""
    rank = {name: place for place, name in enumerate(targets)}
    codes = ledger["target"].combine_chunks().dictionary_encode()
    ranks = np.array([rank.get(it, len(rank)) for it in codes.dictionary.to_pylist()], np.int64)
    ranks = ranks[codes.indices.to_numpy()]
    ordered = ledger.take(np.argsort(ranks, kind="stable"))
    ends = np.cumsum(np.bincount(ranks, minlength=len(rank))).tolist()
    return {
        name: ordered.slice(start, end - start)
        for name, start, end in zip(targets, [0, *ends], ends, strict=False)
    }


def _payload_by(frames: pa.Table, end: str) -> dict[str, int]:
    """Payload bytes by the sender or the receiver."""
    sums = frames.group_by(end).aggregate([("payload_bytes", "sum")])
    return dict(zip(sums[end].to_pylist(), sums["payload_bytes_sum"].to_pylist(), strict=True))


def _by_target(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["target"]].append(row)
    return dict(found)


def _read_timelines(path: Path) -> dict[str, Timeline]:
    """By target the computing of its world: the trace's complete events that are of work, not of frames."""
    try:
        events = json.loads((path / TIMELINE).read_bytes())["traceEvents"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path / TIMELINE} cannot be read: {error}", hint="run it again") from None
    worlds: dict[int, str] = {}
    threads: defaultdict[int, dict[int, str | None]] = defaultdict(dict)
    others: dict[int, int] = {}
    stretches: defaultdict[int, list[Stretch]] = defaultdict(list)
    for event in events:
        world = event["pid"]
        if event["name"] == "process_name" and event["ph"] == "M":
            worlds[world] = event["args"]["name"]
        elif event["ph"] == "M" and "devices" in event["args"]:
            threads[world][event["tid"]] = None
            others[world] = event["args"]["devices"]
        elif event["ph"] == "M":
            threads[world][event["tid"]] = event["args"]["device"]
        elif event["ph"] == "X" and "flop" in event["args"]:
            start = event["ts"] * NS_PER_US / NS_PER_S
            end = start + event["dur"] * NS_PER_US / NS_PER_S
            device, count = threads[world][event["tid"]], event["args"].get("stretches", 1)
            stretches[world].append(Stretch(device, event["name"], event["cat"], start, end, count))
    timelines = {
        world: Timeline(
            stretches[world], frozenset(it for it in threads[world].values() if it), others.get(world, 0)
        )
        for world in worlds
    }
    return {target: timelines[world] for world, names in worlds.items() for target in names.split(", ")}
