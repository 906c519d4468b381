"""`validate`, `schema` and `profiles`: what they print, how they end, and that they stay light."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hat_sim.cli import main as entry
from hat_sim.cli.main import main
from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.errors import UserError

SCENARIO = """\
name: hapt
data: {dataset: hapt}
method: {name: hat}
target: {domain: user-1, device: pi4, link: wifi}
sources: {devices: {pi4: 29}, links: lte}
"""
MESSAGES = Path(__file__).parent.parent / "netlab" / "contention.json"
HEAVY = {"torch", "ray", "pyarrow", "sklearn", "scipy", "pandas"}


NAMES_MODULES = (
    "import sys; from hat_sim.cli.main import main; code = main(sys.argv[1:]);"
    "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A sound scenario file."""
    file = tmp_path / "good.yaml"
    file.write_text(SCENARIO)
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A scenario file with two problems."""
    file = tmp_path / "bad.yaml"
    file.write_text(SCENARIO.replace("link: wifi", "link: wify").replace("name: hapt", "nmae: hapt", 1))
    return file


def test_a_sound_scenario_is_one_line(good, capsys) -> None:
    assert main(["validate", str(good)]) == 0
    assert capsys.readouterr() == (f"{good}: hapt, 1 target, 29 sources\n", "")


def test_what_hangs_on_the_data_is_said_so(good, capsys) -> None:
    good.write_text(SCENARIO.replace("user-1", "each").replace("{pi4: 29}", "pi4"))
    assert main(["validate", str(good)]) == 0
    assert "30 targets, 29 sources" in capsys.readouterr().out
    good.write_text(good.read_text().replace("{dataset: hapt}", "{folder: not-looked-at}"))
    assert main(["validate", str(good)]) == 0
    assert "as many targets as the data have domains for" in capsys.readouterr().out
    good.write_text(good.read_text().replace("{folder: not-looked-at}", "{generated: {domains: 5}}"))
    assert main(["validate", str(good)]) == 0
    assert "5 targets, 4 sources" in capsys.readouterr().out


def test_all_problems_of_all_files_go_to_stderr_without_a_traceback(good, bad, tmp_path, capsys) -> None:
    assert main(["validate", str(bad), str(good), str(tmp_path / "gone.yaml")]) == 2
    out, err = capsys.readouterr()
    assert out == f"{good}: hapt, 1 target, 29 sources\n"
    assert "bad.yaml:4: target.link: unknown link" in err
    assert 'bad.yaml:1: nmae: unknown key "nmae"' in err
    assert "gone.yaml: there is no such file" in err
    assert "Traceback" not in err


def test_the_json_schema_is_printed(capsys) -> None:
    assert main(["schema"]) == 0
    assert "labels_per_class" in json.loads(capsys.readouterr().out)["$defs"]["Target"]["properties"]


def test_profiles_are_tables_with_sources_and_marks(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["profiles"]) == 0
    out = capsys.readouterr().out
    assert "15 GFLOP/s" in out
    assert "geerlingguy/top500-benchmark" in out
    assert "30 W \u2020" in out
    assert "6.3 Mbit/s" in out
    assert "438.39 nJ/bit \u2020" in out
    assert "\u2020 recalled, not verified" in out


def test_profiles_of_one_kind_can_be_had_as_json(capsys) -> None:
    assert main(["profiles", "links", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert list(shown) == ["links"]
    [lte] = [link for link in shown["links"] if link["name"] == "lte"]
    assert lte["up"] == "6.3 Mbit/s"
    assert lte["recalled"] == ["energy_sent", "energy_received"]
    assert lte["source"]


def test_datasets_are_listed_by_whole_names_and_described_with_their_traps(capsys) -> None:
    assert main(["data", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(f" {name} " in listed for name in PACKAGED)
    for name, info in PACKAGED.items():
        assert main(["data", "info", name]) == 0
        described = capsys.readouterr().out
        assert info.licence in described
        assert all(f"beware: {trap}\n" in described for trap in info.traps)


@pytest.mark.parametrize("arguments", [["bogus"], ["validate"], ["profiles", "phones"], ["schema", "--what"]])
def test_a_wrong_command_line_ends_with_2(arguments, capsys) -> None:
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


class TestErrors:
    """What each family of errors does to the exit code."""

    @pytest.fixture
    def failing(self, monkeypatch):
        """Makes `hat-sim schema` raise an error."""

        def fail(error: BaseException) -> None:
            def raising() -> None:
                raise error

            [command] = [each for each in entry.app.registered_commands if each.name == "schema"]
            monkeypatch.setattr(command, "callback", raising)

        monkeypatch.delenv("HAT_SIM_DEBUG", raising=False)
        return fail

    def test_a_user_error_ends_with_2_and_its_problems(self, failing, capsys) -> None:
        failing(UserError("no such thing", hint="another"))
        assert main(["schema"]) == 2
        assert capsys.readouterr().err == "no such thing (another)\n"

    def test_an_interrupt_ends_with_130(self, failing) -> None:
        failing(KeyboardInterrupt())
        assert main(["schema"]) == 130

    def test_a_bug_ends_with_1_and_says_that_it_is_one(self, failing, capsys) -> None:
        failing(ZeroDivisionError("oops"))
        assert main(["schema"]) == 1
        err = capsys.readouterr().err
        assert "unexpected ZeroDivisionError: oops" in err
        assert "a bug in hat-sim" in err
        assert "Traceback" not in err

    def test_debugging_shows_the_traceback(self, failing, capsys, monkeypatch) -> None:
        failing(ZeroDivisionError("oops"))
        assert main(["--debug", "schema"]) == 1
        assert "Traceback" in capsys.readouterr().err
        monkeypatch.setenv("HAT_SIM_DEBUG", "1")
        assert main(["schema"]) == 1
        assert "Traceback" in capsys.readouterr().err


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh Python process."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("verb", ["--help", "validate", "plan", "network", "schema", "profiles", "data list"])
def test_a_light_verb_imports_nothing_heavy(verb, good) -> None:
    text = good.read_text().replace("{dataset: hapt}", "{generated: {domains: 30}}")
    good.write_text(text.replace("user-1", "domain-1"))
    files = {"validate": [str(good)], "plan": [str(good)], "network": [str(MESSAGES)]}
    ended = run(NAMES_MODULES, *verb.split(), *files.get(verb, []))
    assert ended.returncode == 0, ended.stderr
    assert not HEAVY & set(ended.stderr.split())


def test_a_trace_leaves_validate_light_unless_it_is_parquet(good) -> None:
    """pyarrow comes for a Parquet file alone."""
    from pyarrow import csv, parquet

    trace = "file: phones.csv, computation: GFLOP/s, communication: kbit/s, direction: up"
    traced = SCENARIO.replace("links: lte}", f"links: lte, trace: {{{trace}}}}}")
    (good.parent / "phones.csv").write_text("computation,communication\n1,2\n")
    parquet.write_table(csv.read_csv(good.parent / "phones.csv"), good.parent / "phones.parquet")
    for text, heavy in ((traced, set()), (traced.replace("csv", "parquet"), {"pyarrow"})):
        good.write_text(text)
        ended = run(NAMES_MODULES, "validate", str(good))
        assert ended.returncode == 0, ended.stderr
        assert HEAVY & set(ended.stderr.split()) == heavy


def test_a_reader_that_hangs_up_causes_no_noise() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code = "import sys; from hat_sim.cli.main import main; sys.exit(main(['schema']))"
    with os.fdopen(writing, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert ended.stderr == b""
    assert ended.returncode == 1
