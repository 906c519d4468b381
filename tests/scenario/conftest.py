"""A scenario file to start from, and the problems that a changed one has."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.load import Check, load_scenario

SCENARIO = """\
name: hapt
seed: 3
data: {dataset: hapt}
method: {name: hat, eta: 0.6}
target:
  domain: user-1
  device: pi4
  link: wifi
sources:
  devices: {pi4: 2, pi5: 1}
  links: lte
"""


@pytest.fixture
def text() -> str:
    """A sound scenario of one target and three sources."""
    return SCENARIO


Problems = Callable[..., list[Problem]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a scenario file and returns its path."""

    def write(text: str = SCENARIO) -> Path:
        file = tmp_path / "scenario.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def problems(write: Callable[[str], Path]) -> Problems:
    """The problems of a scenario text, with `where` relative to the file: `:3`."""

    def problems(text: str, *overrides: str, checks: tuple[Check, ...] = ()) -> list[Problem]:
        file = write(text)
        with pytest.raises(UserError) as caught:
            load_scenario(file, overrides, checks=checks)
        return [
            Problem(problem.what, problem.path, problem.hint, (problem.where or "").replace(str(file), ""))
            for problem in caught.value.problems
        ]

    return problems
