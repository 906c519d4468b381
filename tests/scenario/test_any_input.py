"""Whatever stands in a scenario, loading ends in a scenario or in problems, never in another error."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hat_sim.errors import UserError
from hat_sim.scenario.load import load_scenario
from hat_sim.scenario.resolved import resolved_scenario

WORDS = st.sampled_from(
    [
        "",
        "x",
        "pi4",
        "lte",
        "each",
        "all",
        "1 GB",
        "2 s",
        "3 %",
        "a b",
        "device",
        "devices",
        "generated",
        "like",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(-1, 2) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [
        "name",
        "seed",
        "data",
        "data.dataset",
        "data.folder",
        "data.generated",
        "data.generated.shape",
        "method",
        "method.name",
        "target",
        "target.domain",
        "target.device",
        "target.link",
        "target.time_budget",
        "target.wrong",
        "sources",
        "sources.domains",
        "sources.count",
        "sources.devices",
        "sources.devices.pi4",
        "sources.links",
        "sources.architectures",
        "sources.heterogeneity",
        "sources.heterogeneity.compute",
        "devices",
        "devices.w",
        "devices.w.like",
        "devices.w.speed",
        "devices.pi4",
        "links",
        "links.w.up",
        "training",
        "training.source_batch_size",
        "transfer.weights",
        "faults",
        "rounds",
        "rounds.domains",
        "rounds.serve",
        "wrong",
    ]
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=st.lists(st.tuples(PATHS, VALUES), min_size=1, max_size=4))
def test_any_change_of_a_scenario_is_sound_or_a_user_error(tmp_path: Path, text, changes) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    overrides = [f"{path}={json.dumps(value)}" for path, value in changes]
    try:
        scenario = load_scenario(
            file, overrides, checks=[lambda sound: resolved_scenario(sound) and ()]
        ).scenario
    except UserError as error:
        assert error.problems
        assert all(problem.where for problem in error.problems)
    else:
        assert resolved_scenario(scenario)["name"] == scenario.name


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary(max_size=60)
    | st.text(alphabet="a:-[]{}&*!|>'\"#%@, \n\t?<~1", max_size=40).map(str.encode)
)
def test_any_bytes_in_a_file_are_a_user_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError):
        load_scenario(file)
