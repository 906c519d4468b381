"""Open a dataset of each of the three kinds."""

from __future__ import annotations

from hat_sim.data.folder import FolderDataset, open_folder
from hat_sim.data.generated.dataset import GeneratedDataset
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.data.packaged.dataset import PackagedDataset
from hat_sim.errors import UserError
from hat_sim.sensors import Sensors

__all__ = ["FolderDataset", "GeneratedSpec", "open_folder", "open_generated", "open_packaged"]


def open_packaged(name: str) -> PackagedDataset:
    """A dataset of the catalogue; nothing is fetched yet. UserError if there is none of this name."""
    if name not in PACKAGED:
        raise UserError(f"there is no packaged dataset {name!r}", hint="there are " + ", ".join(PACKAGED))
    return PackagedDataset(PACKAGED[name])


def open_generated(spec: GeneratedSpec, sensors: Sensors = ()) -> GeneratedDataset:
    """A family of domains made on demand from the description."""
    return GeneratedDataset(spec, sensors)
