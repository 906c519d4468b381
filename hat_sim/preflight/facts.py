"""What is known of a scenario's data without a sample of them."""

from __future__ import annotations

from dataclasses import dataclass

from hat_sim.data.domain import Dataset
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.scenario.data import Data, Generated
from hat_sim.sensors import Sensors, named


@dataclass(frozen=True)
class Facts:
    """What of a dataset decides about fleets, label spaces, sensors and architectures."""

    shape: tuple[int, ...]
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    sensors: Sensors = ()


def facts_of(dataset: Dataset) -> Facts:
    """The facts of a dataset that is at hand."""
    return Facts(tuple(dataset.shape), tuple(dataset.classes), tuple(dataset.domains), tuple(dataset.sensors))


def known_facts(data: Data) -> Facts | None:
    """The facts of packaged and generated data, known without a sample; None for a folder."""
    if data.dataset is not None:
        info = PACKAGED[data.dataset]
        return Facts(info.shape, tuple(info.classes), info.domains, info.sensors)
    if data.generated is not None:
        spec = spec_of(data.generated)
        return Facts(spec.shape, spec.class_names, spec.domain_names, sensors_of(data.generated))
    return None


def spec_of(generated: Generated) -> GeneratedSpec:
    return GeneratedSpec(**generated.model_dump(exclude={"sensors"}))


def sensors_of(generated: Generated) -> Sensors:
    return named(generated.sensors or {})
