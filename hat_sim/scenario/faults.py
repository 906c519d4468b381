"""Faults, availability and the protocol's patience as a scenario has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hat_sim import units
from hat_sim.scenario.names import Count, Names, refuse
from hat_sim.scenario.section import Section

FaultKind = Literal["down", "crash", "loss", "slow", "cut", "partition", "corrupt", "straggler", "damaged"]
FrameKind = Literal[
    "join",
    "welcome",
    "summary_request",
    "summary",
    "centroid_request",
    "posterior_request",
    "centroids",
    "encoder_request",
    "encoder",
    "model_request",
    "model",
    "predict_request",
    "predictions",
]
"""Kinds of messages, as the ledger names them."""

LEAST_CHUNK = 1024
_Part = Annotated[float, Field(strict=True, gt=0, lt=1)]
_ShareOfFleet = Annotated[float, Field(strict=True, ge=0, le=1)]
_Factor = Annotated[float, Field(strict=True, gt=1, le=1e6)]

_CHOICE = ("devices", "share", "count")
_STARTS = ("at", "after_share", "after_bytes")
_TAKES: Mapping[FaultKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "down": (("at",), ("duration",)),
    "crash": ((), ("at", "after_share", "after_bytes", "frame", "nth")),
    "loss": (("at", "rate"), ("duration",)),
    "slow": (("at", "factor"), ("duration",)),
    "cut": (("at",), ("duration",)),
    "partition": (("at",), ("duration",)),
    "corrupt": ((), ("frame", "nth")),
    "straggler": (("at", "factor"), ("duration",)),
    "damaged": ((), ()),
}
"""The keys that each kind needs, and those that it may have beside them."""


class Fault(Section):
    """Something that goes wrong: one kind of fault, the devices that it befalls, and when."""

    kind: FaultKind = Field(
        title="Kind",
        description="down: answers nothing for a while, its transfers break. crash: the same for good, at a "
        "time or in mid-transfer. loss, slow, cut: of its access link. partition: these devices reach each "
        "other and nobody else. corrupt: a frame arrives with a flipped bit. straggler: computes slower. "
        "damaged: its model is NaN.",
    )
    devices: Names | None = Field(
        default=None,
        title="Devices",
        description="Names of sources, one or a list; a target `target-<domain>` where its link, its speed "
        "or its frames are meant. One of devices, share, count.",
    )
    share: _ShareOfFleet | None = Field(
        default=None,
        title="Share",
        description="So many of the sources, drawn by seed and rounded: 0.2. A smaller share is part of a "
        "larger one.",
    )
    count: int | None = Field(
        default=None, strict=True, ge=0, title="Count", description="So many sources, drawn by seed."
    )
    at: units.Instant | None = Field(
        default=None, title="At", description='When it begins, from the start of the simulation: "2 s".'
    )
    duration: units.Duration | None = Field(
        default=None, title="Duration", description='For how long: "10 s"; by default to the end.'
    )
    rate: units.Share | None = Field(
        default=None, title="Rate", description='loss: packets that are lost beside the link\'s own: "2 %".'
    )
    factor: _Factor | None = Field(
        default=None, title="Factor", description="slow, straggler: how many times slower, above 1."
    )
    frame: FrameKind | None = Field(
        default=None,
        title="Frame",
        description="corrupt, and crash in mid-transfer: the kind of frame, as the ledger names it; by "
        "default model.",
    )
    nth: Count | None = Field(
        default=None,
        title="Which one",
        description="corrupt, and crash in mid-transfer: which frame of that kind, from 1 (the default): of "
        "each device chosen or, where none is, of all that are sent.",
    )
    after_share: _Part | None = Field(
        default=None,
        title="After a share",
        description="crash: when this share of a transfer has been sent: 0.5.",
    )
    after_bytes: units.Size | None = Field(
        default=None,
        title="After bytes",
        description='crash: when so much of a transfer has been sent: "40 kB".',
    )

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        given = [key for key in type(self).model_fields if key != "kind" and getattr(self, key) is not None]
        needed, optional = _TAKES[self.kind]
        foreign = [key for key in given if key not in (*needed, *optional, *_CHOICE)]
        if foreign:
            takes = ", ".join((*needed, *optional)) or "nothing but its devices"
            raise refuse(f"{self.kind} has no {' and no '.join(foreign)}", f"it takes {takes}")
        missing = [key for key in needed if key not in given]
        if missing:
            raise refuse(f"{self.kind} needs {' and '.join(missing)}", _examples(missing))
        self._starts_once(given)
        chosen = [key for key in _CHOICE if key in given]
        if len(chosen) > 1:
            raise refuse(f"{' and '.join(chosen)} exclude each other", "one of devices, share, count")
        if not chosen and not self.may_be_anyone:
            raise refuse(f"{self.kind} names no device", "one of devices, share, count")
        return self

    def _starts_once(self, given: Collection[str]) -> None:
        if self.kind != "crash":
            return
        starts = [key for key in _STARTS if key in given]
        if len(starts) != 1:
            what = f"{' and '.join(starts)} exclude each other" if starts else "crash needs a moment"
            raise refuse(what, "one of at, after_share, after_bytes")
        if self.at is not None and {"frame", "nth"} & set(given):
            raise refuse("a crash at a time is in no transfer", "after_share or after_bytes with frame, nth")

    @property
    def may_be_anyone(self) -> bool:
        """Whether it may befall whoever sends a frame."""
        return self.kind == "corrupt" or (self.kind == "crash" and self.at is None)

    @property
    def frame_kind(self) -> FrameKind:
        return self.frame or "model"

    @property
    def number(self) -> int:
        """Which frame of that kind, from 1."""
        return self.nth or 1

    @property
    def end_ns(self) -> int | None:
        """When it is over; None for never."""
        return None if self.at is None or self.duration is None else self.at + self.duration


class Availability(Section):
    """When sources can be reached: in periods of their own phase, or as recorded of real devices."""

    period: units.Duration | None = Field(
        default=None, title="Period", description='Length of a period of being on and off: "24 h".'
    )
    on_share: Annotated[float, Field(strict=True, gt=0, le=1)] | None = Field(
        default=None,
        title="Share of being on",
        description="Of each period; where in it a source starts is drawn by seed.",
    )
    trace: Path | None = Field(
        default=None,
        title="Trace",
        description="A JSON file of devices in FedScale's shape, {id: {duration, active, inactive, "
        "finish_time}}: on from active[k] to inactive[k], again from 0 at finish_time. Dealt to sources by "
        "seed; a relative path starts at the scenario file's folder.",
    )
    unit: Literal["h", "min", "s", "ms", "us", "ns"] | None = Field(
        default=None, title="Unit", description="The unit of the trace's times."
    )
    start: units.Instant | None = Field(
        default=None,
        title="Start",
        description='The time of the trace at which the simulation starts: "6 h"; by default its beginning.',
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        given = [key for key in type(self).model_fields if getattr(self, key) is not None]
        periodic = [key for key in given if key in ("period", "on_share")]
        traced = [key for key in given if key not in periodic]
        if periodic and traced:
            raise refuse(
                f"{periodic[0]} and {traced[0]} exclude each other", "period and on_share, or a trace"
            )
        if not (len(periodic) == 2 or {"trace", "unit"} <= set(traced)):
            raise refuse(
                "it takes two keys", 'period: "24 h" with on_share: 0.5, or trace: FILE with unit: s'
            )
        return self


def _of_sensible_size(size: int) -> int:
    if not LEAST_CHUNK <= size <= 2**27:
        raise refuse(f"a chunk of {units.SIZE.format(size)}", "from 1 KiB to 128 MiB")
    return size


class ProtocolOptions(Section):
    """How long a target waits for those whom it asks, and what it does about those that do not answer."""

    deadline: units.Duration = Field(
        default=30 * 10**9,
        title="Deadline",
        description="How long a source has to answer; each chunk of a model that arrives gives it as long "
        "again.",
    )
    retries: int = Field(
        default=2,
        strict=True,
        ge=0,
        le=20,
        title="Retries",
        description="How often a source is asked again that did not answer; chunks that arrived start the "
        "count anew.",
    )
    backoff: units.Instant = Field(
        default=10**9,
        title="Back-off",
        description="Pause before the first retry; each further one is twice as long.",
    )
    quorum: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
        default=1.0,
        title="Quorum",
        description="The target goes on when this share of those asked has answered.",
    )
    least: Count = Field(
        default=1,
        title="Least answers",
        description="Where fewer sources than this answer, the target learns alone.",
    )
    chunk: Annotated[units.Size, AfterValidator(_of_sensible_size)] = Field(
        default=64 * 1024,
        title="Chunk",
        description="Models travel in chunks of this size; a broken transfer goes on where it broke.",
    )

    def patience_ns(self) -> int:
        """How long a source is waited for that never answers."""
        return self.deadline * (1 + self.retries) + self.backoff * ((1 << self.retries) - 1)


def _examples(keys: Collection[str]) -> str:
    examples = {"at": 'at: "2 s"', "rate": 'rate: "2 %"', "factor": "factor: 4"}
    return ", ".join(examples[key] for key in keys)
