"""The data of a scenario: a packaged dataset, a folder, or domains made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from hat_sim.scenario.names import Count, Identifier, Name, refuse
from hat_sim.scenario.section import Section
from hat_sim.sensors import axis_of, sensor_problems

Samples = Annotated[int, Field(strict=True, ge=1, le=1000)]
Channel = Annotated[int, Field(strict=True, ge=0)]


class Generated(Section):
    """Domains made on the spot, with a dialled shift between them."""

    domains: int = Field(
        default=12, strict=True, ge=2, title="Domains", description="How many domains to make."
    )
    classes: int = Field(
        default=4, strict=True, ge=2, title="Classes", description="How many classes each one has."
    )
    shape: tuple[Count, ...] = Field(
        default=(64, 3),
        min_length=1,
        max_length=3,
        title="Shape of a sample",
        description="[features], [time, channels] or [channels, height, width].",
    )
    samples: int = Field(
        default=240, strict=True, ge=1, title="Samples", description="Samples of each domain."
    )
    shift: float = Field(
        default=0.5,
        strict=True,
        ge=0,
        allow_inf_nan=False,
        title="Shift",
        description="How far domains differ; 0 is not.",
    )
    kinds: int = Field(
        default=4, strict=True, ge=1, title="Kinds", description="Groups of domains that resemble each other."
    )
    seed: int = Field(
        default=0, strict=True, ge=0, title="Seed of the world", description="Fixed while the run's changes."
    )
    sensors: dict[Identifier, tuple[Channel, ...]] | None = Field(
        default=None,
        min_length=1,
        title="Sensors",
        description="The channels of each sensor, counted from 0; by default channels have no names.",
    )

    @field_validator("sensors")
    @classmethod
    def _each_channel_of_one_sensor(
        cls, sensors: dict[str, tuple[int, ...]] | None, info: ValidationInfo
    ) -> dict[str, tuple[int, ...]] | None:
        shape = info.data.get("shape")
        found = (
            () if sensors is None or shape is None else tuple(sensor_problems(sensors, shape[axis_of(shape)]))
        )
        if found:
            hints = dict.fromkeys(problem.hint or "" for problem in found)
            raise refuse(", ".join(problem.what for problem in found), ", ".join(hints))
        return sensors

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # a mapping has no hash, and datasets are known by their sections


class Data(Section):
    """Where the samples come from: exactly one of three kinds."""

    dataset: Name | None = Field(
        default=None, title="Packaged dataset", description="The name of a packaged dataset."
    )
    folder: Path | None = Field(
        default=None,
        title="Folder of .npz files",
        description="One <domain>.npz a domain; a relative path starts at the scenario file's folder.",
    )
    generated: Generated | None = Field(
        default=None,
        title="Generated domains",
        description="Domains made on the spot; {} takes the defaults.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [kind for kind in type(self).model_fields if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} exclude each other" if given else "names no data"
            raise refuse(what, "exactly one of dataset, folder, generated")
        return self
