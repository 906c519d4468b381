"""Grids of the tiny scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hat_sim.preflight import load_checked
from hat_sim.scenario.load import ScenarioDocument
from hat_sim.sweep.axes import axes_of
from hat_sim.sweep.grid import Grid


@pytest.fixture
def document(tmp_path: Path, tiny: str) -> Callable[..., ScenarioDocument]:
    """The tiny scenario with `--set` for each of the changes."""

    def document(*changes: str, text: str = tiny) -> ScenarioDocument:
        file = tmp_path / "tiny.yaml"
        file.write_text(text)
        return load_checked(file, changes)

    return document


@pytest.fixture
def grid(document: Callable[..., ScenarioDocument]) -> Callable[..., Grid]:
    """The grid of `--vary` options over the tiny scenario, at some seeds."""

    def grid(*vary: str, seeds: int = 1, changes: tuple[str, ...] = ()) -> Grid:
        of = document(*changes)
        return Grid(of, axes_of(of, vary), range(seeds))

    return grid
