"""`docs/methods.md`: its table names every method, and its example of one's own runs as it stands there."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import pytest

from hat_sim.methods.registry import METHODS

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text()


def test_the_table_names_every_method() -> None:
    assert set(re.findall(r"^\| `(.+?)` \|", PAGE, flags=re.MULTILINE)) == set(METHODS)


@pytest.fixture
def own(here: Path) -> str:
    """The method of the page, in a module that no other test knows; its name."""
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    [line] = re.findall(r'name: "my_method:(\w+)"', PAGE)
    module = f"my_method_{uuid.uuid4().hex}"
    (here / f"{module}.py").write_text(code.replace("my_method", module))
    return f"{module}:{line}"


@pytest.mark.usefixtures("without_ray")
def test_the_example_runs(hat_sim, here: Path, own: str) -> None:
    """It gives another student than AVER, whose weights it has at a sharpness of 0."""
    for out, method in {
        "own": f"{{name: '{own}', sharpness: 20.0}}",
        "equal": f"{{name: '{own}', sharpness: 0.0}}",
        "aver": "{name: aver}",
    }.items():
        ended = hat_sim("run", "tiny.yaml", "--set", f"method={method}", "--out", out)
        assert ended.code == 0, ended.err
    weights = {
        out: (here / out / "model" / "target-domain-2" / "model.safetensors").read_bytes()
        for out in ("own", "equal", "aver")
    }
    assert weights["equal"] == weights["aver"] != weights["own"]
    result = json.loads((here / "own" / "result.json").read_text())
    assert len(result["targets"][0]["selected"]) == 4
    assert result["traffic"]["by_kind"]["model"] > 0


@pytest.mark.usefixtures("without_ray")
def test_the_examples_options_are_checked(hat_sim, own: str) -> None:
    ended = hat_sim("run", "tiny.yaml", "--set", f"method={{name: '{own}', sharpness: -1.0}}", "--out", "out")
    assert ended.code == 2
    assert "method.sharpness" in ended.err
