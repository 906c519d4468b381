"""The real datasets that ship inside of public packages: what is known of each without fetching it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hat_sim.data.packaged import hapt, watch
from hat_sim.data.packaged.info import PackagedInfo

PACKAGED: Mapping[str, PackagedInfo] = MappingProxyType({info.name: info for info in (hapt.INFO, watch.INFO)})

__all__ = ["PACKAGED", "PackagedInfo"]
