"""Methods by name: the built-in ones, and a user's own by dotted path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hat_sim.methods.registry import METHODS, Method, find_method

OWN = """
from pydantic import BaseModel
from hat_sim.methods.registry import Method

class Options(BaseModel):
    strength: float = 1.0

def protocol(task, options):
    yield

mine = Method(Options, "my_method_{number}:protocol")
other = 7
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The name of a module in the working directory, a new one for each test."""
    number = abs(hash(request.node.name)) % 10**9
    (tmp_path / f"my_method_{number}.py").write_text(OWN.format(number=number))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return f"my_method_{number}"


def test_every_built_in_method_has_options_with_defaults_and_a_protocol() -> None:
    assert {"hat", "hat-plus", "target-only"} <= set(METHODS)
    for name, method in METHODS.items():
        assert find_method(name) is method
        assert method.options().model_config["extra"] == "forbid"
        assert callable(method.load())


def test_a_method_of_ones_own_is_found_beside_the_scenario(own: str) -> None:
    """In the working directory, though the command that runs was installed elsewhere."""
    method = find_method(f"{own}:mine")
    assert isinstance(method, Method)
    assert method.options().model_dump() == {"strength": 1.0}
    assert method.load().__name__ == "protocol"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hatt", 'unknown method "hatt"'),
        ("{own}:absent", "cannot be imported: .*absent"),
        ("{own}:other", "is a int, not a hat_sim.methods.registry.Method"),
        ("no_such_module:mine", "cannot be imported: ModuleNotFoundError: No module named 'no_such"),
        (":mine", "cannot be imported"),
        ("{own}:", "cannot be imported"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(own: str, name: str, message: str) -> None:
    with pytest.raises(LookupError, match=message):
        find_method(name.format(own=own))


def test_a_module_that_fails_when_it_is_imported_says_why(own: str, tmp_path: Path) -> None:
    (tmp_path / f"{own}_broken.py").write_text("1 / 0")
    with pytest.raises(LookupError, match="cannot be imported: ZeroDivisionError: division by zero"):
        find_method(f"{own}_broken:mine")


def test_options_are_known_without_torch() -> None:
    code = "import sys, hat_sim.methods.registry; print(sorted({'torch', 'ray', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
