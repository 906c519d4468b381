"""Traces: what is drawn from a table, and that whatever is wrong with one is said before the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from hat_sim.errors import Problem, UserError
from hat_sim.preflight import load_checked
from hat_sim.scenario.fleet import build_fleets
from hat_sim.scenario.load import ScenarioDocument
from hat_sim.scenario.resolved import resolved_scenario, scenario_sha256
from hat_sim.scenario.trace import Trace
from hat_sim.scenario.trace_table import TraceTable

TABLE = "computation,communication\n6,12000\n12,4000\n"
SCENARIO = """\
name: traced
data: {generated: {domains: 6}}
method: {name: hat}
target: {domain: domain-1, device: pi4, link: wifi}
sources:
  devices: phone-mid
  links: lte
  trace:
    file: phones.csv
    computation: ms/sample
    communication: kbit/s
    direction: down
    reference: 60 MFLOP/sample
"""
DOMAINS = [f"domain-{k}" for k in range(1, 7)]

Load = Callable[..., ScenarioDocument]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The scenario with changes, beside a table."""

    def load(
        *changes: tuple[str, str], table: str | bytes = TABLE, name: str = "phones.csv"
    ) -> ScenarioDocument:
        (tmp_path / name).write_bytes(table.encode() if isinstance(table, str) else table)
        text = SCENARIO
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        file = tmp_path / "scenario.yaml"
        file.write_text(text)
        return load_checked(file)

    return load


@pytest.fixture
def wrong(load: Load, tmp_path: Path) -> Callable[..., list[Problem]]:
    """The problems of such a scenario, `where` relative to its file."""

    def wrong(*changes: tuple[str, str], **table: str | bytes) -> list[Problem]:
        with pytest.raises(UserError) as caught:
            load(*changes, **table)
        place = str(tmp_path / "scenario.yaml")
        return [
            Problem(it.what, it.path, it.hint, (it.where or "").replace(place, ""))
            for it in caught.value.problems
        ]

    return wrong


def figures(document: ScenarioDocument) -> list[tuple[float, float, float]]:
    """Speed, up and down of each source."""
    [fleet] = build_fleets(document.scenario, DOMAINS)
    return [(it.profile.speed, it.link.up, it.link.down) for it in fleet.sources]


class TestDraw:
    """What a source gets."""

    def test_a_row_gives_speed_and_rates_and_the_profiles_all_else(self, load) -> None:
        """60 MFLOP in 6 ms are 10 GFLOP/s; LTE's uplink has 6.3 / 21.3 of its downlink's rate."""
        share = 6.3 / 21.3
        rows = {(10e9, 12e6 * share, 12e6), (5e9, 4e6 * share, 4e6)}
        found = figures(load())
        assert {tuple(map(round, it)) for it in found} == {tuple(map(round, it)) for it in rows}
        [fleet] = build_fleets(load().scenario, DOMAINS)
        for source in fleet.sources:
            phone, lte = load().scenario.device_profile("phone-mid"), load().scenario.link_profile("lte")
            assert (source.profile.memory, source.profile.power) == (phone.memory, phone.power)
            assert (source.link.rtt, source.link.energy_sent) == (lte.rtt, lte.energy_sent)
        assert (fleet.target.profile.name, fleet.target.profile.speed) == ("pi4", 15e9)

    def test_rates_of_the_uplink_leave_the_downlink_to_the_profile(self, load) -> None:
        for _, up, down in figures(load(("direction: down", "direction: up"))):
            assert up in (12e6, 4e6)
            assert down == pytest.approx(up * 21.3 / 6.3)

    def test_speeds_need_no_reference_and_columns_have_other_names(self, load) -> None:
        document = load(
            ("computation: ms/sample", "computation: GFLOP/s"),
            ("communication: kbit/s", "communication: Mbit/s"),
            ("    reference: 60 MFLOP/sample\n", "    columns: {computation: speed, communication: mbps}\n"),
            table="id,mbps, speed\nx,3,7\n",
        )
        assert {it[0::2] for it in figures(document)} == {(7e9, 3e6)}

    def test_a_model_s_own_time_per_sample_goes_with_the_speed(self, load) -> None:
        own = "devices:\n  phone-mid: {like: phone-mid, ms_per_sample: {gru: 4.8 ms/sample}}\nsources:\n"
        [fleet] = build_fleets(load(("sources:\n", own)).scenario, DOMAINS)
        for source in fleet.sources:
            [(_, time)] = source.profile.sample_times
            assert time * source.profile.speed == pytest.approx(4.8e-3 * 48e9)

    def test_it_depends_on_the_seed_and_the_name_alone(self, load, tmp_path) -> None:
        rows = "\n".join(f"{k},{1000 * k}" for k in range(1, 200))
        table = f"computation,communication\n{rows}\n"
        drawn = dict(zip(DOMAINS[1:], figures(load(table=table)), strict=True))
        fewer = load(("sources:\n", "sources:\n  domains: [domain-5, domain-3]\n"), table=table)
        [fleet] = build_fleets(fewer.scenario, DOMAINS)
        assert [drawn[it.name][0] for it in fleet.sources] == [it.profile.speed for it in fleet.sources]
        assert figures(load(("data:", "seed: 1\ndata:"), table=table)) != list(drawn.values())

    @settings(deadline=None, max_examples=10)
    @given(st.integers(0, 2**60))
    def test_every_row_is_as_likely(self, seed: int) -> None:
        """Within what 1,000 draws of ten rows allow; a row is drawn as a whole."""
        trace = Trace(file=Path("t.csv"), computation="GFLOP/s", communication="Mbit/s", direction="up")
        numbers = tuple(float(k) for k in range(1, 11))
        table = TraceTable(trace, numbers, numbers, "")
        drawn = [table.drawn(seed, f"device-{k}") for k in range(1000)]
        assert all(speed == 1e3 * rate for speed, rate in drawn)
        assert 4e9 <= median(speed for speed, _ in drawn) <= 7e9
        assert len({speed for speed, _ in drawn}) == 10

    def test_parquet_gives_the_same_as_csv(self, load, tmp_path) -> None:
        columns = {"computation": [6, 12], "communication": [12000.0, 4000.0], "more": ["a", None]}
        parquet.write_table(pa.table(columns), tmp_path / "phones.parquet")
        content = (tmp_path / "phones.parquet").read_bytes()
        changes = ("phones.csv", "phones.parquet")
        assert figures(load(changes, table=content, name="phones.parquet")) == figures(load())


class TestIdentity:
    """A run is of the table's content, not of its path."""

    def test_the_hash_is_of_the_content(self, load, tmp_path) -> None:
        plain = scenario_sha256(load().scenario, "data")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "other.csv").write_text(TABLE)
        assert scenario_sha256(load(("phones.csv", "sub/other.csv")).scenario, "data") == plain
        assert scenario_sha256(load(table=TABLE + "1,1\n").scenario, "data") != plain
        assert scenario_sha256(load(("60 MFLOP", "61 MFLOP")).scenario, "data") != plain

    def test_the_resolved_scenario_says_the_same(self, load, tmp_path) -> None:
        resolved = resolved_scenario(load().scenario)["sources"]["trace"]
        assert resolved == {
            "file": str(tmp_path / "phones.csv"),
            "computation": "ms/sample",
            "communication": "kbit/s",
            "direction": "down",
            "reference": "60 MFLOP/sample",
            "columns": {"computation": "computation", "communication": "communication"},
        }


class TestWrong:
    """Everything is told before the run, with its place in the scenario and in the table."""

    def test_cells_that_are_no_figures_are_told_with_their_lines(self, wrong) -> None:
        table = "computation,communication\n6,12000\n-3,4000\n0,\nfast,1\n7\n1_0,nan\n2,inf\n"
        found = wrong(table=table)
        assert [it.what for it in found] == [
            "phones.csv:3: computation is -3",
            "phones.csv:4: computation is 0",
            "phones.csv:5: computation is no number, got 'fast'",
            "phones.csv:7: computation is no number, got '1_0'",
            "phones.csv:4: communication is missing",
            "phones.csv has 3 more",
        ]
        assert {(it.path, it.where) for it in found} == {("sources.trace.file", ":9")}

    @pytest.mark.parametrize(
        ("changes", "table", "match"),
        [
            ([("ms/sample", "ms")], TABLE, r':10: sources.trace.computation: "ms" is no unit of a time per'),
            ([("kbit/s", "kB/s")], TABLE, r':11: sources.trace.communication: "kB/s" is no unit of a bit r'),
            ([("    direction: down\n", "")], TABLE, r":8: sources.trace.direction: is missing \(Of which w"),
            ([("direction: down", "direction: both")], TABLE, r':12: .*direction: "both" is not accepted'),
            (
                [("    reference: 60 MFLOP/sample\n", "")],
                TABLE,
                r":8: sources.trace: ms/sample are no speed w",
            ),
            ([("ms/sample", "GFLOP/s")], TABLE, r":8: sources.trace: GFLOP/s is a speed already \(leave out"),
            (
                [("60 MFLOP/sample", "60 MFLOP")],
                TABLE,
                r":13: .*reference: 'MFLOP' is not a unit of work per",
            ),
            (
                [("60 MFLOP", "0 MFLOP")],
                TABLE,
                r":13: .*reference: a work per sample must be greater than zero",
            ),
            ([("phones.csv", "gone.csv")], TABLE, r":9: sources.trace.file: there is no file .*gone.csv"),
            ([("phones.csv", ".")], TABLE, r":9: sources.trace.file: cannot read"),
            ([], "", r':\d+: sources.trace.columns: phones.csv has no column "computation"'),
            ([], "computation,communication\n", r":9: sources.trace.file: phones.csv has no row"),
            ([], "computation,comunication\n1,1\n", r'no column "communication" \(did you mean "comunicati'),
            ([], "computation,communication,computation\n1,1,1\n", r'has 2 columns "computation"'),
            ([], b"\xff\xfe\x00", r":9: sources.trace.file: phones.csv is no CSV"),
            (
                [],
                "computation,communication\n1e14,1\n",
                r"phones.csv:2: computation is 1e\+14, which makes less than one",
            ),
            (
                [("links: lte", "links: lte\n  heterogeneity: {compute: 1.0}")],
                TABLE,
                r"a trace spreads speeds",
            ),
            (
                [("file:", "flie:")],
                TABLE,
                r':9: sources.trace.flie: unknown key "flie" \(did you mean "file"',
            ),
            (
                [("direction: down", "direction: down\n    columns: {computation: a, communication: a}")],
                TABLE,
                r":13: sources.trace.columns: one column cannot be both",
            ),
        ],
    )
    def test_a_trace_that_cannot_be_used(self, changes, table, match, wrong) -> None:
        with pytest.raises(UserError, match=match):
            raise UserError(wrong(*changes, table=table))

    def test_what_is_no_table_by_its_name_or_content(self, wrong) -> None:
        [problem] = wrong(("phones.csv", "phones.pkl"), name="phones.pkl", table=b"\x80")
        assert problem.what == "phones.pkl is neither .csv nor .parquet"
        [problem] = wrong(("phones.csv", "phones.parquet"), name="phones.parquet", table=b"PAR1")
        assert "phones.parquet is no Parquet file" in problem.what

    def test_parquet_cells_and_columns(self, wrong, tmp_path) -> None:
        def table(**columns: list[object]) -> bytes:
            parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
            return (tmp_path / "x.parquet").read_bytes()

        named = {"name": "phones.parquet"}
        change = ("phones.csv", "phones.parquet")
        found = wrong(change, table=table(computation=[1, -1], communication=["a", None]), **named)
        assert [it.what for it in found] == [
            "phones.parquet, row 2: computation is -1",
            "phones.parquet, row 1: communication is no number, got 'a'",
            "phones.parquet, row 2: communication is missing",
        ]
        [problem] = wrong(change, table=table(computation=[1], comm=[1]), **named)
        assert problem.path == "sources.trace.columns"

    def test_a_table_is_looked_at_where_the_data_are_not(self, wrong) -> None:
        [problem] = wrong(("{generated: {domains: 6}}", "{folder: not-looked-at}"), table="a,b\n")
        assert problem.what == 'phones.csv has no column "computation"'


def test_half_a_million_rows_are_read_in_seconds(load) -> None:
    """As many as FedScale has; a factor of ten above what it takes, for a busy machine."""
    rows = "".join(f"{k % 997 + 1}.5,{k % 9973 + 1}\n" for k in range(500_000))
    start = process_time()
    load(table=f"computation,communication\n{rows}")
    assert process_time() - start < 20
