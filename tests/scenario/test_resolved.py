"""The resolved scenario: it says the same as its file, and its hash tells different ones apart."""

from io import StringIO

import pytest
from ruamel.yaml import YAML

from hat_sim.scenario.load import load_scenario
from hat_sim.scenario.resolved import resolved_scenario, scenario_sha256


@pytest.fixture
def load(write, text):
    """Loads the sound scenario with overrides."""
    return lambda *overrides, **options: load_scenario(write(text), overrides, **options).scenario


def test_defaults_and_figures_are_written_out_with_units(load) -> None:
    plain = resolved_scenario(load())
    assert plain["target"]["time_budget"] == "10 min"
    assert plain["devices"]["pi4"] == {"speed": "15 GFLOP/s", "memory": "4 GB", "power": "7.2 W"}
    assert list(plain["devices"]) == ["pi4", "pi5"]
    assert list(plain["links"]) == ["lte", "wifi"]
    assert plain["transfer"] == {"weights": "fp32"}


def test_a_resolved_scenario_is_a_scenario_that_resolves_to_itself(load, write) -> None:
    resolved = resolved_scenario(
        load("method.x=null", "devices={w: {like: pi4, memory: 32 MiB}}", "target.device=w")
    )
    stream = StringIO()
    YAML().dump(resolved, stream)
    again = load_scenario(write(stream.getvalue())).scenario
    assert resolved_scenario(again) == resolved
    assert again.method.options == {"eta": 0.6, "x": None}


def test_the_hash_covers_what_a_scenario_means_and_its_data(load) -> None:
    base = scenario_sha256(load(), "digest")
    assert len(base) == 64
    assert scenario_sha256(load(), "other") != base
    for override in (
        "target.link=lte",
        "training.source_batch_size=8",
        "method.eta=0.7",
        "transfer.weights=int8",
    ):
        assert scenario_sha256(load(override), "digest") != base


def test_the_hash_does_not_cover_seed_path_or_what_is_written_differently(load) -> None:
    base = scenario_sha256(load(), "digest")
    assert scenario_sha256(load(seed=9), "digest") == base
    assert scenario_sha256(load("sources.links=[lte]", "target.time_budget=600 s"), "digest") == base
    assert scenario_sha256(load("devices={unused: {like: pi4}}"), "digest") == base
    assert scenario_sha256(load("devices={pi4: {like: pi4, memory: 4000 MB}}"), "digest") == base
    here = scenario_sha256(load("data={folder: here}"), "digest")
    assert here == scenario_sha256(load("data={folder: there}"), "digest")


def test_the_hash_covers_the_figures_behind_a_name(load) -> None:
    slower = load("devices={pi4: {like: pi4, speed: 14 GFLOP/s}}")
    assert scenario_sha256(slower, "digest") != scenario_sha256(load(), "digest")
