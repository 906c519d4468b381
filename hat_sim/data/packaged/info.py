"""What is known of a packaged dataset before a byte of it is fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hat_sim.data.domain import Domain
from hat_sim.data.fetch import Archive
from hat_sim.sensors import Sensors


@dataclass(frozen=True)
class PackagedInfo:
    """A dataset inside of pinned archives, and how its domains are made from them.

    `version` counts the changes of `prepare`, which turns the archives' members, in order, into the domains
    named in `domains`, in that order. `samples` is the number of samples over all domains. `traps` are the
    sentences that a user has to know before trusting a figure. `channels` are the names of a series'
    channels, where they have any, and `sensors` say whose they are. A variant has some channels of its
    `base`, and shares all it prepares.
    """

    name: str
    title: str
    archives: tuple[Archive, ...]
    version: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    samples: int
    licence: str
    origin: str
    traps: tuple[str, ...]
    prepare: Callable[..., Iterator[Domain]]
    channels: tuple[str, ...] = ()
    sensors: Sensors = ()
    base: PackagedInfo | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the pinned content, the version of its preparation, and what is taken of it."""
        pinned = " ".join(archive.sha256 for archive in self.archives)
        taken = f" {' '.join(self.channels)}" if self.base else ""
        return hashlib.sha256(f"{self.name} {pinned} {self.version}{taken}".encode()).hexdigest()
