"""A cache without source models but with the data, so that a run trains everything and fetches nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hat_sim.data.open import open_packaged


@contextmanager
def cold_cache(dataset: str) -> Iterator[Path]:
    """A folder for HAT_SIM_CACHE, gone when the block is left; the data are fetched first if need be."""
    prepared = open_packaged(dataset).prepare()
    with tempfile.TemporaryDirectory(prefix="hat-sim-cold-") as folder:
        shutil.copytree(prepared, Path(folder) / "prepared" / prepared.name)
        yield Path(folder)
