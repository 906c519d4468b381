"""Dotted paths: those that lead somewhere, and the nearest one to those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from hat_sim.scenario.paths import unknown_path

VALUES: dict[str, Any] = {
    "name": "x",
    "method": {"name": "hat", "eta": 0.6},
    "target": {"domain": ["a", "b"], "link": "wifi"},
    "sources": {"devices": {"pi4": 2}, "links": "lte"},
    "links": {"home": {"like": "wifi"}},
}
LISTED = VALUES | {"sources": [{"domain": "a", "link": "lte"}]}
OPTIONS = ("eta", "top", "fine_space")


@pytest.mark.parametrize(
    "path",
    [
        "method",
        "method.eta",
        "method.top",
        "method.name",
        "target.domain.1",
        "target.labels_per_class",
        "sources.devices.pi4",
        "sources.devices.pi5",
        "sources.heterogeneity.compute",
        "sources.count",
        "links.home.up",
        "training.epochs",
        "transfer.weights",
        "data.generated.shift",
        "faults",
    ],
)
def test_a_path_that_leads_somewhere(path: str) -> None:
    assert unknown_path(path, VALUES, OPTIONS) is None


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("method.etaa", "method.eta"),
        ("metod.eta", "method.eta"),
        ("eta", "method.eta"),
        ("target.labels_per_clas", "target.labels_per_class"),
        ("sources.heterogenity.compute", "sources.heterogeneity.compute"),
        ("heterogeneity.compute", "sources.heterogeneity.compute"),
        ("link", "target.link"),
        ("traning.epochs", "training.epochs"),
    ],
)
def test_a_typo_is_answered_by_the_nearest_path(path: str, nearest: str) -> None:
    problem = unknown_path(path, VALUES, OPTIONS)
    assert problem is not None
    assert problem.what == f'unknown path "{path}"'
    assert problem.hint == f'did you mean "{nearest}"?'


def test_of_a_path_like_no_other_the_schema_tells() -> None:
    problem = unknown_path("zzzzzz", VALUES, OPTIONS)
    assert problem is not None and problem.hint == "`hat-sim schema` lists the keys of a scenario"


def test_of_what_the_scenario_has_itself_the_names_are_told() -> None:
    problem = unknown_path("links.hom.up", VALUES, OPTIONS)
    assert problem is not None and problem.what == 'the scenario has no "hom" among its own links'
    assert problem.hint == 'did you mean "home"?'
    problem = unknown_path("devices.board.memory", VALUES, OPTIONS)
    assert problem is not None and problem.hint == "define it whole first"
    assert unknown_path("links.other", VALUES, OPTIONS) is None
    problem = unknown_path("links.home.upp", VALUES, OPTIONS)
    assert problem is not None and problem.hint == 'did you mean "links.home.up"?'


def test_an_entry_of_a_list_is_named_by_its_index() -> None:
    assert unknown_path("sources.0.link", LISTED, OPTIONS) is None
    for path in ("sources.1.link", "sources.links"):
        problem = unknown_path(path, LISTED, OPTIONS)
        assert problem is not None
        assert "sources is a list here" in problem.what and problem.hint == "an index up to 0"
    problem = unknown_path("sources.0.lnik", LISTED, OPTIONS)
    assert problem is not None and problem.what == 'unknown path "sources.0.lnik"'
    assert problem.hint == 'did you mean "sources.0.link"?'
