"""The report of a comparison: paired differences as by hand, and pages of every size."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hat_sim.report.compare.page import compare_page
from hat_sim.report.compare.paired import EVERYWHERE, Difference, difference, holm, places_of, sign_flip_p
from hat_sim.report.sweep.record import read_sweep
from hat_sim.report.write import write_report
from hat_sim.simulation.files import write_table


def accuracies(values: dict[str, list[float]]) -> dict:
    """Of targets, by seeds."""
    return {(target, seed, ()): it for target, each in values.items() for seed, it in enumerate(each)}


class TestDifference:
    """A method less the reference, target by target."""

    def test_by_hand(self) -> None:
        """Seeds first: a +.2 and 0, so +.1; b -.1; c 0. Their mean is 0."""
        one = accuracies({"a": [0.7, 0.5], "b": [0.4], "c": [0.5]})
        other = accuracies({"a": [0.5, 0.5], "b": [0.5], "c": [0.5]})
        found = difference(one, other)
        assert found is not None
        assert found.each == pytest.approx({"a": 0.1, "b": -0.1, "c": 0.0})
        assert (found.wins, found.ties, found.losses) == (1, 1, 1)
        assert found.mean == pytest.approx(0)
        assert found.low == pytest.approx(-0.1) and found.high == pytest.approx(0.1)
        assert found.p == 1

    def test_only_what_both_have_is_compared(self) -> None:
        one = accuracies({"a": [0.7, 0.1], "b": [0.9]})
        other = accuracies({"a": [0.5], "c": [0.5]})
        found = difference(one, other)
        assert found is not None and found.each == pytest.approx({"seed 0": 0.2})
        assert difference(accuracies({"b": [0.1]}), other) is None

    def test_of_one_target_it_is_taken_seed_by_seed(self) -> None:
        found = difference(accuracies({"a": [0.7, 0.6]}), accuracies({"a": [0.5, 0.5]}))
        assert found is not None and found.each == pytest.approx({"seed 0": 0.2, "seed 1": 0.1})

    @pytest.mark.parametrize("count", [1, 5, 13, 30])
    def test_p_is_that_of_a_sign_flip_test(self, count: int) -> None:
        values = np.random.default_rng(count).normal(0.3, 1, size=count)
        if count <= 13:
            flips = np.array(list(product((-1, 1), repeat=count)))
        else:
            flips = np.random.default_rng(0).choice((-1, 1), size=(50_000, count))
        plain = np.mean(np.abs((flips * values).mean(axis=1)) >= abs(values.mean()) - 1e-12)
        assert sign_flip_p(values) == pytest.approx(plain, abs=1e-9 if count <= 13 else 0.01)

    def test_holm_by_hand(self) -> None:
        """p .01, .04, .03 of three: 3 x .01; 2 x .03; .04, but no less than the one before."""
        of = {name: Difference(0, 0, 0, {}, p, p) for name, p in (("a", 0.01), ("b", 0.04), ("c", 0.03))}
        corrected = {name: it.p_holm for name, it in holm(of).items()}
        assert corrected == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})


def test_methods_stand_in_their_order_with_paired_figures(comparison_folder) -> None:
    [place] = places_of(read_sweep(comparison_folder()))
    assert [it.method for it in place.standings] == ["aver", "hat", "target-only"]
    best, own, alone = place.standings
    assert own.difference is None
    assert best.difference is not None and alone.difference is not None
    assert best.difference.mean == pytest.approx(0.51 / 7)
    assert (best.difference.wins, alone.difference.ties) == (7, 7)
    assert best.difference.p == pytest.approx(2 / 2**7)
    assert best.difference.p_holm == pytest.approx(4 / 2**7)


def test_the_answer_names_the_best_and_how_sure_that_is(comparison_folder) -> None:
    answer = compare_page(read_sweep(comparison_folder())).answer.replace("\u00a0", " ")
    assert answer.startswith("aver is the most accurate: 78.8 %")
    assert "hat has 71.5 %, 7.3 points less (+" in answer
    assert "More than chance better than hat: aver." in answer
    assert "worse than hat" not in answer
    assert "the best source as it comes, known in hindsight only, 70.0 %" in answer


def test_several_places_have_a_mean_over_all_before_them(comparison_folder) -> None:
    folder = comparison_folder(places=2)
    places = places_of(read_sweep(folder))
    assert [it.name for it in places] == [EVERYWHERE, "labels_per_class = 1", "labels_per_class = 2"]
    [path] = write_report(folder)
    text = path.read_text()
    assert "Mean over all places" in text and "At labels_per_class = 2" in text
    assert "Along target.labels_per_class" in text


def test_a_method_whose_cells_are_missing_is_compared_where_it_has_some(comparison_folder) -> None:
    folder = comparison_folder()
    table = pq.read_table(folder / "results.parquet")
    kept = [
        method != "aver" or target != "target-0"
        for method, target in zip(*(table.column(it).to_pylist() for it in ("method", "target")), strict=True)
    ]
    write_table(folder / "results.parquet", table.filter(pa.array(kept)))
    [place] = places_of(read_sweep(folder))
    aver = place.of("aver")
    assert aver is not None and aver.difference is not None
    assert set(aver.difference.each) == {f"target-{k}" for k in range(1, 7)}
    write_table(folder / "results.parquet", table.filter(pa.array([not it for it in kept])))
    assert compare_page(read_sweep(folder)).answer.startswith("aver is the most accurate")
    write_table(folder / "results.parquet", table.slice(0, 0))
    assert compare_page(read_sweep(folder)).answer == "No cell has finished."


@pytest.mark.parametrize(("targets", "places"), [*product((1, 2, 80), (1, 2))])
def test_every_size_has_a_page(comparison_folder, targets: int, places: int) -> None:
    folder = comparison_folder(better=[0.01] * targets, places=places)
    [path] = write_report(folder)
    assert path.stat().st_size < 4_000_000


def test_images_have_names_that_any_disk_takes(comparison_folder, tmp_path) -> None:
    written = write_report(comparison_folder(places=2), images=tmp_path / "images")
    names = {path.name for path in written[1:]}
    assert {"accuracy-everywhere.png", "difference-labels-per-class-1.png"} <= {
        name.replace("_", "-") for name in names
    }
