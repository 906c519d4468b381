"""The run folder: whose it is, when it is finished, and what becomes of damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from hat_sim.errors import UserError
from hat_sim.protocol.ledger import COLUMNS, DELIVERED, IN_FLIGHT, LedgerRow
from hat_sim.simulation import run_folder
from hat_sim.simulation.result import Identity
from hat_sim.simulation.run_folder import LEDGER, RESULT, SCENARIO, TIMELINE, RunFolder, default_folder

IDENTITY = Identity("toy", "ab" * 32, 7, "hat")
ROWS = [
    LedgerRow(0, "t", "coarse", "join", "t", "a", 49, 730, 0, 6_600_000, 1, DELIVERED),
    LedgerRow(1, "t", "coarse", "welcome", "a", "t", 80, 0, 7_600_000, None, 1, IN_FLIGHT),
]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "deep" / "run")


@pytest.fixture
def finished(folder: RunFolder) -> RunFolder:
    folder.begin(IDENTITY, {"name": "toy", "seed": 7})
    folder.write_ledger(ROWS)
    folder.write_timeline({"traceEvents": []})
    folder.write_model("t", b"weights", b"program")
    folder.write_json(RESULT, {"schema": 1, "accuracy": 0.5})
    return folder


def test_a_folder_that_is_not_there_is_empty_and_nobodys(folder: RunFolder) -> None:
    assert folder.is_empty()
    assert not folder.is_ours() and not folder.is_finished() and not folder.holds(IDENTITY)


def test_a_file_in_the_way_is_the_users_to_move(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"file is a file \(name a folder"):
        RunFolder(tmp_path / "file").is_empty()


def test_a_folder_of_somebody_else_is_not_ours(tmp_path: Path) -> None:
    """Not even with a scenario of its own in it, of any content."""
    for text in ("name: toy\n", "", "# hat-sim run, schema 1: scenario abc, seed 7\n", "\x00\x01"):
        (tmp_path / SCENARIO).write_text(text)
        folder = RunFolder(tmp_path)
        assert not folder.is_empty() and not folder.is_ours() and not folder.holds(IDENTITY)
    (tmp_path / SCENARIO).write_bytes(b"\xff\xfe")
    assert not RunFolder(tmp_path).is_ours()


def test_a_folder_is_ours_from_the_beginning_and_finished_with_its_result(folder: RunFolder) -> None:
    folder.begin(IDENTITY, {"name": "toy"})
    assert folder.is_ours() and folder.holds(IDENTITY) and not folder.is_finished()
    folder.write_json(RESULT, {})
    assert folder.is_finished()


@pytest.mark.parametrize(
    "other", [Identity("toy", "cd" * 32, 7, "hat"), Identity("toy", "ab" * 32, 8, "hat")]
)
def test_a_folder_holds_one_scenario_and_seed(finished: RunFolder, other: Identity) -> None:
    assert finished.holds(IDENTITY) and not finished.holds(other)


def test_the_scenario_in_the_folder_is_a_scenario(finished: RunFolder) -> None:
    text = (finished.path / SCENARIO).read_text(encoding="utf-8")
    assert text.startswith(f"# hat-sim run, schema 1: scenario {'ab' * 32}, seed 7\n")
    assert dict(YAML(typ="safe").load(text)) == {"name": "toy", "seed": 7}


def test_a_ledger_in_parts_comes_back_whole(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one, too; each part is a row group."""
    monkeypatch.setattr(run_folder, "LEDGER_PART", 2)
    folder.begin(IDENTITY, {"name": "toy", "seed": 7})
    for rows in ([], ROWS, [*ROWS, ROWS[0]]):
        folder.write_ledger(rows)
        assert [LedgerRow(**row) for row in folder.read_ledger().to_pylist()] == rows
    assert pq.ParquetFile(folder.path / LEDGER).num_row_groups == 2
    assert sorted(it.name for it in folder.path.iterdir()) == [LEDGER, SCENARIO]


def test_beginning_anew_leaves_nothing_of_the_run_before(finished: RunFolder) -> None:
    """Also no model of a target that the new run has not; what the user put there stays."""
    (finished.path / "notes.txt").write_text("mine")
    finished.begin(Identity("toy", "cd" * 32, 7, "hat"), {"name": "toy"})
    assert sorted(path.name for path in finished.path.rglob("*")) == ["notes.txt", SCENARIO]
    assert not finished.holds(IDENTITY)


def test_a_ledger_comes_back_as_it_was_written(finished: RunFolder) -> None:
    """Integers as integers, also where one is missing."""
    table = finished.read_ledger()
    assert tuple(table.column_names) == COLUMNS
    assert [LedgerRow(**row) for row in table.to_pylist()] == ROWS


def test_an_empty_ledger_has_the_same_columns(folder: RunFolder) -> None:
    folder.begin(IDENTITY, {})
    folder.write_ledger([])
    assert tuple(folder.read_ledger().column_names) == COLUMNS and folder.read_ledger().num_rows == 0


def test_files_of_equal_runs_are_equal_bytes(finished: RunFolder, tmp_path: Path) -> None:
    other = RunFolder(tmp_path / "other")
    other.begin(IDENTITY, {"name": "toy", "seed": 7})
    other.write_ledger(ROWS)
    other.write_json(RESULT, {"schema": 1, "accuracy": 0.5})
    for name in (SCENARIO, LEDGER, RESULT):
        assert (other.path / name).read_bytes() == (finished.path / name).read_bytes()


def test_nothing_unfinished_is_left_behind(finished: RunFolder) -> None:
    assert not [path for path in finished.path.rglob("*") if "unfinished" in path.name]
    assert (finished.path / "model" / "t" / "model.safetensors").read_bytes() == b"weights"
    assert (finished.path / "model" / "t" / "model.pt").read_bytes() == b"program"


def test_a_figure_that_is_no_number_is_never_written(folder: RunFolder) -> None:
    folder.begin(IDENTITY, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.write_json(RESULT, {"accuracy": float("nan")})
    assert not folder.is_finished()


def test_a_result_comes_back(finished: RunFolder) -> None:
    assert finished.read_result() == {"schema": 1, "accuracy": 0.5}


def test_a_result_of_no_finished_run_is_the_users_error(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="run is no run folder"):
        folder.read_result()
    folder.begin(IDENTITY, {})
    with pytest.raises(UserError, match="run is an unfinished run"):
        folder.read_result()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"7", b'{"schema": 1'])
def test_a_damaged_result_is_the_users_error(finished: RunFolder, content: bytes) -> None:
    (finished.path / RESULT).write_bytes(content)
    with pytest.raises(UserError, match=r"result\.json cannot be read"):
        finished.read_result()


def test_a_ledger_damaged_anywhere_is_the_users_error(finished: RunFolder) -> None:
    """Cut, emptied, or with one byte changed: it is refused, or is still the very same ledger."""
    whole = (finished.path / LEDGER).read_bytes()
    for content in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], json.dumps({}).encode()):
        (finished.path / LEDGER).write_bytes(content)
        with pytest.raises(UserError, match=r"ledger\.parquet cannot be read"):
            finished.read_ledger()
    for place in range(0, len(whole), 13):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        (finished.path / LEDGER).write_bytes(bytes(damaged))
        try:
            rows = finished.read_ledger().to_pylist()
        except UserError:
            continue
        assert [LedgerRow(**row) for row in rows] == ROWS, f"byte {place}"


def test_a_ledger_that_is_missing_or_of_other_columns_is_the_users_error(finished: RunFolder) -> None:
    pq.write_table(pa.table({"seq": [1], "bytes": [2]}), finished.path / LEDGER)
    with pytest.raises(UserError, match=r"ledger\.parquet cannot be read"):
        finished.read_ledger()
    (finished.path / LEDGER).unlink()
    with pytest.raises(UserError, match=r"ledger\.parquet cannot be read"):
        finished.read_ledger()


def test_a_run_has_a_folder_of_its_own_by_default() -> None:
    assert default_folder(IDENTITY) == Path("runs/toy-abababab-s7")


@pytest.mark.parametrize("events", [[], [{"ph": "M"}], [{"ph": "X", "ts": 0.5}, {"ph": "s", "id": 1}]])
def test_a_timeline_has_a_line_for_each_event(tmp_path: Path, events: list[dict[str, Any]]) -> None:
    RunFolder(tmp_path).write_timeline({"displayTimeUnit": "ms", "traceEvents": events})
    text = (tmp_path / TIMELINE).read_text()
    assert json.loads(text) == {"displayTimeUnit": "ms", "traceEvents": events}
    assert len(text.splitlines()) == 2 + max(1, len(events))
