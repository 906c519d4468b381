"""A tiny world whose times can be computed by hand, with scripted targets and sources.

All links carry 1 byte a microsecond each way and take 1 ms to the core, so a path takes 2 ms. All devices do
one floating-point operation a nanosecond at 2 W.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from hat_sim.protocol.effects import Phase
from hat_sim.protocol.steps import Answer, AskStep, ComputeStep, Done, Parcel, Step
from hat_sim.scenario.catalogue import DeviceProfile, LinkProfile
from hat_sim.scenario.faults import Fault
from hat_sim.scenario.fleet import Device
from hat_sim.scenario.hits import Hit, Misfortune
from hat_sim.simulation.conductor import Conductor
from hat_sim.simulation.record import WorldRecord

PROFILE = DeviceProfile("toy", 1e9, 2**30, 2.0, "", "", ())
LINK = LinkProfile("toy", 8e6, 8e6, 2_000_000, 0.0, 3e-9, 1e-9, "", "", ())
MS = 1_000_000


def ask(
    *names: str,
    size: int = 49,
    deadline_ms: float | None = None,
    patience_ms: float | None = None,
    phase: Phase = "coarse",
) -> AskStep:
    """Requests of one size to some sources."""
    deadline_ns, patience_ns = (None if ms is None else round(ms * MS) for ms in (deadline_ms, patience_ms))
    parcels = {name: Parcel("ping", size, b"q" * size) for name in names}
    return AskStep(phase, parcels, deadline_ns, patience_ns=patience_ns)


def work(ms: float, phase: Phase = "train") -> ComputeStep:
    """Work that takes so long."""
    return ComputeStep(phase, "think", round(ms * MS))


class Script:
    """A target that takes its steps in order; `told` holds the names of those whose answers came in time."""

    def __init__(self, *steps: Any) -> None:
        self._steps = iter([*steps, Done()])
        self.told: list[list[str]] = []

    def start(self) -> Step:
        return self._next()

    def advance(self, frames: Mapping[str, bytes], progress: Callable[[str], None]) -> Step:
        self.told.append(sorted(frames))
        return self._next()

    def _next(self) -> Step:
        step = next(self._steps)
        return step if isinstance(step, Step) else Step(step)


def answering(size: int = 80, ms: float = 1.0, **answer: Any) -> Callable[[bytes], Answer]:
    """A source that works so long and answers with a frame of so many bytes."""
    parcel = Parcel("pong", size, b"p" * size)
    return lambda frame: Answer(parcel, round(ms * MS), **answer)


def toy_device(name: str, link: LinkProfile = LINK) -> Device:
    return Device(name, name, "none", PROFILE, link)


@pytest.fixture
def toy(local_transport: type, drive_conductor: Callable[[Conductor], WorldRecord]) -> Callable[..., Any]:
    """Runs scripted targets with scripted sources; gives the record, the frames handed over and the log."""

    def run(
        targets: Mapping[str, Script],
        sources: Mapping[str, Callable[[bytes], Answer]],
        transport: type = local_transport,
        link: LinkProfile = LINK,
        figures: Mapping[str, Any] = MappingProxyType({}),
        **options: Any,
    ) -> tuple[WorldRecord, list[bytes], list[tuple[str, str, int]]]:
        log: list[tuple[str, str, int]] = []
        nodes = transport(sources, targets)
        profile = replace(PROFILE, **figures)
        devices = [replace(toy_device(name, link), profile=profile) for name in (*sources, *targets)]

        def report(*said: Any) -> None:
            log.append(said)

        record = drive_conductor(Conductor(devices, list(targets), nodes, report, **options))
        return record, nodes.frames, log

    return run


def chunked(count: int, size: int = 1000, ms: float = 1.0) -> Callable[[bytes], Answer]:
    """A source that works so long and answers with so many chunks."""
    chunk = Parcel("pong", size, b"c" * size)
    return lambda frame: Answer(Parcel.together([chunk] * count), round(ms * MS))


def misfortune(*faults: tuple[str, dict[str, Any]]) -> Misfortune:
    """Faults of devices, names in one text; `*` stands for whoever sends the frame."""
    hits = []
    for entry, (devices, keys) in enumerate(faults):
        names = None if devices == "*" else tuple(devices.split())
        given = {} if names is None else {"devices": list(names)}
        hits.append(Hit(entry, Fault.model_validate(given | keys), names))
    return Misfortune(tuple(hits))


class Toys:
    """The parts that scripts are made of."""

    ask = staticmethod(ask)
    work = staticmethod(work)
    answering = staticmethod(answering)
    chunked = staticmethod(chunked)
    misfortune = staticmethod(misfortune)
    device = staticmethod(toy_device)
    Script = Script


@pytest.fixture(scope="session")
def toys() -> type[Toys]:
    return Toys


@pytest.fixture(scope="session")
def brief() -> Callable[[WorldRecord], Sequence[tuple[Any, ...]]]:
    """Sender, receiver, times in milliseconds, outcome of each row of a ledger."""

    def rows(record: WorldRecord) -> Sequence[tuple[Any, ...]]:
        return [
            (
                row.sender,
                row.receiver,
                row.sent_ns / MS,
                None if row.arrived_ns is None else row.arrived_ns / MS,
                row.outcome,
            )
            for row in record.ledger
        ]

    return rows
