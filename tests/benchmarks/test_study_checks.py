"""The checks of studies: what they say comes from the files of the cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.study_cells import CellRun, Checked, correlation, runs_of_cells
from benchmarks.study_costs import joint_sequential, traffic
from benchmarks.study_ranks import CLAIM, mixer_accuracy, similarity_accuracy
from hat_sim.learning.architectures import describe
from hat_sim.quantities import percent
from hat_sim.simulation.result import Identity
from hat_sim.simulation.run_folder import FLEET_SCHEMA, TIMELINE, RunFolder
from hat_sim.sweep.folder import CELLS, RESULTS

Cell = dict[str, Any]
WORTH = {"a": 0.9, "b": 0.7, "c": 0.5, "d": 0.3}


def write(sweep: Path, cells: list[Cell]) -> Path:
    """A sweep's folder: of each cell its axes, its targets, and a part of its run folder's files."""
    rows = []
    for number, cell in enumerate(cells):
        folder = RunFolder(sweep / CELLS / f"c{number}-s{cell.get('seed', 0)}")
        data = {"dataset": cell["dataset"]} if "dataset" in cell else {"generated": {"domains": 3}}
        folder.begin(Identity("toy", "ab" * 32, cell.get("seed", 0), "hat"), {"name": "toy", "data": data})
        targets = [{"device": f"target-{it}", "domain": it} for it in cell["targets"]]
        for name in ("fleet", "selection", "curves"):
            getattr(folder, f"write_{name}")(cell.get(name, []))
        folder.write_json(TIMELINE, {"traceEvents": cell.get("events", [])})
        folder.finish({"schema": 1, "targets": targets})
        known = {"cell": f"c{number}", "seed": cell.get("seed", 0), **cell["axes"]}
        rows += [known | {"domain": it, **cell["targets"][it]} for it in cell["targets"]]
    pq.write_table(pa.Table.from_pylist(rows), sweep / RESULTS)
    return sweep


def sources(domain: str, worth: dict[str, float], scores: dict[str, float]) -> list[dict[str, Any]]:
    empty = dict.fromkeys(FLEET_SCHEMA.names)
    return [
        empty
        | {
            "target": f"target-{domain}",
            "name": name,
            "claimed_accuracy": 1 - value,
            "accuracy_on_target": value,
            "score": scores[name],
            "architecture": "gru" if name == "d" else "cnn-small",
        }
        for name, value in worth.items()
    ]


def ranked(domain: str, measure: str, values: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"target": f"target-{domain}", "source": name, "measure": measure, "similarity": value}
        for name, value in values.items()
    ]


def text_of(table: Any, row: str) -> list[str]:
    return next(line for line in table if line[0] == row)


def test_similarity_is_told_by_its_ranks_within_targets_and_over_all_pairs(tmp_path: Path) -> None:
    """Cosine ranks one target's sources rightly and the other's the wrong way round; claims are all wrong."""
    backwards = {name: -value for name, value in WORTH.items()}
    lower = {name: value - 0.2 for name, value in WORTH.items()}
    cell = {
        "dataset": "hapt",
        "axes": {},
        "targets": {"user-1": {}, "user-2": {}},
        "fleet": sources("user-1", WORTH, WORTH) + sources("user-2", lower, WORTH),
        "selection": ranked("user-1", "cosine", WORTH)
        + ranked("user-2", "cosine", backwards)
        + ranked("user-1", "reference", WORTH)
        + ranked("user-2", "reference", WORTH),
    }
    checked = similarity_accuracy(write(tmp_path, [cell]))
    [table] = checked.tables
    assert not checked.with_cells
    assert [row[0] for row in table[1:]] == ["cosine", CLAIM, "reference", "reference x claimed accuracy"]
    assert text_of(table, "cosine")[1] == ".00 (−1.00 to 1.00)"  # noqa: RUF001
    assert text_of(table, "reference")[1] == "1.00 (1.00 to 1.00)"
    assert text_of(table, CLAIM)[1].startswith("−1.00")  # noqa: RUF001
    assert text_of(table, "reference")[2] == "1.00" and text_of(table, "cosine")[2] == ".00"
    assert 0 < float(text_of(table, "reference")[3]) < 1, "over all pairs the weaker target spoils the order"
    assert "on hapt (2 targets) reference does it best, 1.00" in checked.answer


def epochs(domain: str, *rows: tuple[float, float, bool]) -> list[dict[str, Any]]:
    return [
        {"target": f"target-{domain}", "mixer_accuracy": mixer, "pool_accuracy": pool, "stored": stored}
        for mixer, pool, stored in rows
    ]


def test_the_mixer_is_told_over_epochs_and_over_targets_of_what_is_stored(tmp_path: Path) -> None:
    """One target's gate follows the pool, one's goes against it, one's never moves; stored is the last."""
    cell = {
        "axes": {"method.gate": "held_out"},
        "targets": {"domain-1": {}, "domain-2": {}, "domain-3": {}},
        "curves": [
            *epochs("domain-1", (0.1, 0.5, True), (0.2, 0.6, True), (0.3, 0.7, True)),
            *epochs("domain-2", (0.1, 0.9, True), (0.2, 0.5, True), (0.3, 0.2, False)),
            *epochs("domain-3", (0.5, 0.4, True), (0.5, 0.5, False), (0.5, 0.6, False)),
        ],
    }
    checked = mixer_accuracy(write(tmp_path, [cell]))
    [[_, row]] = checked.tables
    assert row[:3] == ["made-up", "held out", "3"]
    assert row[3].startswith(".00 (") and row[4] == "1"
    assert row[5] == "−.50", "gate .3 .2 .5 against pool .7 .5 .4"  # noqa: RUF001
    assert [it.partition(" (")[0].replace("\u00a0", " ") for it in row[6:]] == ["33.3 %", "53.3 %", "73.3 %"]


def measured(**changes: float) -> dict[str, float]:
    phases = {"payload_bytes_coarse": 10, "payload_bytes_fine": 40, "payload_bytes_transfer": 150}
    return {
        **phases,
        "payload_bytes": 200,
        "all_models_bytes": 1000,
        "selected": 2,
        "accuracy": 0.8,
        "simulated_s": 2.0,
        "simulated_s_train": 1.0,
        **changes,
    }


@pytest.mark.parametrize(
    ("payload", "verdict"),
    [
        (200, "The bound of 80.0 % is met."),
        (
            210,
            "The bound of 80.0 % is missed: the chosen models are 15.0 % of the bytes of all, and the "
            "messages of selection 5.0 %. As many models of mean size would be 10.5 %, and leave 84.5 % "
            "saved; those that were chosen claim 20.0 % and all 40.0 %, and have 80.0 % and 60.0 % on the "
            "target as they come.",
        ),
    ],
)
def test_traffic_is_held_to_its_bound_and_its_loss_is_told(
    tmp_path: Path, payload: int, verdict: str
) -> None:
    """Both wrists of a person count once."""
    cells = [
        {
            "dataset": "watch",
            "axes": {"sources.count": 19, "method.fine_space": space},
            "targets": {
                "subject-1-left": measured(payload_bytes=payload, accuracy=0.7 + better),
                "subject-1-right": measured(payload_bytes=payload, accuracy=0.7 + better),
                "subject-2-left": measured(payload_bytes=payload, accuracy=0.9),
            },
            "fleet": [
                row | {"selected": row["name"] in ("a", "b")}
                for row in sources("subject-1-left", WORTH, WORTH)
            ],
        }
        for space, better in (("reference", 0.0), ("encoder", 0.1))
    ]
    checked = traffic(write(tmp_path, cells))
    answer = checked.answer.replace("\u00a0", " ")
    assert verdict in answer
    assert answer.endswith("reference less encoder, paired: −5.0 points (−10.0 points to +0.0 points).")  # noqa: RUF001
    assert checked.tables[0][1][0:2] == ["19", "reference"] and checked.tables[0][1][9].startswith("80.0")


def device(name: str, selected: bool) -> dict[str, Any]:
    row = {"target": "target-user-1", "name": name, "architecture": "cnn-small", "selected": selected}
    return dict.fromkeys(FLEET_SCHEMA.names) | row


def test_joint_training_is_told_by_its_work_and_its_time(tmp_path: Path) -> None:
    """Where nothing is kept, two encoders as large as the student's save 2 of about 4 + 3 passes."""

    def events(flop: int) -> list[dict[str, Any]]:
        return [
            {"name": "process_name", "ph": "M", "pid": 0, "args": {"name": "target-user-1"}},
            {"name": "statistics", "cat": "coarse", "ph": "X", "pid": 0, "args": {"flop": 7}},
            {"name": "joint training", "cat": "train", "ph": "X", "pid": 0, "args": {"flop": flop}},
        ]

    cells = [
        {
            "dataset": "hapt",
            "axes": {"method.unfrozen_blocks": 0, "method.training": way},
            "targets": {"user-1": measured(accuracy=accuracy, simulated_s_train=seconds)},
            "events": events(flop),
            "fleet": [
                device("target-user-1", False),
                device("a", True),
                device("b", True),
                device("c", False),
            ],
        }
        for way, flop, seconds, accuracy in (
            ("joint", 11_000_000_000, 1.1, 0.8),
            ("sequential", 10_000_000_000, 1.0, 0.7),
        )
    ]
    checked = joint_sequential(write(tmp_path, cells))
    answer = checked.answer.replace("\u00a0", " ")
    assert "Joint training takes 10.0 % more work with 0 of each encoder's blocks" in answer
    assert "the paper reports 31.1 % less time" in answer
    assert "+10.0 points (+10.0 points to +10.0 points) with 0" in answer
    small = describe("cnn-small", (128, 6), 6)
    assert pytest.approx(saved := 2 / (4 + small.training_flop / small.encode_flop()), abs=0.01) == 2 / 7
    assert f"by formula, save {percent(saved)} of the work" in checked.answer
    [[_, joint, in_turn]] = checked.tables
    assert joint[2:4] == ["11 GFLOP", "1.1\u00a0s"] and in_turn[2] == "10 GFLOP" and not in_turn[6]


def test_cells_that_an_earlier_sweep_left_are_not_read(tmp_path: Path) -> None:
    sweep = write(tmp_path, [{"dataset": "hapt", "axes": {}, "targets": {"user-1": {"accuracy": 1.0}}}])
    RunFolder(sweep / CELLS / "old-s0").begin(Identity("toy", "ab" * 32, 0, "hat"), {"name": "toy"})
    found: list[CellRun] = list(runs_of_cells(sweep))
    assert [(it.dataset, it.seed, it.domains()) for it in found] == [("hapt", 0, {"target-user-1": "user-1"})]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.834, ".83"), (-0.25, "−.25"), (1.0, "1.00"), (-0.001, ".00")],  # noqa: RUF001
)
def test_a_correlation_is_written_short(value: float, text: str) -> None:
    assert correlation(value) == text


def test_every_check_is_of_a_study_that_ships() -> None:
    from benchmarks.study_pages import CHECKS, SCENARIOS

    checks: dict[str, Callable[[Path], Checked]] = CHECKS
    assert set(checks) <= {it.stem for it in SCENARIOS.glob("*.yaml")}
