"""The report of a sweep: bands, fronts and maps of its results, and its failures."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.cli.main import main
from hat_sim.errors import UserError
from hat_sim.report.sweep.bands import bands
from hat_sim.report.sweep.coarse import MOST_VALUES, places_of
from hat_sim.report.sweep.page import sweep_page
from hat_sim.report.sweep.pareto import front_of
from hat_sim.report.sweep.record import Axis, Result, cells_of, read_sweep
from hat_sim.report.write import write_report
from hat_sim.simulation.files import write_table

FOUR_MB = 4_000_000


def result(accuracy: float, target: str = "a", seed: int = 0, cell: str = "c") -> Result:
    return Result(cell, (), (target, seed), accuracy, 0.8, 0.5, 0.6, 1000.0, 2000.0, 1.0, 2.0)


def test_the_command_reports_a_sweep(sweep_folder, capsys) -> None:
    folder = sweep_folder()
    assert main(["report", str(folder)]) == 0
    text = (folder / "report.html").read_text()
    assert "Sweep over method.eta, target.link" in text
    assert "eta must be at most 1" in text


def test_there_is_a_figure_for_each_axis_and_measure_a_map_and_three_fronts(sweep_folder) -> None:
    page = sweep_page(read_sweep(sweep_folder()))
    measures = ("accuracy", "payload", "seconds", "joules")
    assert [name for name, _ in page.figures()] == [
        *(f"{measure}-by-method.eta" for measure in measures),
        *(f"{measure}-by-target.link" for measure in measures),
        "heat-method.eta-target.link",
        *(f"pareto-{measure}" for measure in measures[1:]),
    ]
    for name, figure in page.figures():
        assert figure.rows, name
        assert figure.table.rows, name
        assert figure.caption.endswith("."), name


def test_the_answer_names_the_best_cell_and_the_strongest_axis(sweep_folder) -> None:
    page = sweep_page(read_sweep(sweep_folder()))
    sentence = page.answer.replace("\u00a0", " ")
    assert "to 81.5 % (eta = 1, link = lte)" in sentence
    assert "training on own labels alone has 66.0 %" in sentence
    assert "method.eta moves the mean most, by 16.0 points" in sentence
    assert page.remarks == ("1 cell failed; the last table says why.",)


def test_a_mean_of_a_line_is_the_mean_of_its_results(sweep_folder) -> None:
    figures = dict(sweep_page(read_sweep(sweep_folder())).figures())
    [row] = [
        row
        for row in figures["accuracy-by-method.eta"].rows
        if row["x"] == 0.6 and row["series"] == "link = lte"
    ]
    assert row["mean"] == pytest.approx(0.6 + 0.12 + 0.002 + 0.01 + 0.0025)
    assert row["low"] < row["mean"] < row["high"]
    assert row["over"] == "3 targets"


def test_paths_that_move_together_are_one_axis(sweep_folder) -> None:
    folder = sweep_folder()
    places = "[[1.0, lte], [0.2, wifi], [0.6, lte], [0.2, lte], [1.0, wifi], [0.6, wifi]]"
    (folder / "sweep.yaml").write_text(
        "name: made-up\nnotes: [loss is left out]\ncells: 13\naxes:\n- {paths: [method.eta, target.link], "
        f"values: {places}, columns: {places}}}\n"
    )
    [axis] = read_sweep(folder).axes
    assert axis.path == "method.eta and target.link" and axis.name == "eta and link"
    assert axis.values[:3] == ("1 and lte", "0.2 and wifi", "0.6 and lte")
    [path] = write_report(folder)
    assert "loss is left out" in path.read_text()


def test_a_long_value_is_cut_and_told_by_its_place(sweep_folder) -> None:
    folder = sweep_folder()
    table = pq.read_table(folder / "results.parquet")
    names = {"wifi": ", ".join(["domain"] * 20), "lte": ", ".join(["domain"] * 21)}
    long = pa.array([names[link] for link in table.column("target.link").to_pylist()])
    place = table.column_names.index("target.link")
    write_table(folder / "results.parquet", table.set_column(place, "target.link", long))
    described = (folder / "sweep.yaml").read_text()
    for link, name in names.items():
        described = described.replace(f"[{link}]", f"['{name}']")
    (folder / "sweep.yaml").write_text(described)
    assert [axis.values[-2:] for axis in read_sweep(folder).axes][1] == (
        "domain, domain, domain, domain, domain, ... (1)",
        "domain, domain, domain, domain, domain, ... (2)",
    )


def test_values_that_differ_little_are_told_apart(sweep_folder) -> None:
    etas = (0.12341, 0.12342, 0.5)
    figures = dict(sweep_page(read_sweep(sweep_folder(etas=etas))).figures())
    [heat] = [it for key, it in figures.items() if key.startswith("heat-")]
    assert {row["x"] for row in heat.rows} == {"0.12341", "0.12342", "0.5"}


def test_quantities_are_shown_as_they_were_given(sweep_folder) -> None:
    folder = sweep_folder(etas=(2e6, 1e9))
    described = (folder / "sweep.yaml").read_text()
    given = "values: [['1 Gbit/s'], [2 Mbit/s]], columns: [[1000000000.0], [2000000]]"
    (folder / "sweep.yaml").write_text(re.sub(r"values: .*\]\]}", f"{given}}}", described, count=1))
    [axis, _] = read_sweep(folder).axes
    assert axis.values == (2e6, 1e9) and axis.numeric
    assert [axis.label(value) for value in axis.values] == ["2 Mbit/s", "1 Gbit/s"]
    assert "eta = 1 Gbit/s" in sweep_page(read_sweep(folder)).answer


def test_a_column_of_words_and_numbers_finds_its_places(sweep_folder) -> None:
    folder = sweep_folder()
    table = pq.read_table(folder / "results.parquet")
    mixed = pa.array(["true" if link == "wifi" else "3" for link in table.column("target.link").to_pylist()])
    place = table.column_names.index("target.link")
    write_table(folder / "results.parquet", table.set_column(place, "target.link", mixed))
    described = (folder / "sweep.yaml").read_text()
    (folder / "sweep.yaml").write_text(described.replace("[[wifi], [lte]]", "[[3], [true]]"))
    assert read_sweep(folder).axes[1].values == ("3", "True")


def test_an_interrupted_sweep_says_how_much_of_it_there_is(sweep_folder) -> None:
    folder = sweep_folder()
    assert not any("interrupted" in it for it in sweep_page(read_sweep(folder)).remarks)
    table = pq.read_table(folder / "results.parquet")
    write_table(folder / "results.parquet", table.filter(pc.field("seed") == 0))
    assert "The sweep was interrupted: 7 of 13 cells have ended." in sweep_page(read_sweep(folder)).remarks


def test_where_accuracy_stays_the_answer_is_what_else_moves(sweep_folder) -> None:
    folder = sweep_folder()
    table = pq.read_table(folder / "results.parquet")
    place = table.column_names.index("accuracy")
    flat = table.set_column(place, "accuracy", pa.array([0.75] * table.num_rows))
    write_table(folder / "results.parquet", flat)
    answer = sweep_page(read_sweep(folder)).answer.replace("\u00a0", " ")
    assert answer.startswith("No axis moves accuracy: 75.0 %, on own labels alone 66.0 %. Traffic goes from")
    assert "Time goes from 1.2 s (eta = 0.2, link = wifi) to 6 s (eta = 1, link = lte)" in answer


def test_words_keep_the_order_of_the_sweep_and_numbers_are_sorted(sweep_folder) -> None:
    sweep = read_sweep(sweep_folder(etas=(1.0, 0.2)))
    assert [axis.values for axis in sweep.axes] == [(0.2, 1.0), ("wifi", "lte")]


def test_a_sweep_of_ten_thousand_rows_stays_small(sweep_folder) -> None:
    etas = [round(k / 2500, 4) for k in range(1, 2501)]
    [path] = write_report(sweep_folder(etas=etas, targets=1))
    assert path.stat().st_size < FOUR_MB
    text = path.read_text()
    assert "The 2,500 values of eta are drawn in 40 groups." in text
    assert "The first 500 of 5,000 rows" in text


def test_a_sweep_of_which_every_cell_failed_says_so(sweep_folder) -> None:
    folder = sweep_folder()
    table = pq.read_table(folder / "results.parquet")
    pq.write_table(table.slice(0, 0), folder / "results.parquet")
    page = sweep_page(read_sweep(folder))
    assert page.answer == "No cell has finished."
    assert write_report(folder)


class TestBands:
    """95 % bands over targets, or over the seeds of one."""

    def test_they_are_those_of_a_plain_bootstrap_up_to_chance(self) -> None:
        values = np.random.default_rng(1).normal(0.8, 0.05, size=40)
        band = bands([result(value, target=str(k)) for k, value in enumerate(values)])["accuracy"]
        draws = np.random.default_rng(2).choice(values, size=(4000, 40)).mean(axis=1)
        assert band.mean == pytest.approx(values.mean())
        assert (band.low, band.high) == pytest.approx(tuple(np.quantile(draws, (0.025, 0.975))), abs=0.003)

    def test_seeds_of_one_target_are_resampled_only_where_it_is_alone(self) -> None:
        seeds = [result(0.1 * k, seed=k) for k in range(8)]
        alone = bands(seeds)["accuracy"]
        assert (alone.count, alone.over) == (8, "seeds") and alone.low < alone.mean < alone.high
        other = [result(it.accuracy, target="b", seed=it.unit[1]) for it in seeds]
        both = bands([*seeds, *other])["accuracy"]
        assert (both.count, both.over) == (2, "targets")
        assert both.low == both.mean == both.high == pytest.approx(alone.mean), "two targets of one mean"

    def test_they_are_the_same_each_time(self) -> None:
        results = [result(0.1 * k, target=str(k)) for k in range(8)]
        assert bands(results) == bands(reversed(results))
        seeds = [result(0.1 * k, seed=k) for k in range(8)]
        assert bands(seeds) == bands(reversed(seeds))

    def test_one_result_has_no_width(self) -> None:
        band = bands([result(0.7)])["accuracy"]
        assert (band.low, band.high, band.count) == (0.7, 0.7, 1)

    def test_results_of_one_target_and_seed_are_averaged_first(self) -> None:
        once = [result(0.1 * k, target=str(k)) for k in range(8)]
        assert bands([*once, *once]) == bands(once)


def beaten(point: tuple[int, int], points: list[tuple[int, int]]) -> bool:
    return any(cost <= point[0] and gain >= point[1] and (cost, gain) != point for cost, gain in points)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20))
def test_the_front_is_what_no_point_beats(points: list[tuple[int, int]]) -> None:
    front = [points[place] for place in front_of(points)]
    assert sorted(front) == sorted({point for point in points if not beaten(point, points)})


@given(st.lists(st.floats(0, 1), unique=True, min_size=1, max_size=300))
def test_a_coarse_axis_keeps_the_order_and_few_places(values: list[float]) -> None:
    axis = Axis("method.eta", "eta", tuple(sorted(values)))
    places = places_of(axis)
    drawn = [places[value] for value in axis.values]
    assert drawn == sorted(drawn)
    assert len(set(drawn)) <= MOST_VALUES
    if len(values) <= MOST_VALUES:
        assert drawn == list(axis.values)


def test_of_many_words_the_last_share_a_place() -> None:
    axis = Axis("target.domain", "domain", tuple(f"user-{k}" for k in range(100)))
    places = places_of(axis)
    assert places["user-3"] == "user-3"
    assert places["user-99"] == "61 others"
    assert len(set(places.values())) == MOST_VALUES


def test_cells_are_means_with_the_most_accurate_first(sweep_folder) -> None:
    cells = cells_of(read_sweep(sweep_folder()))
    assert [cell.accuracy for cell in cells] == sorted((cell.accuracy for cell in cells), reverse=True)
    assert {cell.count for cell in cells} == {6}
    assert cells[0].saving == pytest.approx(1 - 110_000 / 500_000)


class TestWrongInput:
    def test_a_damaged_results_file(self, sweep_folder) -> None:
        folder = sweep_folder()
        (folder / "results.parquet").write_bytes(b"PAR1")
        with pytest.raises(UserError, match=r"results\.parquet cannot be read"):
            read_sweep(folder)

    def test_results_that_lack_an_axis(self, sweep_folder) -> None:
        folder = sweep_folder()
        table = pq.read_table(folder / "results.parquet")
        pq.write_table(table.drop_columns(["target.link"]), folder / "results.parquet")
        with pytest.raises(UserError, match=r"cannot be read: it has no column target\.link"):
            read_sweep(folder)

    @pytest.mark.parametrize("text", ["", "axes: 3", "name: x\naxes: [{values: [1]}]", "axes: ["])
    def test_a_description_that_says_nothing(self, sweep_folder, text: str) -> None:
        folder: Path = sweep_folder()
        (folder / "sweep.yaml").write_text(text)
        with pytest.raises(UserError, match=r"sweep\.yaml cannot be read"):
            read_sweep(folder)

    def test_damaged_failures(self, sweep_folder) -> None:
        folder = sweep_folder()
        (folder / "failures.json").write_text(json.dumps({"cell": 1}))
        with pytest.raises(UserError, match=r"failures\.json cannot be read"):
            read_sweep(folder)
