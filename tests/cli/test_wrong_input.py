"""Wrong input: exit 2, one message a problem with its place and a remedy, all at once, nothing written.

Each case says which problems there are; `FILE` stands for the scenario file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("without_ray")

SCENARIO = """\
name: wrong
data: {generated: {domains: 4, classes: 3, shape: [16, 2], samples: 60}}
method: {name: hat}
target:
  domain: domain-2
  device: pi4
  link: wifi
sources:
  devices: pi4
  links: wifi
devices:
  speck: {like: pi4, memory: 100 kB}
"""
SPECK = "devices:\n  speck: {like: pi4, memory: 100 kB}\n"

Changes = dict[str, str]

FILES: dict[str, tuple[Changes, list[str]]] = {
    "unknown keys, the last one without a like": (
        {"device: pi4": "device: pi4\n  labels_per_clas: 3", "devices: pi4": "devices: pi4\n  x: 1"},
        [
            r'FILE:7: target\.labels_per_clas: unknown key "labels_per_clas" \(.*"labels_per_class"\?\)',
            r'FILE:11: sources\.x: unknown key "x" \(known keys: domains, .*\)',
        ],
    ),
    "a wrong unit": (
        {"link: wifi\nsources": "link: wifi\n  time_budget: 3 kg\nsources"},
        [r"FILE:8: target\.time_budget: 'kg' is not a unit of duration \(expected .*\"50 ms\"\)"],
    ),
    "a quantity without a unit": (
        {"memory: 100 kB": "memory: 100000"},
        [r"FILE:12: devices\.speck\.memory: .*\(.*\)"],
    ),
    "unknown dataset and device": (
        {
            "{generated: {domains: 4, classes: 3, shape: [16, 2], samples: 60}}": "{dataset: hatp}",
            "device: pi4\n": "device: pi44\n",
        },
        [
            r'FILE:2: data\.dataset: unknown dataset "hatp" \(did you mean "hapt"\?\)',
            r'FILE:6: target\.device: unknown device "pi44" \(did you mean "pi4"\?\)',
        ],
    ),
    "a target among its own sources": (
        {"devices: pi4\n  links": "domains: [domain-1, domain-2]\n  devices: pi4\n  links"},
        [r'FILE:9: sources\.domains\.1: the target\'s own domain "domain-2" is among .* \(leave it .*\)'],
    ),
    "unknown domains": (
        {"domain: domain-2": "domain: [domain-9, domain-1, domain-0]"},
        [
            r'FILE:5: target\.domain\.0: unknown domain "domain-9" \(.*\)',
            r'FILE:5: target\.domain\.2: unknown domain "domain-0" \(.*\)',
        ],
    ),
    "a target's model that does not fit": (
        {"device: pi4\n": "device: speck\n  architecture: gru\n"},
        [r"FILE:7: target\.architecture: training gru beside 3 of .* needs .*, a speck has 100 kB \(.*\)"],
    ),
    "no model that fits": (
        {"device: pi4\n": "device: speck\n"},
        [r"FILE:4: target\.architecture: no architecture fits 100 kB .* 10 min .* speck beside .*\)"],
    ),
    "models of sources that do not fit, each once": (
        {"devices: pi4\n": "devices: speck\n  architectures: gru\n"},
        [r"FILE:10: sources\.architectures: training gru needs \d+ B, a speck has 100 kB \(.*\)"],
    ),
    "a time axis that no memory holds": (
        {"[16, 2]": "[1000000000, 2]", "devices: pi4\n": "devices: pi4\n  architectures: gru\n"},
        [
            r"FILE:4: target\.architecture: no architecture fits 4 GB .* 10 min .* pi4 beside .*\)",
            r"FILE:10: sources\.architectures: training gru needs .*, a pi4 has 4 GB \(.*\)",
        ],
    ),
    "an architecture that reads something else": (
        {"devices: pi4\n": "devices: pi4\n  architectures: [mlp]\n"},
        [r"FILE:10: sources\.architectures: mlp cannot read .* \(16, 2\) \(for \(time, channels\): .*\)"],
    ),
    "unknown architecture, method and option": (
        {
            "{name: hat}": "{name: hatt}",
            "link: wifi\nsources": "link: wifi\n  architecture: cnn-smal\nsources",
        },
        [
            r'FILE:3: method\.name: unknown method "hatt" \(did you mean "hat"\?\)',
            r'FILE:8: target\.architecture: unknown architecture "cnn-smal" \(did you mean "cnn-small"\?\)',
        ],
    ),
    "options of the method": (
        {"{name: hat}": "{name: hat, etta: 0.5, top: 0, gate: open}"},
        [
            r'FILE:3: method\.etta: unknown option "etta" \(did you mean "eta"\?\)',
            r"FILE:3: method\.top: is too small, got 0 \(at least 1\)",
            r"FILE:3: method\.gate: .*training.*held_out.*",
        ],
    ),
    "a method of one's own that is not there": (
        {"{name: hat}": "{name: 'gone.away:method'}"},
        [r'FILE:3: method\.name: method "gone\.away:method" cannot be imported: .* \(package.*\)'],
    ),
    "data that cannot be generated": (
        {"classes: 3, shape: [16, 2], samples: 60": "classes: 3, shape: [2, 2], samples: 3"},
        [r"FILE:2: data\.generated\.shape: .*at least.*", r"FILE:2: data\.generated\.samples: .*5 or more.*"],
    ),
    "faults": (
        {
            "name: wrong": "name: wrong\nfaults: [rain, {kind: down, devices: moon, at: 1 s},\n"
            "  {kind: loss, share: 1, at: -1 s, rate: 2}, {kind: crash, at: 1 s}]\n"
            "availability: {trace: none.json, unit: s}\nprotocol: {deadline: 3}"
        },
        [
            r'FILE:2: faults.0: must be a section, got "rain" \(a section with the keys kind, devices,.*',
            r'FILE:2: faults.1.devices: there is no device "moon" .*',
            r"FILE:3: faults.2.at: a time must not be negative, got '-1 s' .*",
            r"FILE:3: faults.2.rate: the share 2 has no unit .*",
            r"FILE:3: faults.3: crash names no device \(one of devices, share, count\)",
            r"FILE:4: availability.trace: .*none.json cannot be read: No such file or directory .*",
            r"FILE:5: protocol.deadline: the duration 3 has no unit .*",
        ],
    ),
    "no YAML": ({"sources:": "sources: ]"}, [r"FILE:\d+: .*"]),
}


def lines(text: str) -> list[str]:
    return text.splitlines()


def holds(message: str, pattern: str) -> bool:
    return re.fullmatch(pattern.replace("FILE", r"wrong\.yaml"), message) is not None


@pytest.mark.parametrize("case", FILES)
def test_every_problem_of_a_file_is_said_with_its_place(case, hat_sim, here, without_ray) -> None:
    changes, expected = FILES[case]
    text = SCENARIO
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (here / "wrong.yaml").write_text(text)
    ended = hat_sim("run", "wrong.yaml")
    assert (ended.code, ended.out) == (2, "")
    said = lines(ended.err)
    assert len(said) == len(expected), ended.err
    for pattern in expected:
        assert any(holds(message, pattern) for message in said), (pattern, ended.err)
    assert sorted(it.name for it in here.iterdir()) == ["tiny.yaml", "wrong.yaml"]
    assert without_ray == []


def test_a_sound_file_has_no_problem(hat_sim, here) -> None:
    (here / "right.yaml").write_text(SCENARIO)
    assert hat_sim("validate", "--data", "right.yaml").code == 0


COMMANDS: dict[str, tuple[list[str], str]] = {
    "no such file": (["gone.yaml"], r"gone\.yaml: there is no such file"),
    "a folder": (["."], r"\..*"),
    "no host": (
        ["tiny.yaml", "--hosts", "0"],
        r"(?s).*--hosts: 0 is neither a positive number.*",
    ),
    "hosts in words": (["tiny.yaml", "--hosts", "many"], r"(?s).*--hosts: many is neither a positive.*"),
    "a negative seed": (["tiny.yaml", "--seed", "-1"], r"(?s).*'--seed'.*"),
    "a seed in words": (["tiny.yaml", "--seed", "lucky"], r"(?s).*'--seed'.*"),
    "a path without a value": (["tiny.yaml", "--set", "method"], r"--set method: expected PATH=VALUE .*"),
    "a value without a path": (["tiny.yaml", "--set", "=3"], r"--set =3: expected PATH=VALUE .*"),
    "a path through a value": (
        ["tiny.yaml", "--set", "target.domain.x=1"],
        r"--set target\.domain\.x: target\.domain is 'domain-2' and has no 'x' inside",
    ),
    "an unknown key by --set": (
        ["tiny.yaml", "--set", "target.domian=domain-1"],
        r'--set target\.domian: target\.domian: unknown key "domian" \(.*\)',
    ),
    "an unknown domain by --set": (
        ["tiny.yaml", "--set", "target.domain=domain-9"],
        r'--set target\.domain: target\.domain: unknown domain "domain-9" \(.*\)',
    ),
    "an unknown option": (["tiny.yaml", "--hots", "2"], r"(?s).*No such option.*--hots.*"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_wrong_command_line_is_refused(case, hat_sim, here) -> None:
    arguments, expected = COMMANDS[case]
    ended = hat_sim("run", *arguments)
    assert ended.code == 2
    assert re.fullmatch(expected, ended.err.strip()), ended.err
    assert "Traceback" not in ended.err
    assert [it.name for it in here.iterdir()] == ["tiny.yaml"]


def test_all_labels_that_are_missing_are_said_at_once(hat_sim, here) -> None:
    labels = ["--set", "target.labels_per_class=13", "--set", "target.domain=[domain-1, domain-3]"]
    ended = hat_sim("run", "tiny.yaml", *labels)
    assert (ended.code, ended.out) == (2, "")
    assert all("target.labels_per_class: " in line and "12" in line for line in lines(ended.err))
    assert {"domain-1", "domain-3"} == set(re.findall(r"domain-\d", ended.err))
    assert [it.name for it in here.iterdir()] == ["tiny.yaml"]


class TestFolders:
    """What can be wrong with the user's own data."""

    Write = Callable[..., None]

    @pytest.fixture
    def write(self, here: Path) -> Write:
        """Writes `own/<domain>.npz` with the arrays given, else sound ones."""

        def write(domain: str, **arrays: np.ndarray) -> None:
            (here / "own").mkdir(exist_ok=True)
            sound = {"x": np.zeros((20, 16, 2), np.float32), "y": np.arange(20) % 2}
            np.savez(here / "own" / f"{domain}.npz", **sound | arrays)

        (here / "own.yaml").write_text(
            "name: own\ndata: {folder: own}\nmethod: {name: hat}\n"
            "target: {domain: a, device: pi4, link: wifi}\nsources: {devices: pi4, links: wifi}\n"
        )
        return write

    @pytest.fixture
    def problems(self, hat_sim, here: Path) -> Callable[..., list[str]]:
        """The messages of a run that is refused."""

        def problems(*options: str) -> list[str]:
            before = sorted(here.rglob("*"))
            ended = hat_sim("run", "own.yaml", *options)
            assert (ended.code, ended.out) == (2, ""), ended.err
            assert sorted(here.rglob("*")) == before
            return [line.replace(f"{here}/", "") for line in lines(ended.err)]

        return problems

    def test_no_such_folder(self, write, problems) -> None:
        [message] = problems()
        assert re.fullmatch(
            r"own\.yaml:2: data\.folder: there is no folder own \(one <domain>\.npz .*\)", message
        )

    def test_no_domain(self, write, problems, here) -> None:
        (here / "own").mkdir()
        assert problems() == ["own: no .npz file in it (one <domain>.npz a domain)"]

    def test_one_domain_alone(self, write, problems) -> None:
        write("a")
        [message] = problems()
        assert message.startswith("own.yaml:5: sources.domains: no domain is left to be a source (")

    def test_a_value_that_is_not_finite(self, write, problems) -> None:
        x = np.zeros((20, 16, 2), np.float32)
        x[7, 3, 1] = np.inf
        write("a")
        write("b", x=x)
        assert problems() == ["own/b.npz: x is not finite in float32 at sample 7 (count samples from 0)"]

    def test_pickled_objects_are_refused_and_not_run(self, write, problems, here) -> None:
        class Trap:
            def __reduce__(self) -> tuple:
                return (Path.touch, (here / "sprung",))

        write("a")
        write("b", x=np.array([Trap()], dtype=object))
        [message] = problems()
        assert re.fullmatch(r"own/b\.npz: x holds pickled objects \(.*never runs code.*\)", message)
        assert not (here / "sprung").exists()

    def test_everything_that_is_wrong_with_a_folder_comes_at_once(self, write, problems, here) -> None:
        write("a")
        write("b", x=np.zeros((20, 17, 2), np.float32))
        write("c", y=np.arange(20) % 3)
        write("d", y=np.zeros(19, np.int64))
        (here / "own/e.npz").write_bytes(b"PK no more")
        (here / "own/classes.json").write_text('["still", "moving"]')
        found = {message.partition(":")[0]: message for message in problems()}
        assert list(found) == [f"own/{name}.npz" for name in "debc"]
        assert "(16, 2), as in the other domains" in found["own/b.npz"]
        assert "classes.json names 0 to 1" in found["own/c.npz"]

    def test_labels_memory_and_domains_come_at_once(self, write, problems) -> None:
        write("a")
        write("b")
        few = ("--set", "target.labels_per_class=7")
        found = problems(*few, "--set", "target.domain=[a, nowhere]")
        assert {it.split(": ")[1] for it in found} == {"target.domain.1", "target.labels_per_class"}
        small = ("--set", "devices={small: {like: pi4, memory: 10 kB}}", "--set", "target.device=small")
        found = problems(*few, *small)
        assert {it.split(": ")[1] for it in found} == {"target.architecture", "target.labels_per_class"}

    def test_more_labels_than_there_are(self, write, problems) -> None:
        write("a")
        write("b")
        messages = problems("--set", "target.labels_per_class=7")
        assert all(re.search(r"--set target\.labels_per_class: .*\b6\b", message) for message in messages)


def test_a_process_of_its_own_ends_the_same_way(process, here) -> None:
    (here / "wrong.yaml").write_text(SCENARIO.replace("pi4\n", "pi44\n").replace("wifi", "wify"))
    ended = process("run", "wrong.yaml", "--out", "out")
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
    assert len(lines(ended.err)) == 4
    assert not (here / "out").exists()


def test_nobody_at_the_address_is_said_at_once(process, here) -> None:
    """Ray itself tries for minutes."""
    ended = process("run", "tiny.yaml", "--out", "out", "--address", "127.0.0.1:9")
    assert ended.code == 2
    assert re.fullmatch(
        r"no Ray cluster can be used at 127\.0\.0\.1:9: .* \(the HOST:PORT that .*\)\n", ended.err
    )
    assert not (here / "out").exists()
