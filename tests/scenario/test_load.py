"""Loading: every problem of a file at once, each with its place, its path and what would be accepted."""

from pathlib import Path

import pytest

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.load import load_scenario
from hat_sim.scenario.sources import SourceDistribution


def test_a_sound_file_becomes_a_frozen_scenario(write, text) -> None:
    document = load_scenario(write(text))
    scenario = document.scenario
    assert (scenario.name, scenario.seed, scenario.target.domain) == ("hapt", 3, ("user-1",))
    assert isinstance(scenario.sources, SourceDistribution)
    assert scenario.sources.devices == {"pi4": 2, "pi5": 1}
    assert scenario.sources.links == ("lte",)
    assert scenario.method.options == {"eta": 0.6}
    assert scenario.target.time_budget == 600 * 10**9
    with pytest.raises(ValueError, match="frozen"):
        scenario.seed = 4


def test_all_the_problems_of_a_file_come_at_once_in_its_order(problems) -> None:
    found = problems(
        """\
name: a b
seed: yes
data: {dataset: hapt}
method: {name: hat}
target:
  domain: [3]
  device: pi44
  link: wifi
  time_budget: 5
sources:
  devices: {pi4: 10, my-watch: 5}
  links: {wifi: 20, lte: 9}
  cuont: 3
devices:
  my-watch: {speed: 3 GFLOPS, memory: 1 GB, power: 1 W}
training: 3
"""
    )
    assert [(problem.where, problem.path, problem.what) for problem in found] == [
        (":1", "name", 'is not fit for a name, got "a b"'),
        (":2", "seed", 'must be a whole number, got "yes"'),
        (":6", "target.domain.0", "must be text, got 3"),
        (":7", "target.device", 'unknown device "pi44"'),
        (":9", "target.time_budget", "the duration 5 has no unit"),
        (":10", "sources", "the numbers of sources disagree: devices says 15 but links says 29"),
        (":13", "sources.cuont", 'unknown key "cuont"'),
        (":15", "devices.my-watch.speed", "'GFLOPS' is not a unit of compute speed"),
        (":16", "training", "must be a section, got 3"),
    ]
    assert all(problem.hint for problem in found)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("seed: 3", "seed: true", r":2: seed: must be a whole number, got true"),
        ("seed: 3", "seed: -1", r":2: seed: is too small, got -1 \(at least 0\)"),
        ("name: hapt", "nmae: hapt", r':1: nmae: unknown key "nmae" \(did you mean "name"\?\)'),
        ("name: hapt", "name: 3", r"name: must be text, got 3 \(put it in quotes"),
        ("{dataset: hapt}", "{}", r":3: data: names no data \(exactly one of dataset, folder, generated\)"),
        ("{dataset: hapt}", "{dataset: a, folder: b}", r":3: data: dataset and folder exclude each other"),
        (
            "{dataset: hapt}",
            "hapt",
            r'data: must be a section, got "hapt" \(a section with the keys dataset, ',
        ),
        (
            "{dataset: hapt}",
            "{generated: {domains: 1}}",
            r"data.generated.domains: is too small, got 1 \(at least 2",
        ),
        ("{dataset: hapt}", "{generated: {shape: [1, 0]}}", r"data.generated.shape.1: is too small, got 0"),
        ("{name: hat, eta: 0.6}", "{eta: 0.6}", r":4: method.name: is missing \(A built-in method"),
        ("  link: wifi\n", "", r":5: target.link: is missing"),
        ("domain: user-1", "domain: []", r":6: target.domain: has too few entries, got a list of 0"),
        ("domain: user-1", "domain: [a, a]", r":6: target.domain: a stands there more than once"),
        ("device: pi4", "device: raspberry", r'unknown device "raspberry" \(known: pi-zero-2w, '),
        ("link: wifi", "link: wify", r':8: target.link: unknown link "wify" \(did you mean "wifi"\?\)'),
        ("links: lte", "links: [lte, lt]", r':11: sources.links.1: unknown link "lt" \(did you mean "lte"'),
        ("links: lte", "links: 3", r":11: sources.links: must be text, got 3"),
        ("pi5: 1}", "pi5: 0}", r":10: sources.devices.pi5: is too small, got 0 \(at least 1\)"),
        (
            "links: lte",
            "links: lte\n  heterogeneity: {compute: -1}",
            r":12: sources.heterogeneity.compute: is too s",
        ),
        (
            "seed: 3",
            "transfer: {weights: fp23}",
            r"transfer.weights: \"fp23\" is not accepted \(one of 'fp32', 'fp16', ",
        ),
        ("seed: 3", "faults: [{}]", r":2: faults.0.kind: is missing \(down: answers nothing for a while"),
        (
            "seed: 3",
            "rounds: 2",
            r":2: rounds: must be a section, got 2 \(a section with the keys domains, serve",
        ),
        ("  domain: user-1\n", "", r":5: target.domain: is missing \(One domain, a list of them"),
        (
            "seed: 3",
            "rounds: {domains: [a]}",
            r":6: target.domain: the targets are those of `rounds` \(leave it out, or leave out `rounds`",
        ),
        ("seed: 3", "rounds: {domains: []}", r":2: rounds.domains: has too few entries, got a list of 0"),
        ("seed: 3", "rounds: {domains: [a, []]}", r":2: rounds.domains.1: has too few entries, got a list"),
        ("seed: 3", "rounds: {domains: [3]}", r":2: rounds.domains.0: must be text, got 3"),
        ("seed: 3", "rounds: {domains: [[3]]}", r":2: rounds.domains.0.0: must be text, got 3"),
        ("seed: 3", "rounds: {domains: [a], serve: 1}", r":2: rounds.serve: must be true or false, got 1"),
        ("seed: 3", "rounds: {domians: [a]}", r':2: rounds.domians: unknown key "domians" \(did you mean "'),
        ("seed: 3", "rounds: {}", r":2: rounds.domains: is missing \(For each round the domains"),
        ("seed: 3", "sweep: {}", r":2: sweep.vary: is missing"),
        ("seed: 3", "sweep: {vary: {}, seeds: 0}", r":2: sweep.seeds: is too small, got 0"),
        ("seed: 3", "sweep: {vray: {}}", r':2: sweep.vray: unknown key "vray" \(did you mean "vary"'),
        (
            "seed: 3",
            "devices: {w: {speed: 1 FLOP/s}}",
            r"without `like`, every figure must be given: memory, power m",
        ),
        ("seed: 3", "links: {w: {rtt: 1 ms}}", r"links.w: without `like`, .* up, down, loss, energy_sent"),
        ("seed: 3", "devices: {w: {like: pi}}", r'unknown device "pi" in the catalogue'),
        ("seed: 3", "devices: {a b: {like: pi4}}", r"devices.a b: is not fit for a name"),
        ("seed: 3", "seed: .inf", r":2: seed: inf is not a finite number"),
        ("seed: 3", "seed: 2020-01-01", r":2: seed: a date is not accepted"),
        ("seed: 3", "seed: !x 3", r":2: seed: the tag !x is not accepted"),
        ("seed: 3", "seed: 3\n4: 5", r":3: 4: the key 4 is not text"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_is_accepted(
    problems, text, before, after, match
) -> None:
    assert before in text
    found = problems(text.replace(before, after))
    error = UserError(found)
    with pytest.raises(UserError, match=match):
        raise error
    assert "Input should" not in str(error)
    assert "<" not in str(error)


@pytest.mark.parametrize(
    ("text", "where", "match"),
    [
        ("", "", "the file is empty"),
        ("# only a comment\n", "", "the file is empty"),
        ("- a\n- b\n", ":1", "a mapping of keys to values"),
        ("just text", ":1", "a mapping of keys to values"),
        ("name: a\nname: b\n", ":2", r'found duplicate key "name" \(each key once\)'),
        ("name: [a\nseed: 3\n", ":2", "not valid YAML: expected ',' or ']'"),
        ("name: a\n---\nname: b\n", ":2", "another document"),
        ("name: a\nseed: \x01\n", ":2", "a character that YAML does not allow"),
        ("name: *nowhere\n", ":1", "undefined alias"),
        ("a: " + "[" * 3000, "", "nested too deeply"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_one_clear_problem(problems, text, where, match) -> None:
    [problem] = problems(text)
    assert problem.where == where
    with pytest.raises(UserError, match=match):
        raise UserError(problem)


def test_what_is_no_readable_file_is_one_clear_problem(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("a: 1\nname: caf\u00e9".encode("latin-1"))
    with pytest.raises(UserError, match=r"gone\.yaml: there is no such file"):
        load_scenario(tmp_path / "gone.yaml")
    with pytest.raises(UserError, match="this is a folder"):
        load_scenario(tmp_path)
    with pytest.raises(UserError, match=r"latin\.yaml:2: the file is not UTF-8 text"):
        load_scenario(tmp_path / "latin.yaml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, text) -> None:
    (tmp_path / "bom.yaml").write_bytes(text.encode("utf-8-sig"))
    assert load_scenario(tmp_path / "bom.yaml").scenario.name == "hapt"


def test_anchors_and_merge_keys_are_plain_values_in_the_end(write, text) -> None:
    file = write(text + "devices:\n  a: &a {like: pi4, memory: 1 GB}\n  b:\n    <<: *a\n    power: 1 W\n")
    scenario = load_scenario(file).scenario
    assert scenario.device_profile("b").memory == 10**9
    assert scenario.device_profile("b").power == 1


def test_an_own_profile_changes_a_catalogue_profile_only_where_it_says_so(write, text) -> None:
    scenario = load_scenario(
        write(text + "links: {lte: {like: lte, rtt: 9 ms, energy_sent: 1 nJ/bit}}\n")
    ).scenario
    link = scenario.link_profile("lte")
    assert (link.rtt, link.up, link.energy_sent) == (9_000_000, 6_300_000, 1e-9)
    assert link.recalled == ("energy_received",)


def test_an_own_device_can_be_used_by_the_target_and_the_sources(write, text) -> None:
    own = "devices:\n  watch: {speed: 1 GFLOP/s, memory: 32 MiB, power: 0.5 W}\n"
    scenario = load_scenario(write(text.replace("pi4", "watch") + own)).scenario
    assert scenario.device_profile(scenario.target.device).memory == 32 * 2**20


def test_a_folder_starts_at_the_file_of_the_scenario(write, text) -> None:
    file = write(text.replace("{dataset: hapt}", "{folder: mine/data}"))
    assert load_scenario(file).scenario.data.folder == file.parent / "mine" / "data"


def test_a_document_tells_the_place_of_a_path_or_of_what_is_around_it(write, text) -> None:
    document = load_scenario(write(text), ["target.link=lte"])
    assert document.where("target.device") == f"{document.file}:7"
    assert document.where("target.labels_per_class") == f"{document.file}:5"
    assert document.where("transfer.weights") == f"{document.file}:1"
    assert document.where("target.link") == "--set target.link"


class TestOverrides:
    """Values of the command line in place of the file's."""

    def test_a_value_is_read_as_yaml_and_replaces_the_file_s(self, write, text) -> None:
        overrides = [
            "target.domain=[user-1, user-2]",
            "sources.devices.pi5=4",
            "training.source_batch_size=8",
            "seed=5",
        ]
        scenario = load_scenario(write(text), overrides).scenario
        assert scenario.target.domain == ("user-1", "user-2")
        assert scenario.sources.devices == {"pi4": 2, "pi5": 4}
        assert scenario.training.source_batch_size == 8
        assert scenario.seed == 5

    def test_the_last_of_several_wins_and_the_seed_option_is_last(self, write, text) -> None:
        scenario = load_scenario(
            write(text), ["seed=5", "target.link=lte", "target.link=5g"], seed=7
        ).scenario
        assert (scenario.seed, scenario.target.link) == (7, "5g")

    def test_an_entry_of_a_list_is_named_by_its_index(self, write, text) -> None:
        listed = text[: text.index("sources:")] + "sources:\n- {domain: a, device: pi4, link: lte}\n"
        scenario = load_scenario(write(listed), ["sources.0.link=wifi"]).scenario
        assert scenario.sources[0].link == "wifi"

    @pytest.mark.parametrize(
        ("override", "match"),
        [
            (
                "target.linkk=lte",
                r'--set target.linkk: target.linkk: unknown key "linkk" \(did you mean "link"\?\)',
            ),
            ("trainin.source_batch_size=3", r'unknown key "trainin" \(did you mean "training"\?\)'),
            ("target.link=ltee", r'--set target.link: .*unknown link "ltee" \(did you mean "lte"\?\)'),
            (
                "target.device.speed=3",
                r"--set target.device.speed: target.device is 'pi4' and has no 'speed' inside",
            ),
            ("target.domain", r"--set target.domain: expected PATH=VALUE"),
            ("target..domain=a", r"expected PATH=VALUE"),
            ("=a", r"expected PATH=VALUE"),
            ("name=", r"there is no value after the ="),
            ("name=[a", r"--set name: not valid YAML"),
            ("seed=.nan", r"--set seed: nan is not a finite number"),
            ("sources.architectures=[x, x]", r"--set sources.architectures: .*more than once"),
        ],
    )
    def test_a_wrong_override_is_named_as_its_place(self, problems, text, override, match) -> None:
        with pytest.raises(UserError, match=match):
            raise UserError(problems(text, override))

    def test_an_index_outside_of_a_list_is_told_the_range(self, problems, text) -> None:
        listed = text.replace("domain: user-1", "domain: [a, b]")
        for step in ("2", "x", "-1"):
            [problem] = problems(listed, f"target.domain.{step}=c")
            assert str(problem).endswith(f"has no entry '{step}' (an index from 0 to 1)")

    def test_wrong_overrides_come_all_at_once(self, problems, text) -> None:
        assert len(problems(text, "name", "seed=[", "target.link=lte")) == 2


class TestChecks:
    """Checks of the layers above, reported together with the schema's problems."""

    def test_what_they_say_gets_its_place(self, problems, text) -> None:
        [problem] = problems(text, checks=(lambda scenario: [Problem("no", path="target.link")],))
        assert (problem.where, problem.what) == (":8", "no")

    def test_what_they_raise_is_reported_like_what_they_say(self, problems, text) -> None:
        def raises(scenario):
            raise UserError([Problem("first", path="seed"), Problem("second", path="name")])

        assert [problem.what for problem in problems(text, checks=(raises,))] == ["second", "first"]

    def test_they_run_on_what_is_left_of_a_wrong_scenario(self, problems, text) -> None:
        def check(scenario):
            yield Problem(f"unknown dataset {scenario.data.dataset}", path="data.dataset")
            yield Problem(f"{scenario.target.device} is too small", path="target.device")

        found = problems(text.replace("device: pi4", "device: pi44") + "wrong: 1\n", checks=(check,))
        assert [problem.what for problem in found] == [
            "unknown dataset hapt",
            'unknown device "pi44"',
            'unknown key "wrong"',
        ]

    def test_they_do_not_run_where_the_data_or_the_method_are_unknown(self, problems, text) -> None:
        for before, after in (("dataset: hapt", "datset: hapt"), ("name: hat,", ""), ("user-1", "3")):
            found = problems(
                text.replace(before, after), checks=(lambda scenario: [Problem("ran", path="seed")],)
            )
            assert [problem.what for problem in found if problem.what == "ran"] == []
