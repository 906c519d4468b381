"""Domain data: one interface, three kinds behind it (packaged, a folder, generated), and the splits."""

from __future__ import annotations

from hat_sim.data.domain import Dataset, Domain
from hat_sim.data.generated import GeneratedSpec
from hat_sim.data.open import open_folder, open_generated, open_packaged
from hat_sim.data.packaged import PACKAGED, PackagedInfo
from hat_sim.data.splits import SourceSplit, TargetSplit, split_source, split_target

__all__ = [
    "PACKAGED",
    "Dataset",
    "Domain",
    "GeneratedSpec",
    "PackagedInfo",
    "SourceSplit",
    "TargetSplit",
    "open_folder",
    "open_generated",
    "open_packaged",
    "split_source",
    "split_target",
]
