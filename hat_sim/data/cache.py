"""Where fetched and computed things are kept between runs, and how they come to be there whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_root() -> Path:
    """`$HAT_SIM_CACHE`, else `~/.cache/hat_sim`; it need not exist."""
    chosen = os.environ.get("HAT_SIM_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "hat_sim"


@contextmanager
def scratch_beside(final: Path) -> Iterator[Path]:
    """An empty folder on the file system of `final`, gone when the block is left."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=final.parent) as scratch:
        yield Path(scratch)


def publish_file(written: Path, final: Path) -> None:
    """Put a finished file in its place at once; of two writers the last one stays."""
    written.replace(final)


def publish_folder(written: Path, final: Path) -> None:
    """Put a finished folder in its place at once; of two writers the first one stays."""
    try:
        written.replace(final)
    except OSError:
        if not final.is_dir():
            raise
        shutil.rmtree(written)
