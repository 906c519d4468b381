"""The report of a run: what it says is what the run's own files say, in one file that needs nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from hat_sim.cli.main import main
from hat_sim.errors import UserError
from hat_sim.report.figure import Figure
from hat_sim.report.page import Page
from hat_sim.report.run.fleet import MOST_ALONE, fleet_figure
from hat_sim.report.run.page import run_page
from hat_sim.report.run.ranks import spearman
from hat_sim.report.run.record import read_run
from hat_sim.report.run.timeline import Bar, merge, sent_bars, timeline_figure
from hat_sim.report.run.traffic import traffic_figures
from hat_sim.report.write import write_report
from hat_sim.simulation.files import read_table, write_table
from hat_sim.simulation.run_folder import LEDGER_SCHEMA

FOUR_MB = 4_000_000


def figures_of(page: Page) -> dict[str, Figure]:
    return dict(page.figures())


def drawings_of(text: str) -> dict:
    [data] = re.findall(r'<script type="application/json" id="drawings">(.*?)</script>', text, re.S)
    return json.loads(data)


def test_the_command_writes_the_report_into_the_folder_and_says_where(run_folder, capsys) -> None:
    folder = run_folder()
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_another_file_can_be_named(run_folder, tmp_path: Path) -> None:
    folder = run_folder()
    assert main(["report", str(folder), "--out", str(tmp_path / "deep" / "my.html")]) == 0
    assert (tmp_path / "deep" / "my.html").is_file()
    assert not (folder / "report.html").exists()


def test_nothing_is_fetched_from_elsewhere(run_folder) -> None:
    [path] = write_report(run_folder())
    text = path.read_text()
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", text, flags=re.S)
    assert not re.search(r'<[^>]+ (?:src|href)="(?!data:)', markup)
    assert not re.search(r"@import|url\(", text.split("</style>")[0])
    assert "default-src 'none'" in text
    assert text.count("window.vegaEmbed") == 1


def test_the_same_folder_gives_the_same_bytes(run_folder, tmp_path: Path) -> None:
    folder = run_folder(targets=2)
    [first] = write_report(folder, tmp_path / "a.html")
    [second] = write_report(folder, tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()


def test_a_name_cannot_break_out_of_its_place(run_folder) -> None:
    folder = run_folder(name="<b>&", prefix="</script><script>alert(1)</script>")
    [path] = write_report(folder)
    text = path.read_text()
    assert "<script>alert" not in text
    assert "<title>&lt;b&gt;&amp;</title>" in text
    names = {row["label"] for row in drawings_of(text)["figures"]["fleet"]["rows"]}
    assert "</script><script>alert(1)</script>-0000" in names


def test_the_answer_holds_accuracy_bytes_time_and_joules(run_folder) -> None:
    page = run_page(read_run(run_folder()))
    sentence = page.answer.replace("\u00a0", " ")
    assert "domain-1 reaches 89.0 %, 1.0 points above training on own labels alone (88.0 %)" in sentence
    assert "moved 160 kB, 70.9 % less than sending every source's model" in sentence
    assert "took 2 s of simulated time and 21.2 J" in sentence
    assert [tile.label for tile in page.tiles] == [
        "Accuracy",
        "Payload sent",
        "Simulated time",
        "Energy",
        "Sources chosen",
    ]
    assert page.remarks == ("the labels are few",)


def test_a_loss_is_not_called_a_gain(run_folder) -> None:
    page = run_page(read_run(run_folder(targets=2)))
    assert "1 of 2 targets gain and 1 lose" in figures_of(page)["accuracy"].caption


def test_every_figure_has_rows_a_caption_and_numbers(run_folder) -> None:
    found = figures_of(run_page(read_run(run_folder())))
    assert list(found) == [
        "fleet",
        "timeline",
        "scores",
        "hindsight",
        "weights",
        "class-weights",
        "learning",
        "losses",
        "traffic-by-phase",
        "traffic-by-kind",
        "traffic-by-link",
        "time-by-phase",
        "energy",
    ]
    for name, figure in found.items():
        assert figure.rows, name
        assert figure.caption.endswith("."), name
        assert figure.table.rows, name
        assert all(len(row) == len(figure.table.headings) for row in figure.table.rows), name


def test_each_target_of_several_has_a_panel_and_charts_are_shared(run_folder) -> None:
    [path] = write_report(run_folder(targets=30))
    text = path.read_text()
    assert text.count("<option ") == 30
    drawings = drawings_of(text)
    assert len(drawings["figures"]) == 30 * 8 + 6
    assert len(drawings["charts"]) < 15
    assert path.stat().st_size < FOUR_MB


def test_traffic_adds_up_to_the_result(run_folder) -> None:
    folder = run_folder(targets=2)
    result = json.loads((folder / "result.json").read_text())["traffic"]
    for figure in traffic_figures(read_run(folder)):
        assert sum(row["bytes"] for row in figure.rows) == result["wire_bytes"], figure.key
        payload = sum(row["bytes"] for row in figure.rows if row["part"] == "payload")
        assert payload == result["payload_bytes"], figure.key


def test_hindsight_holds_scores_against_what_models_were_worth(run_folder) -> None:
    """Scores and worth fall together in the made-up fleet, so one follows the other."""
    figure = figures_of(run_page(read_run(run_folder())))["hindsight"]
    assert [(row["score"], row["on_target"]) for row in figure.rows[:2]] == [
        (pytest.approx(0.9), pytest.approx(0.9)),
        (pytest.approx(0.8), pytest.approx(0.88)),
    ]
    assert "Over 6 scored sources it follows the scores with a rank correlation of 1.00." in figure.caption
    assert "The best of all is source-0010 with 90.0\u00a0%, which was not shortlisted." in figure.caption


def test_weights_are_shown_for_each_source_and_class(run_folder) -> None:
    figure = figures_of(run_page(read_run(run_folder())))["class-weights"]
    assert len(figure.rows) == 9
    assert "source-0002 has most to say on lying: 40.0\u00a0%" in figure.caption


def test_a_source_whose_frame_was_refused_has_failed(run_folder) -> None:
    folder = run_folder()
    path = folder / "ledger.parquet"
    rows = read_table(path, "").to_pylist()
    for row in rows:
        if row["sender"] == "source-0004" and row["kind"] == "summary":
            row["outcome"] = "refused:checksum"
    write_table(path, pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA))
    [target] = read_run(folder).targets
    fates = {it.name: it.fate for it in target.sources}
    assert fates["source-0004"] == "failed"
    assert (
        sorted(fates.values()) == ["chosen"] * 3 + ["failed"] + ["not shortlisted"] * 5 + ["shortlisted"] * 2
    )
    assert "Frames of source-0004 were refused." in fleet_figure(target).caption


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0], 1.0),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], -1.0),
        ([1.0, 2.0, 2.0, 3.0], [1.0, 3.0, 2.0, 4.0], 0.9486832981),
        ([1.0, 2.0], [1.0, 2.0], None),
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], None),
    ],
)
def test_ranks_are_correlated_as_spearman_does(one, other, expected) -> None:
    found = spearman(one, other)
    assert found is None if expected is None else found == pytest.approx(expected)


def test_links_name_the_sender_first(run_folder) -> None:
    by_link = traffic_figures(read_run(run_folder()))[2]
    assert {row["label"] for row in by_link.rows} == {"wifi > wifi", "wifi > lte", "lte > wifi"}


class TestManyDevices:
    """A thousand devices are grouped, and nothing is lost by that."""

    def test_the_report_stays_small(self, run_folder) -> None:
        [path] = write_report(run_folder(sources=1000))
        assert path.stat().st_size < FOUR_MB

    def test_the_fleet_counts_every_source_and_byte_and_shows_the_chosen_alone(self, run_folder) -> None:
        [target] = read_run(run_folder(sources=1000)).targets
        figure = fleet_figure(target)
        sources = [row for row in figure.rows if row["fate"] != "target"]
        assert len(sources) < 2 * MOST_ALONE
        assert sum(row["sources"] for row in sources) == 1000
        assert sum(row["bytes"] for row in sources) == target.result["traffic"]["payload_bytes"]
        assert [row["sources"] for row in sources if row["fate"] == "chosen"] == [1, 1, 1]
        assert "in groups of the same device" in figure.caption

    def test_the_timeline_says_how_many_share_a_line(self, run_folder) -> None:
        [target] = read_run(run_folder(sources=1000)).targets
        figure = timeline_figure(target)
        assert "977 others" in {row["device"] for row in figure.rows}
        assert "The 977 devices that were least busy share the last line." in figure.caption

    def test_the_timeline_of_ten_thousand_counts_everything(self, run_folder) -> None:
        """Most devices are together in timeline.json already; no frame and no byte is lost for it."""
        folder = run_folder(sources=10_000)
        assert (folder / "timeline.json").stat().st_size < FOUR_MB
        [target] = read_run(folder).targets
        figure = timeline_figure(target)
        assert "9,977 others" in {row["device"] for row in figure.rows}
        sent = [row for row in figure.rows if row["doing"] == "sends"]
        assert sum(row["count"] for row in sent) == target.frames.num_rows
        assert sum(row["bytes"] for row in sent) == target.result["traffic"]["payload_bytes"]

    def test_the_table_of_sources_says_what_it_leaves_out(self, run_folder) -> None:
        page = run_page(read_run(run_folder(sources=2500)))
        [listing] = [b for s in page.panels[0].sections for b in s.blocks if not isinstance(b, Figure)]
        assert len(listing.table.rows) == 2000
        assert listing.table.note.startswith("The first 2,000 of 2,500 rows")


def test_frames_merged_by_columns_are_those_merged_one_by_one(run_folder) -> None:
    """The plain twin: a bar for each frame."""
    [target] = read_run(run_folder(sources=40)).targets
    rows = target.frames.to_pylist()
    bars = [
        Bar(
            it["sender"],
            "sends",
            it["phase"],
            it["kind"],
            it["sent_ns"] / 1e9,
            it["arrived_ns"] / 1e9,
            bytes=it["payload_bytes"],
        )
        for it in rows
    ]
    assert list(sent_bars(target)) == list(merge(bars))
    assert sum(it.count for it in sent_bars(target)) == len(rows) > len(list(sent_bars(target)))


def test_the_timeline_is_cut_where_only_training_is_left(run_folder) -> None:
    [target] = read_run(run_folder()).targets
    figure = timeline_figure(target)
    assert max(row["end"] for row in figure.rows) == pytest.approx(0.077)
    assert "the first 77\u00a0ms" in figure.caption


def test_a_method_without_selection_and_mixer_leaves_their_figures_out(run_folder) -> None:
    found = figures_of(run_page(read_run(run_folder(mixer=False))))
    assert "scores" not in found
    assert not {"hindsight", "weights", "class-weights"} & set(found)
    assert "This method trains no mixer." in found["learning"].caption


def test_images_are_named_like_the_figures(run_folder, tmp_path: Path) -> None:
    page, *images = write_report(run_folder(), images=tmp_path / "png")
    assert page.name == "report.html"
    assert [image.stem for image in images] == list(figures_of(run_page(read_run(page.parent))))
    assert all(image.read_bytes().startswith(b"\x89PNG") for image in images)


class TestWrongInput:
    """What is no finished run, or not of this version, is said in a sentence."""

    def test_a_folder_of_something_else(self, tmp_path: Path, capsys) -> None:
        assert main(["report", str(tmp_path)]) == 2
        assert "is no run folder" in capsys.readouterr().err

    def test_a_result_of_a_newer_version(self, run_folder) -> None:
        folder = run_folder()
        result = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps({**result, "schema": 2}))
        with pytest.raises(UserError, match="its format is 2, this one knows 1"):
            read_run(folder)

    def test_a_folder_of_a_newer_version(self, run_folder, capsys) -> None:
        folder = run_folder()
        scenario = (folder / "scenario.yaml").read_text()
        (folder / "scenario.yaml").write_text(scenario.replace("schema 1", "schema 2"))
        for command in (["report", str(folder)], ["traffic", str(folder)]):
            assert main(command) == 2
            assert "made by another version of hat-sim: its format is 2" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "name", ["curves.parquet", "timeline.json", "ledger.parquet", "fleet.parquet", "fusion.parquet"]
    )
    def test_a_damaged_file(self, run_folder, name: str) -> None:
        folder = run_folder()
        (folder / name).write_bytes(b"PAR1 not really")
        with pytest.raises(UserError, match=f"{name} cannot be read"):
            read_run(folder)

    def test_a_place_that_cannot_be_written(self, run_folder, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="the report cannot be written"):
            write_report(run_folder(), tmp_path / "file" / "report.html")


def test_reports_need_neither_torch_nor_ray() -> None:
    code = "import sys, hat_sim.report.write; print({'torch', 'ray', 'pandas'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
