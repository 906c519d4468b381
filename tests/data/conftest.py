"""A cache of its own for each test, so that no test sees what another one or the user has fetched."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("HAT_SIM_CACHE", str(folder))
    monkeypatch.delenv("HAT_SIM_INDEX_URL", raising=False)
    return folder
