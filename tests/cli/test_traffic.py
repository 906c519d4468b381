"""`hat-sim traffic`: every view of a run's traffic adds up to its `result.json`, to the byte."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

VIEWS = ["phase", "kind", "device", "link", "outcome"]
FIGURES = ["payload_bytes", "wire_bytes", "frames"]


@pytest.fixture
def result(finished_run: Path) -> dict:
    return json.loads((finished_run / "result.json").read_text())


def as_csv(text: str, view: str) -> dict[str, dict[str, int]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [view, *FIGURES]
    return {row[view]: {figure: int(row[figure]) for figure in FIGURES} for row in rows}


def as_json(text: str, view: str) -> dict[str, dict[str, int]]:
    shown = json.loads(text)
    assert list(shown) == ["by", "rows", "total"] and shown["by"] == view
    found = {row[view]: {figure: row[figure] for figure in FIGURES} for row in shown["rows"]}
    for figure in FIGURES:
        assert sum(row[figure] for row in found.values()) == shown["total"][figure]
    return found


def as_table(text: str, view: str) -> dict[str, dict[str, int]]:
    lines = [[cell.strip() for cell in line.strip("│┃ \n").split("│")] for line in text.splitlines()]
    rows = [cells for cells in lines if len(cells) == 4]
    found = {
        cells[0]: dict(zip(FIGURES, (int(cell.replace(",", "")) for cell in cells[1:]), strict=True))
        for cells in rows
    }
    total = found.pop("all")
    for figure in FIGURES:
        assert sum(row[figure] for row in found.values()) == total[figure]
    return found


READERS = {"table": as_table, "csv": as_csv, "json": as_json}


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("view", VIEWS)
def test_each_view_in_each_format_adds_up_to_the_result(view, format, hat_sim, finished_run, result) -> None:
    ended = hat_sim("traffic", str(finished_run), "--by", view, "--format", format)
    assert (ended.code, ended.err) == (0, "")
    found = READERS[format](ended.out, view)
    for figure in FIGURES:
        assert sum(row[figure] for row in found.values()) == result["traffic"][figure]
    if view in ("phase", "kind"):
        shown = {label: row["payload_bytes"] for label, row in found.items()}
        recorded = {label: size for label, size in result["traffic"][f"by_{view}"].items() if size}
        assert shown == recorded


def test_the_view_of_devices_counts_what_each_sends(hat_sim, finished_run, result) -> None:
    found = as_csv(hat_sim("traffic", str(finished_run), "--by", "device", "--format", "csv").out, "device")
    assert {"target-domain-2", "target-domain-4"} < set(found)
    sent_by_targets = sum(row["payload_bytes"] for name, row in found.items() if name.startswith("target-"))
    requests = ("join", "summary_request", "centroid_request", "model_request")
    assert sent_by_targets == sum(result["traffic"]["by_kind"][kind] for kind in requests)


def test_without_options_it_is_a_table_by_phase(hat_sim, finished_run) -> None:
    plain = hat_sim("traffic", str(finished_run))
    assert plain == hat_sim("traffic", str(finished_run), "--by", "phase", "--format", "table")


class TestWrongFolders:
    """What is no finished run is named, with exit 2."""

    def test_no_folder(self, hat_sim) -> None:
        ended = hat_sim("traffic", "gone")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == "gone is no run folder (name a folder that `hat-sim run` has finished)\n"

    def test_an_unfinished_run(self, hat_sim, here, finished_run) -> None:
        (here / "out").mkdir()
        (here / "out/scenario.yaml").write_bytes((finished_run / "scenario.yaml").read_bytes())
        ended = hat_sim("traffic", "out")
        assert ended.code == 2
        assert ended.err.startswith("out is an unfinished run (")

    @pytest.mark.parametrize("file", ["ledger.parquet", "result.json"])
    @pytest.mark.parametrize("content", [b"", b"PAR1 no more", b"[1]"])
    def test_a_damaged_file(self, file, content, hat_sim, here, finished_run) -> None:
        (here / "out").mkdir()
        for name in ("scenario.yaml", "result.json", "ledger.parquet"):
            (here / "out" / name).write_bytes((finished_run / name).read_bytes())
        (here / "out" / file).write_bytes(content)
        ended = hat_sim("traffic", "out")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"out/{file} cannot be read: ")

    def test_unknown_views_and_formats(self, hat_sim, finished_run) -> None:
        assert hat_sim("traffic", str(finished_run), "--by", "colour").code == 2
        assert hat_sim("traffic", str(finished_run), "--format", "xml").code == 2
