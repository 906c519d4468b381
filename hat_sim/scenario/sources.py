"""The sources of a scenario: written out one by one, or dealt from a distribution."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from hat_sim.scenario.names import (
    Count,
    DeviceName,
    Identifier,
    LinkName,
    Name,
    Names,
    Samples,
    SensorsTogether,
    Shares,
    SourceDomains,
    refuse,
)
from hat_sim.scenario.section import Section
from hat_sim.scenario.trace import Trace

Spread = Annotated[float, Field(strict=True, ge=0, le=10)]
Share = Annotated[float, Field(strict=True, gt=0, le=1)]


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
