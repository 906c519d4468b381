"""The table of a sweep: a row for each target, seed and cell, a typed column for each parameter."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from hat_sim.sweep.parameters import parameters_of, short_names, shown
from hat_sim.sweep.results import rows_of, table_of

TARGET: dict[str, Any] = {
    "device": "target-domain-2",
    "domain": "domain-2",
    "accuracy": 0.75,
    "macro_f1": 0.7,
    "accuracy_target_only": 0.5,
    "accuracy_best_source": 0.6,
    "shortlisted": ["a", "b", "c"],
    "selected": ["b"],
    "traffic": {"payload_bytes": 100, "wire_bytes": 120, "frames": 4},
    "simulated_s": 2.5,
    "energy_j": 3.0,
    "notes": [],
    "all_models_bytes": 400,
    "saving": 0.75,
    "payload_by_phase": {"coarse": 40, "fine": 0, "transfer": 60, "train": 0},
    "time_by_phase": {"coarse": 0.5, "fine": 0.0, "transfer": 1.0, "train": 1.0},
}


def test_a_row_says_where_it_stands_and_what_came_out(grid) -> None:
    [cell] = grid("method.eta=0.4", "target.link=lte").cells
    [row] = rows_of(cell, {"targets": [TARGET]})
    expected = {
        "cell": cell.name,
        "seed": 0,
        "target": "target-domain-2",
        "domain": "domain-2",
        "method.name": "hat",
        "method.eta": 0.4,
        "method.top": 2,
        "method.fine_space": "reference",
        "target.link": "lte",
        "target.labels_per_class": 2,
        "target.time_budget": 600 * 10**9,
        "sources.devices": "pi4, jetson-nano",
        "sources.heterogeneity.compute": 0.0,
        "data.generated.shift": 0.8,
        "training.epochs": 3,
        "transfer.weights": "fp32",
        "accuracy": 0.75,
        "gain": 0.25,
        "shortlisted": 3,
        "selected": 1,
        "payload_bytes": 100,
        "payload_bytes_transfer": 60,
        "simulated_s_train": 1.0,
        "saving": 0.75,
        "energy_j": 3.0,
    }
    assert {key: row[key] for key in expected} == expected


def test_there_is_a_row_for_each_target(grid) -> None:
    [cell] = grid("method.eta=0.4").cells
    targets = [TARGET, TARGET | {"device": "target-domain-4", "domain": "domain-4"}]
    assert [row["domain"] for row in rows_of(cell, {"targets": targets})] == ["domain-2", "domain-4"]


def test_quantities_and_counts_are_columns_of_their_own_kind(grid) -> None:
    found = grid("links.home.up=1..100*10 Mbit/s", changes=("links={home: {like: wifi}}", "target.link=home"))
    assert [cell.parameters["links.home.up"] for cell in found.cells] == [1e6, 1e7, 1e8]
    found = grid("sources.devices={pi4: 3, pi5: 1},pi5", changes=("sources.count=4",))
    assert [cell.parameters["sources.devices"] for cell in found.cells] == ["{pi4: 3, pi5: 1}", "pi5"]


def test_what_says_nothing_of_a_cell_is_no_parameter(document, tiny) -> None:
    from hat_sim.preflight import prepare

    text = f"{tiny}sweep: {{vary: {{method.eta: [0.1]}}, seeds: 2}}\n"
    found = parameters_of(prepare(document(text=text)))
    assert not [path for path in found if path.partition(".")[0] in ("sweep", "seed", "name", "devices")]


def test_sources_listed_one_by_one_are_no_parameters(grid) -> None:
    listed = "sources=[{domain: domain-1, device: pi4, link: wifi}]"
    [cell] = grid("method.eta=0.4", changes=(listed,)).cells
    assert not [path for path in cell.parameters if path.startswith("sources")]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([True, False, None], pa.bool_()),
        ([1, "auto"], pa.string()),
        ([True, 1], pa.string()),
        (["a", None], pa.string()),
    ],
)
def test_a_column_has_the_narrowest_type_that_holds_its_values(values, type_) -> None:
    column = table_of([{"x": value} for value in values], ["x"]).column("x")
    assert column.type == type_
    if type_ == pa.string():
        assert column.to_pylist() == [
            None if it is None else str(it).replace("True", "true") for it in values
        ]
    else:
        assert column.to_pylist() == values


def test_a_column_without_a_value_stays_only_for_an_axis() -> None:
    table = table_of([{"axis": None, "rest": None, "x": 1}], ["axis"])
    assert table.column_names == ["axis", "x"]
    assert table.column("axis").type == pa.string()


def test_a_parameter_that_only_some_cells_have_is_empty_elsewhere() -> None:
    table = table_of([{"a": 1}, {"a": 2, "method.alpha": 0.5}], [])
    assert table.column("method.alpha").to_pylist() == [None, 0.5]


def test_short_names_tell_paths_apart() -> None:
    paths = ["method.eta", "sources.devices", "target.device", "training.epochs", "other.epochs"]
    assert list(short_names(paths).values()) == [
        "eta",
        "devices",
        "device",
        "training.epochs",
        "other.epochs",
    ]


def test_values_are_shown_in_one_cell_of_a_table() -> None:
    assert shown({"pi4": 2, "pi5": 1}) == "{pi4: 2, pi5: 1}"
    assert shown(("wifi",)) == "wifi"
    assert shown([1, 2]) == "1, 2"
    assert shown({"name": "hat"}) == "hat"
    assert [shown(it) for it in (None, True, 1, 0.5, "x")] == [None, True, 1, 0.5, "x"]


def test_the_options_of_a_method_are_parameters_with_their_defaults(document) -> None:
    from hat_sim.preflight import prepare

    found = parameters_of(prepare(document("method={name: fine-tune}")))
    assert found["method.name"] == "fine-tune" and found["method.steps"] == 60
    assert "method.eta" not in found


FAULTS = "faults=[{kind: down, share: 0.2, at: 1 s, duration: 2 s}, {kind: corrupt}]"


def test_faults_are_parameters_by_their_place_in_base_units(grid) -> None:
    cells = grid("faults.0.share=0,0.5", "faults.0.duration=1 s,500 ms", changes=(FAULTS,)).cells
    found = [(it.parameters["faults.0.share"], it.parameters["faults.0.duration"]) for it in cells]
    assert found == [(0, 10**9), (0, 5 * 10**8), (0.5, 10**9), (0.5, 5 * 10**8)]
    assert {it.parameters["faults.1.kind"] for it in cells} == {"corrupt"}
    assert not any("faults" in path for path in grid("method.eta=0.2").cells[0].parameters)


def test_a_sweep_over_a_fault_is_the_same_one_whatever_the_file_says_of_it(grid) -> None:
    vary = "faults.0.share=0,0.5"
    one, other = (grid(vary, changes=(FAULTS.replace("0.2", it),)) for it in ("0.2", "0.7"))
    assert one.sha256() == other.sha256()
    assert one.sha256() != grid(vary, changes=(FAULTS.replace("2 s", "3 s"),)).sha256()
