"""A packaged dataset as a Dataset: prepared once into one small file a domain, then read in milliseconds."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.cache import cache_root, publish_folder, scratch_beside
from hat_sim.data.domain import Domain
from hat_sim.data.fetch import fetch, read_members
from hat_sim.data.packaged.info import PackagedInfo
from hat_sim.errors import InternalError, UserError
from hat_sim.sensors import Sensors


@dataclass(frozen=True)
class PackagedDataset:
    """The domains of one entry of the catalogue; nothing is fetched before `prepare` or `load`."""

    info: PackagedInfo

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def shape(self) -> tuple[int, ...]:
        return self.info.shape

    @property
    def classes(self) -> tuple[str, ...]:
        return self.info.classes

    @property
    def domains(self) -> tuple[str, ...]:
        return self.info.domains

    @property
    def sensors(self) -> Sensors:
        return self.info.sensors

    @property
    def digest(self) -> str:
        return self.info.digest

    @property
    def prepared(self) -> Path:
        """The folder of `<domain>.npz` files, there only when it is whole; a variant has its base's."""
        whole = self.info.base or self.info
        return cache_root() / "prepared" / f"{whole.name}-{whole.digest[:16]}"

    def prepare(self, index_url: str | None = None) -> Path:
        """Fetch and cut the data unless that is done; returns the folder of domains.

        Raises UserError as `hat_sim.data.fetch.fetch` does.
        """
        if self.prepared.is_dir():
            return self.prepared
        members = [
            member
            for archive in self.info.archives
            for member in read_members(archive, fetch(archive, index_url))
        ]
        with scratch_beside(self.prepared) as scratch:
            folder = scratch / "domains"
            folder.mkdir()
            names = []
            for domain in self.info.prepare(*members):
                np.savez(folder / f"{domain.name}.npz", x=domain.x, y=domain.y, block=domain.block)
                names.append(domain.name)
            if tuple(names) != self.domains:
                raise InternalError(f"{self.name} holds the domains {names}, not {list(self.domains)}")
            publish_folder(folder, self.prepared)
        return self.prepared

    def load(self, domain: str) -> Domain:
        """One domain; KeyError if there is no such domain, UserError if it cannot be fetched or read."""
        if domain not in self.domains:
            raise KeyError(domain)
        path = self.prepare() / f"{domain}.npz"
        try:
            with path.open("rb") as stream:
                arrays = np.load(stream, allow_pickle=False)
                return Domain(domain, self._taken(arrays["x"]), arrays["y"], arrays["block"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path} cannot be read: {error}", hint=f"delete {path.parent}; it is made again"
            ) from error

    def _taken(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The samples with the channels that this dataset has of its base."""
        if self.info.base is None:
            return x
        places = [self.info.base.channels.index(channel) for channel in self.info.channels]
        return np.ascontiguousarray(x[..., places])
