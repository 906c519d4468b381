"""The scenario: every key that a scenario file may have, with its type, default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)
from pydantic_core import PydanticKnownError

from hat_sim import units
from hat_sim.scenario.catalogue import DeviceProfile, LinkProfile, device_profiles, link_profiles
from hat_sim.scenario.data import Data
from hat_sim.scenario.faults import Availability, Fault, ProtocolOptions
from hat_sim.scenario.names import (
    Count,
    DeviceName,
    Identifier,
    LinkName,
    Name,
    Names,
    RoundDomains,
    TargetDomains,
    refuse,
)
from hat_sim.scenario.profiles import OwnDevice, OwnLink
from hat_sim.scenario.section import Section
from hat_sim.scenario.sources import Sources

MOST_SEED = 2**63 - 1
"""What a column of a table of results can hold."""


class Method(Section):
    """The method and its options; which options there are is the method's own affair."""

    model_config = ConfigDict(extra="allow")

    name: Name = Field(title="Method", description="A built-in method, or the dotted path of one's own.")

    @property
    def options(self) -> Mapping[str, Any]:
        """The options as written, not yet validated by the method."""
        return self.model_extra or {}


def _here_or_in_rounds(domains: TargetDomains | None, info: ValidationInfo) -> TargetDomains | None:
    in_rounds = (info.context or {}).get("rounds", False)
    if domains is None and not in_rounds:
        raise PydanticKnownError("missing")
    if domains is not None and in_rounds:
        raise refuse("the targets are those of `rounds`", "leave it out, or leave out `rounds`")
    return domains


class Target(Section):
    """The new device that joins with few labels; one independent world for each domain."""

    domain: Annotated[TargetDomains | None, AfterValidator(_here_or_in_rounds)] = Field(
        default=None,
        validate_default=True,
        title="Domain",
        description="One domain, a list of them, or `each`: every domain in its own world. Left out where "
        "there are `rounds`.",
    )
    device: DeviceName = Field(title="Device", description="A device profile.")
    link: LinkName = Field(title="Link", description="A link profile.")
    architecture: Name = Field(
        default="auto",
        title="Architecture",
        description="A model; `auto` takes the largest that fits the device.",
    )
    labels_per_class: int = Field(
        default=2, strict=True, ge=1, title="Labels per class", description="Labelled samples of each class."
    )
    classes: Names | None = Field(
        default=None,
        title="Classes",
        description="The classes that it meets, one or a list; by default all of its domain.",
    )
    sensors: Names | None = Field(
        default=None,
        title="Sensors",
        description="The sensors that it carries, one or a list; by default all that the data have.",
    )
    shared_fleet: bool = Field(
        default=False,
        strict=True,
        title="Shared fleet",
        description="Whether the targets use the same sources at once.",
    )
    time_budget: units.Duration = Field(
        default=600 * 10**9,
        title="Time budget",
        description='Training time that `architecture: auto` allows: "10 min".',
    )
    battery: units.Energy | None = Field(
        default=None,
        title="Battery",
        description='What its battery holds, for example "50 J"; the result says whether that was enough '
        "and, if not, when and at what it ran out.",
    )


class Training(Section):
    """How the sources were trained before the simulation starts, and how every method trains its student."""

    source_epochs: int = Field(
        default=20, strict=True, ge=1, title="Epochs of a source", description="Passes over its samples."
    )
    source_batch_size: int = Field(
        default=32, strict=True, ge=1, title="Batch size of a source", description="Samples a step."
    )
    source_rotation: float = Field(
        default=0.0,
        strict=True,
        ge=0,
        le=3,
        title="Rotation of a source",
        description="Radians (deviation) by which its three-axis sensors are turned at random; 0 is not.",
    )
    epochs: int = Field(
        default=30, strict=True, ge=1, title="Epochs of the student", description="Looks at the dictionary."
    )
    steps_per_epoch: int = Field(
        default=5, strict=True, ge=1, title="Steps an epoch", description="Updates of the student in each."
    )
    learning_rate: float = Field(
        default=4e-3, strict=True, gt=0, le=1, title="Learning rate", description="Of the student's Adam."
    )
    mixup: float = Field(
        default=0.4, strict=True, ge=0, le=10, title="Mixup", description="Beta's parameter; 0 is none."
    )
    sharpening: float = Field(
        default=2.5, strict=True, ge=1, le=100, title="Sharpening", description="Power on a teacher's output."
    )


class Transfer(Section):
    """How frames travel."""

    weights: Literal["fp32", "fp16", "int8"] = Field(
        default="fp32", title="Weights", description="The numbers in which weights and sent samples travel."
    )
    max_in_flight: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        title="Max in flight",
        description="How many requests of one question are out at once; the next is sent when an earlier one "
        "has been answered. By default all.",
    )


class Rounds(Section):
    """System expansion: domains join one round after another."""

    domains: tuple[RoundDomains, ...] = Field(
        min_length=1, title="Domains", description="For each round the domains of its targets, one or a list."
    )
    serve: bool = Field(
        default=True,
        strict=True,
        title="Serve",
        description="Whether a target that has joined is a source from the next round on.",
    )


class Sweep(Section):
    """What `hat-sim sweep` varies; a run takes the scenario as it stands."""

    vary: tuple[dict[str, Any], ...] | dict[str, Any] = Field(
        title="Axes",
        description="Paths with their values, an axis each; in a list, those of one entry move together.",
    )
    seeds: Count = Field(
        default=1, title="Seeds", description="How many seeds, the scenario's own first, each cell has."
    )


class Scenario(Section):
    """Everything that a run is a function of, the seed included."""

    model_config = ConfigDict(title="hat_sim scenario")

    name: Identifier = Field(title="Name", description="Names the run; letters, digits, `-` and `_`.")
    seed: int = Field(
        default=0, strict=True, ge=0, le=MOST_SEED, title="Seed", description="Fixes every random choice."
    )
    data: Data = Field(title="Data", description="Where the samples come from.")
    method: Method = Field(title="Method", description="The method and its options.")
    target: Target = Field(title="Target", description="The new device that joins with few labels.")
    sources: Sources = Field(title="Sources", description="The devices that already hold trained models.")
    devices: dict[Identifier, OwnDevice] = Field(
        default={},
        title="Own devices",
        description="Device profiles beside, or in place of, the catalogue's.",
    )
    links: dict[Identifier, OwnLink] = Field(
        default={}, title="Own links", description="Link profiles beside, or in place of, the catalogue's."
    )
    training: Training = Field(
        default=Training(), title="Training", description="How the sources were trained."
    )
    transfer: Transfer = Field(default=Transfer(), title="Transfer", description="How models travel.")
    faults: tuple[Fault, ...] = Field(
        default=(), title="Faults", description="What goes wrong, with whom, and when."
    )
    availability: Availability | None = Field(
        default=None, title="Availability", description="When sources can be reached; by default always."
    )
    protocol: ProtocolOptions | None = Field(
        default=None,
        title="Protocol",
        description="Deadline, retries, quorum. Without faults and availability a target by default waits "
        "for every answer; with any, {} is the default.",
    )
    rounds: Rounds | None = Field(
        default=None, title="Rounds", description="Domains that join one round after another."
    )
    sweep: Sweep | None = Field(default=None, title="Sweep", description="What `hat-sim sweep` varies.")

    def device_profile(self, name: str) -> DeviceProfile:
        """The scenario's own device of that name, else the catalogue's."""
        own = self.devices.get(name)
        return device_profiles()[name] if own is None else own.profile(name)

    @property
    def patience(self) -> ProtocolOptions | None:
        """What a target does about silence; None where it waits for every answer."""
        if self.protocol is None and (self.faults or self.availability is not None):
            return ProtocolOptions()
        return self.protocol

    def link_profile(self, name: str) -> LinkProfile:
        """The scenario's own link of that name, else the catalogue's."""
        own = self.links.get(name)
        return link_profiles()[name] if own is None else own.profile(name)


def target_count(scenario: Scenario, domains: int | None) -> int | None:
    """The number of targets, given the number of all domains; None where that is not known but needed."""
    if scenario.rounds is not None:
        return sum(map(len, scenario.rounds.domains))
    own = scenario.target.domain
    return domains if own is None or own == "each" else len(own)


def source_count(scenario: Scenario, domains: int | None) -> int | None:
    """The number of sources of one target, without those that join; None as in `target_count`."""
    sources = scenario.sources
    if isinstance(sources, tuple):
        return len(sources)
    fixed = next(iter(sources.sums().values()), None)
    if fixed is not None:
        return fixed
    if sources.domains != "all":
        return len(sources.domains)
    left_out = 1 if scenario.rounds is None else sum(map(len, scenario.rounds.domains))
    return None if domains is None else domains - left_out
