"""The scenario: every key that a scenario file may have, with its type, default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from hat_sim import units
from hat_sim.scenario.catalogue import DeviceProfile, LinkProfile, device_profiles, link_profiles
from hat_sim.scenario.faults import Availability, Fault, ProtocolOptions
from hat_sim.scenario.names import (
    Count,
    DeviceName,
    Identifier,
    LinkName,
    Name,
    Names,
    RoundDomains,
    SensorsTogether,
    Shares,
    SourceDomains,
    TargetDomains,
    refuse,
)
from hat_sim.scenario.profiles import OwnDevice, OwnLink
from hat_sim.scenario.section import Section
from hat_sim.scenario.trace import Trace
from hat_sim.sensors import axis_of, sensor_problems

MOST_SEED = 2**63 - 1
"""What a column of a table of results can hold."""

Spread = Annotated[float, Field(strict=True, ge=0, le=10)]
Samples = Annotated[int, Field(strict=True, ge=1, le=1000)]
Share = Annotated[float, Field(strict=True, gt=0, le=1)]
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


class Heterogeneity(Section):
    """How far sources stray from their profiles: log-normal factors whose median is 1."""

    compute: Spread = Field(
        default=0.0, title="Spread of compute", description="Sigma of the logarithm of speed."
    )
    bandwidth: Spread = Field(
        default=0.0, title="Spread of bandwidth", description="Sigma of the logarithm of rates."
    )


class SourceDistribution(Section):
    """The sources as a distribution: profiles and architectures are dealt to domains by seed."""

    domains: SourceDomains = Field(
        default="all", title="Domains", description="`all` leaves the target's domain out."
    )
    count: Count | None = Field(
        default=None,
        title="Number of sources",
        description="By default the sum of the counts or one a domain; with it, counts are proportions.",
    )
    devices: Shares[DeviceName] = Field(title="Devices", description="A name, a list, or counts by name.")
    links: Shares[LinkName] = Field(title="Links", description="A name, a list, or counts by name.")
    architectures: Shares[Name] = Field(
        default=("auto",), title="Architectures", description="A name, a list, or counts by name."
    )
    heterogeneity: Heterogeneity = Field(
        default=Heterogeneity(),
        title="Heterogeneity",
        description="How far sources stray from their profiles.",
    )
    class_share: Share | None = Field(
        default=None,
        title="Share of the classes",
        description="How many of its domain's classes each source was trained on; by default all.",
    )
    claim_samples: Samples | None = Field(
        default=None,
        title="Samples of a claim",
        description="On how many validation samples of its own each source judges its model; by default "
        "devices that share a model claim the same.",
    )
    sensors: Shares[SensorsTogether] | None = Field(
        default=None,
        title="Sensors",
        description="A name, a list, or counts by name; who has `accelerometer+gyroscope` carries both. By "
        "default each source carries all that the data have.",
    )
    trace: Trace | None = Field(
        default=None,
        title="Trace",
        description="A table of devices that speeds and rates are drawn from; all else is that of the "
        "profiles in `devices` and `links`.",
    )

    @model_validator(mode="after")
    def _spread_by_one_thing(self) -> Self:
        if self.trace is not None and self.heterogeneity != Heterogeneity():
            raise refuse("a trace spreads speeds and rates by itself", "no `heterogeneity` beside a `trace`")
        return self

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        sums = self.sums()
        if len(set(sums.values())) > 1:
            figures = " but ".join(f"{key} says {total}" for key, total in sums.items())
            raise refuse(f"the numbers of sources disagree: {figures}", "the same number everywhere")
        return self

    def sums(self) -> dict[str, int]:
        """The number of sources by every key that fixes it: `count`, or else each of the counts by name."""
        if self.count is not None:
            return {"count": self.count}
        shares = {
            "devices": self.devices,
            "links": self.links,
            "architectures": self.architectures,
            "sensors": self.sensors,
        }
        return {key: sum(share.values()) for key, share in shares.items() if isinstance(share, dict)}


class SourceDevice(Section):
    """One source, written out."""

    name: Identifier | None = Field(
        default=None, title="Name", description="By default the name of its domain."
    )
    domain: Name = Field(title="Domain", description="The domain that it was trained on.")
    device: DeviceName = Field(title="Device", description="A device profile.")
    link: LinkName = Field(title="Link", description="A link profile.")
    architecture: Name = Field(default="auto", title="Architecture", description="A model, or `auto`.")
    classes: Names | None = Field(
        default=None,
        title="Classes",
        description="The classes that it was trained on, one or a list; by default all of its domain.",
    )
    sensors: Names | None = Field(
        default=None,
        title="Sensors",
        description="The sensors that it carries, one or a list; by default all that the data have.",
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


def _form_of_sources(value: Any) -> str:
    return "<list>" if isinstance(value, list | tuple) else "<distribution>"


def _names_differ(sources: tuple[SourceDevice, ...]) -> tuple[SourceDevice, ...]:
    names = [source.name for source in sources if source.name is not None]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refuse(f"{', '.join(twice)} is the name of more than one source", "a different name for each")
    return sources


Sources = Annotated[
    Annotated[SourceDistribution, Tag("<distribution>")]
    | Annotated[tuple[SourceDevice, ...], Field(min_length=1), AfterValidator(_names_differ), Tag("<list>")],
    Discriminator(_form_of_sources),
]


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
