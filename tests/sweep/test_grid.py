"""The cells of a sweep: crossed, moved together, named by content, sound or listed with their problems."""

from __future__ import annotations

import numpy as np
import pytest

from hat_sim.errors import UserError
from hat_sim.sweep.axes import axes_of
from hat_sim.sweep.grid import gathered, sweep_problems


def settings(grid) -> list[dict]:
    return [dict(cell.settings) for cell in grid.cells]


def test_axes_are_crossed_in_their_order_and_seeds_are_innermost(grid) -> None:
    found = grid("method.eta=0.2,0.6", "target.link=wifi,lte", seeds=2)
    places = [(eta, link) for eta in (0.2, 0.6) for link in ("wifi", "lte")]
    twice = [place for place in places for _ in range(2)]
    assert settings(found) == [{"method.eta": eta, "target.link": link} for eta, link in twice]
    assert [cell.seed for cell in found.cells] == [0, 1] * 4


def test_paths_of_one_axis_move_together(grid) -> None:
    found = grid("method.eta=0.2,0.6;method.top=1,2", "target.link=wifi,lte")
    assert [tuple(it.values()) for it in settings(found)] == [
        (0.2, 1, "wifi"),
        (0.2, 1, "lte"),
        (0.6, 2, "wifi"),
        (0.6, 2, "lte"),
    ]


def test_a_cell_is_named_by_its_content_alone(grid) -> None:
    """Not by its place in the grid, by how a value is written, or by its seed."""
    [one] = grid("target.time_budget=60 s").cells
    [other] = grid("target.time_budget=1 min").cells
    assert one.name == other.name
    wide = grid("target.time_budget=1 s,1 min,2 min", seeds=2)
    assert [cell.name for cell in wide.cells if cell.settings["target.time_budget"] == "1 min"] == [
        one.name
    ] * 2
    assert len({cell.name for cell in wide.cells}) == 3


def test_cells_of_one_content_stand_once(grid) -> None:
    assert len(grid("target.time_budget=60 s,1 min").cells) == 1


def test_a_cell_is_what_a_run_with_these_values_is(grid, document) -> None:
    from hat_sim.preflight import prepare
    from hat_sim.simulation.archive import identity_of

    found = grid("method.eta=0.4", "sources.heterogeneity.bandwidth=0.5", seeds=2)
    plan = prepare(document("method.eta=0.4", "sources.heterogeneity.bandwidth=0.5", "seed=1"))
    assert found.cells[1].identity == identity_of(plan)
    assert found.plan(found.cells[1]).fleets == plan.fleets


def test_a_method_by_its_name_keeps_the_options_that_the_file_gives_it(grid) -> None:
    found = grid("method=hat,aver,target-only")
    methods = [found.plan(cell).scenario.method for cell in found.cells]
    assert [(it.name, dict(it.options)) for it in methods] == [
        ("hat", {"eta": 0.6, "top": 2}),
        ("aver", {}),
        ("target-only", {}),
    ]


def test_the_fleet_can_be_varied(grid) -> None:
    found = grid("sources.devices={pi4: 3, pi5: 1},pi5", "sources.count=4,8")
    assert found.left_out == 0
    counts = []
    for cell in found.cells:
        [fleet] = found.plan(cell).fleets
        counts.append([sum(it.profile.name == name for it in fleet.sources) for name in ("pi4", "pi5")])
    assert counts == [[3, 1], [6, 2], [0, 4], [0, 8]]


def test_a_relative_folder_starts_at_the_file_in_every_cell(tmp_path, grid, monkeypatch) -> None:
    for number in (1, 2):
        folder = tmp_path / f"data-{number}"
        folder.mkdir()
        for domain in ("a", "b"):
            x = np.full((24, 16, 2), number, np.float32)
            np.savez(folder / f"{domain}.npz", x=x, y=np.arange(24) % 2)
    monkeypatch.chdir("/")
    found = grid(
        "data={folder: data-1},{folder: data-2}", changes=("target.domain=a", "data={folder: data-1}")
    )
    assert found.unsound == {}
    assert len({found.plan(cell).dataset.digest for cell in found.cells}) == 2


class TestUnsoundCells:
    """What is no sound scenario is left out and listed, every problem once, at its place."""

    def test_problems_of_all_kinds_are_found_before_anything_runs(self, grid) -> None:
        found = grid("method.eta=0.5,2", "target.labels_per_class=1,500", seeds=2)
        assert settings(found) == [{"method.eta": 0.5, "target.labels_per_class": 1}] * 2
        assert found.left_out == 6
        assert list(found.unsound) == [
            "method.eta=0.5, target.labels_per_class=500",
            "method.eta=2, target.labels_per_class=1",
            "method.eta=2, target.labels_per_class=500",
        ]
        assert str(gathered(found.unsound)[-1]) == (
            "method.eta=2, target.labels_per_class=1; method.eta=2, target.labels_per_class=500: "
            "method.eta: is too large, got 2 (at most 1.0)"
        )

    def test_a_check_of_ones_own_is_heard(self, document) -> None:
        from hat_sim.sweep.grid import Grid

        def check(plan) -> None:
            if plan.options.top == 1:
                raise UserError("one is none")

        of = document()
        found = Grid(of, axes_of(of, ["method.top=1,2"]), [0], check)
        assert [cell.settings for cell in found.cells] == [{"method.top": 2}]
        assert [str(it) for it in gathered(found.unsound)] == ["method.top=1: one is none"]

    def test_a_seed_past_the_last_is_one(self, grid) -> None:
        found = grid("method.eta=0.5", seeds=2, changes=("seed=9223372036854775807",))
        assert len(found.cells) == 2  # the fixture's seeds start at 0
        with pytest.raises(UserError, match="seed: is too large"):
            grid("method.eta=0.5", changes=("seed=9223372036854775808",))

    def test_a_sweep_of_very_many_cells_is_refused(self, grid) -> None:
        with pytest.raises(UserError, match=r"the sweep has 9,007,999 cells \(at most 100,000"):
            grid("method.eta=0..1/0.001", "method.top=1..8999", seeds=1)


class TestAxes:
    """Which axes a sweep may have."""

    @pytest.mark.parametrize(
        ("vary", "match"),
        [
            (
                ["method.etaa=1"],
                r'--vary method.etaa: unknown path "method.etaa" \(did you mean "method.eta"',
            ),
            (["seed=1,2"], "--vary seed: seeds are no axis .--seeds N"),
            (["sweep.seeds=2"], "a sweep cannot vary itself"),
            (["method.eta=0.1", "method.eta=0.2"], "the path stands on two axes"),
            (["method.eta=0.1;method.eta=0.2"], "method.eta stands twice on the axis"),
            (["target=wifi"], "--vary target: the target is no axis as a whole .vary its keys"),
            (["method=hat,aver", "method.eta=0.1"], "method.eta is a part of method, which varies as well"),
            (["method.eta=0.1;method=hat"], "method.eta is a part of method, which varies as well"),
            ([], "nothing is varied .--vary PATH=V1,V2,... or a `sweep` section"),
        ],
    )
    def test_what_is_none_is_refused(self, document, vary, match) -> None:
        with pytest.raises(UserError, match=match):
            axes_of(document(), vary)

    def test_every_typo_is_named_at_once(self, document) -> None:
        with pytest.raises(UserError) as caught:
            axes_of(document(), ["method.etaa=1", "tarhet.link=wifi"])
        assert len(caught.value.problems) == 2

    def test_the_file_may_hold_them(self, document, tiny) -> None:
        text = f"{tiny}sweep:\n  vary: {{method.eta: 0..1/0.5, target.link: [wifi, lte]}}\n  seeds: 3\n"
        crossed = axes_of(document(text=text), ())
        assert [axis.paths for axis in crossed] == [("method.eta",), ("target.link",)]
        assert [len(axis.settings) for axis in crossed] == [3, 2]
        text = f"{tiny}sweep:\n  vary: [{{method.eta: '0.2,0.4', method.top: 1..2}}]\n"
        [together] = axes_of(document(text=text.replace("'0.2,0.4'", "[0.2, 0.4]")), ())
        assert together.settings == ((0.2, 1), (0.4, 2))

    def test_an_option_of_any_method_on_an_axis_is_known(self, grid) -> None:
        found = grid("method.name=fine-tune,hat;method.steps=5,6")
        assert settings(found) == [{"method.name": "fine-tune", "method.steps": 5}]
        [problem] = gathered(found.unsound)
        assert str(problem).startswith(
            'method.name=hat, method.steps=6: method.steps: unknown option "steps"'
        )

    def test_what_is_wrong_in_the_file_is_placed_there(self, document, tiny) -> None:
        text = f"{tiny}sweep:\n  vary: {{method.etaa: [0.1]}}\n"
        with pytest.raises(UserError, match=r"tiny.yaml:13: sweep.vary method.etaa: unknown path"):
            axes_of(document(text=text), ())
        text = f"{tiny}sweep:\n  vary: [{{}}]\n"
        with pytest.raises(UserError, match=r"tiny.yaml:13: sweep.vary: the axis has no paths"):
            axes_of(document(text=text), ())

    def test_the_command_line_takes_the_place_of_the_file(self, document, tiny) -> None:
        text = f"{tiny}sweep:\n  vary: {{method.eta: [0.1]}}\n"
        [axis] = axes_of(document(text=text), ["method.top=1,2"])
        assert axis.paths == ("method.top",)

    def test_a_wrong_cell_of_the_file_is_found_without_data(self, document, tiny) -> None:
        text = f"{tiny}sweep:\n  vary: {{method.eta: [0.1, 7]}}\n"
        [problem] = sweep_problems(document(text=text), data=False)
        assert problem.where is not None and problem.where.endswith("tiny.yaml:12: method.eta=7")
        assert problem.what == "is too large, got 7"

    def test_one_that_its_data_do_not_bear_is_found_with_them(self, document, tiny) -> None:
        of = document(text=f"{tiny}sweep:\n  vary: {{target.labels_per_class: [1, 50]}}\n")
        assert sweep_problems(of, data=False) == ()
        found = sweep_problems(of, data=True)
        assert {it.where.rpartition(": ")[2] for it in found if it.where} == {"target.labels_per_class=50"}


class TestIdentity:
    """A sweep is the question that it asks: the scenario but for what is varied, and what that is."""

    def test_other_values_and_seeds_are_the_same_sweep(self, grid) -> None:
        one = grid("method.eta=0.1,0.2")
        assert grid("method.eta=0.3", seeds=3, changes=("method.eta=0.9", "seed=4")).sha256() == one.sha256()

    def test_other_axes_and_another_scenario_are_other_sweeps(self, grid) -> None:
        one = grid("method.eta=0.1,0.2").sha256()
        others = [
            grid("method.top=1,2"),
            grid("method.eta=0.1", "method.top=2"),
            grid("method.eta=0.1,0.2", changes=("target.link=lte",)),
        ]
        assert len({one, *(it.sha256() for it in others)}) == 4
