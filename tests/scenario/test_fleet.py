"""Fleets: who is in them, what is dealt to whom, and that a seed and a name settle it."""

from collections import Counter
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.errors import UserError
from hat_sim.scenario.fleet import Device, apportion, build_fleets
from hat_sim.scenario.names import validation_context
from hat_sim.scenario.schema import Scenario, source_count, target_count

DOMAINS = [f"user-{number}" for number in range(1, 11)]


def scenario(target="user-1", seed=0, rounds=None, **sources) -> Scenario:
    """A scenario whose sources are a distribution with these keys, or the list under `listed`.

    With `rounds` the targets are those.
    """
    form = sources.get("listed") or {"devices": "pi4", "links": "lte"} | sources
    tree = {
        "name": "x",
        "seed": seed,
        "data": {"dataset": "d"},
        "method": {"name": "hat"},
        "target": {"device": "pi5", "link": "wifi"} | ({} if rounds else {"domain": target}),
        "sources": form,
        "rounds": rounds,
    }
    return Scenario.model_validate(tree, context=validation_context(tree))


def sources_of(domains=DOMAINS, **keys) -> tuple[Device, ...]:
    """The sources of the only fleet."""
    [fleet] = build_fleets(scenario(**keys), domains)
    return fleet.sources


def test_all_domains_leave_out_the_target_s_own() -> None:
    [fleet] = build_fleets(scenario("user-3"), DOMAINS)
    assert (fleet.target.name, fleet.target.domain) == ("target-user-3", "user-3")
    assert (fleet.target.profile.name, fleet.target.link.name) == ("pi5", "wifi")
    assert [source.domain for source in fleet.sources] == [domain for domain in DOMAINS if domain != "user-3"]
    assert {(source.profile.name, source.link.name, source.architecture) for source in fleet.sources} == {
        ("pi4", "lte", "auto")
    }


def test_each_domain_is_a_target_in_a_fleet_of_its_own() -> None:
    fleets = build_fleets(scenario("each"), DOMAINS)
    assert [fleet.target.domain for fleet in fleets] == DOMAINS
    assert all(len(fleet.sources) == 9 for fleet in fleets)


@given(
    counts=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 50), min_size=1),
    total=st.integers(1, 300),
)
def test_counts_beside_a_number_of_sources_are_proportions(counts: dict[str, int], total: int) -> None:
    """Each share is its exact part, rounded up or down."""
    shares = apportion(counts, total)
    assert sum(shares.values()) == total
    for name, share in shares.items():
        assert abs(share - counts[name] * total / sum(counts.values())) < 1


def test_a_fleet_of_any_size_keeps_its_mix() -> None:
    mix = {"pi4": 10, "pi5": 20}
    for count in (3, 30, 300):
        dealt = Counter(it.profile.name for it in sources_of(devices=mix, count=count))
        assert dealt == {"pi4": count // 3, "pi5": 2 * count // 3}


def test_counts_are_dealt_exactly_and_lists_evenly() -> None:
    dealt = sources_of(devices={"pi4": 2, "pi5": 7}, links=["lte", "wifi"], architectures=["a", "b", "c"])
    assert Counter(source.profile.name for source in dealt) == {"pi4": 2, "pi5": 7}
    assert sorted(Counter(source.link.name for source in dealt).values()) == [4, 5]
    assert Counter(source.architecture for source in dealt) == {"a": 3, "b": 3, "c": 3}


def test_each_thing_is_dealt_in_an_order_of_its_own() -> None:
    dealt = sources_of(
        [f"d{k}" for k in range(101)], target="d0", devices=["pi4", "pi5"], links=["lte", "wifi"]
    )
    pairs = Counter((source.profile.name, source.link.name) for source in dealt)
    assert len(pairs) == 4
    assert min(pairs.values()) >= 10


def sources_of_target(target: str, seed: int = 0) -> dict[str, str]:
    """The device of each source of a target."""
    counts = {"pi4": 3, "pi5": 3, "jetson-nano": 3}
    return {
        source.name: source.profile.name for source in sources_of(target=target, seed=seed, devices=counts)
    }


def test_the_deal_depends_on_the_seed_alone() -> None:
    assert sources_of_target("user-1") == sources_of_target("user-1")
    assert sources_of_target("user-1") != sources_of_target("user-1", seed=1)


def test_fleets_of_different_targets_agree_on_nearly_every_device() -> None:
    one, other = sources_of_target("user-1"), sources_of_target("user-2")
    both = one.keys() & other.keys()
    assert sum(one[name] != other[name] for name in both) <= 2


def test_more_sources_than_domains_repeat_the_domains_under_numbered_names() -> None:
    dealt = sources_of(count=20)
    names = [source.name for source in dealt]
    assert len(set(names)) == 20
    assert sorted(Counter(source.domain for source in dealt).values()) == [2] * 7 + [3] * 2
    assert {"user-2", "user-2.2"} <= set(names)
    assert all(source.name.startswith(source.domain) for source in dealt)


def test_fewer_sources_than_domains_are_a_seeded_choice_that_grows_with_the_count() -> None:
    three = {source.domain for source in sources_of(count=3)}
    four = {source.domain for source in sources_of(count=4)}
    assert len(three) == 3
    assert three < four
    choices = {frozenset(source.domain for source in sources_of(count=3, seed=seed)) for seed in range(5)}
    assert len(choices) > 1


def test_the_number_of_sources_follows_from_count_then_counts_then_domains() -> None:
    assert len(sources_of(count=4)) == 4
    assert len(sources_of(devices={"pi4": 5})) == 5
    assert len(sources_of()) == 9


@pytest.mark.parametrize("count", [1, 2, 8, 9])
def test_heterogeneity_keeps_the_median_and_scales_rates_alike(count: int) -> None:
    dealt = sources_of(count=count, heterogeneity={"compute": 0.5, "bandwidth": 1.0})
    plain = sources_of(count=count)
    speeds = [source.profile.speed / base.profile.speed for source, base in zip(dealt, plain, strict=True)]
    ups = [source.link.up / base.link.up for source, base in zip(dealt, plain, strict=True)]
    downs = [source.link.down / base.link.down for source, base in zip(dealt, plain, strict=True)]
    ordered = sorted(speeds)
    assert [low * high for low, high in zip(ordered, reversed(ordered), strict=True)] == pytest.approx(
        [1] * count
    )
    assert ups == pytest.approx(downs)
    if count % 2:
        assert median(speeds) == 1
        assert median(ups) == 1
    if count == 9:
        assert max(ups) / min(ups) > max(speeds) / min(speeds) > 3
        assert len(set(speeds)) == 9


def test_without_heterogeneity_the_profiles_are_shared() -> None:
    dealt = sources_of()
    assert len({id(source.profile) for source in dealt}) == 1
    assert len({id(source.link) for source in dealt}) == 1


def test_listed_sources_are_taken_as_they_stand() -> None:
    listed = [
        {"domain": "user-2", "device": "pi4", "link": "lte", "architecture": "gru"},
        {"domain": "user-2", "device": "pi5", "link": "wifi"},
        {"name": "user-3", "domain": "user-4", "device": "pi5", "link": "wifi"},
        {"domain": "user-3", "device": "pi5", "link": "wifi"},
    ]
    dealt = sources_of(listed=listed)
    assert [(source.name, source.domain, source.profile.name, source.architecture) for source in dealt] == [
        ("user-2", "user-2", "pi4", "gru"),
        ("user-2.2", "user-2", "pi5", "auto"),
        ("user-3", "user-4", "pi5", "auto"),
        ("user-3.2", "user-3", "pi5", "auto"),
    ]


def test_a_source_never_takes_the_target_s_name() -> None:
    [fleet] = build_fleets(scenario("a"), ["a", "target-a"])
    assert fleet.target.name == "target-a"
    assert [source.name for source in fleet.sources] == ["target-a.2"]


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"target": "user-11"}, r'target.domain: unknown domain "user-11" \(did you mean "user-1'),
        ({"target": ["user-1", "usr-2"]}, r'target.domain.1: unknown domain "usr-2" \(did you mean "user-2"'),
        ({"domains": ["user-2", "x"]}, r'sources.domains.1: unknown domain "x" \(known: user-1, user-2'),
        (
            {"domains": ["user-2", "user-1"]},
            r'sources.domains.1: the target\'s own domain "user-1" is among its',
        ),
        (
            {"listed": [{"domain": "user-1", "device": "pi4", "link": "lte"}]},
            r'sources.0.domain: the target\'s own domain "user-1"',
        ),
        (
            {"listed": [{"name": "target-user-1", "domain": "user-2", "device": "pi4", "link": "lte"}]},
            r'sources.0.name: "target-user-1" is the name of a target',
        ),
    ],
)
def test_a_domain_that_cannot_be_is_a_problem_with_its_path(keys, match) -> None:
    with pytest.raises(UserError, match=match):
        build_fleets(scenario(**keys), DOMAINS)


def test_the_only_domain_leaves_none_to_be_a_source() -> None:
    with pytest.raises(UserError, match="no domain is left to be a source"):
        build_fleets(scenario("a"), ["a"])


def test_all_problems_of_domains_come_at_once() -> None:
    with pytest.raises(UserError) as caught:
        build_fleets(scenario(["x", "y"], domains=["z", "user-1"]), DOMAINS)
    assert [problem.path for problem in caught.value.problems] == [
        "target.domain.0",
        "target.domain.1",
        "sources.domains.0",
    ]


@given(
    seed=st.integers(0, 5),
    count=st.none() | st.integers(1, 40),
    target=st.sampled_from(["user-1", "each", ["user-2", "user-5"]]),
    domains=st.sampled_from(["all", ["user-7", "user-8", "user-9"]]),
)
def test_the_counts_foretold_are_those_of_the_fleets(seed, count, target, domains) -> None:
    world = scenario("user-1" if domains != "all" else target, seed=seed, count=count, domains=domains)
    fleets = build_fleets(world, DOMAINS)
    assert len(fleets) == target_count(world, len(DOMAINS))
    for fleet in fleets:
        names = [device.name for device in (fleet.target, *fleet.sources)]
        assert len(names) - 1 == source_count(world, len(DOMAINS))
        assert len(set(names)) == len(names)
        assert fleet.target.domain not in {source.domain for source in fleet.sources}


def test_a_hundred_thousand_sources_are_light() -> None:
    dealt = sources_of(count=100_000, heterogeneity={"compute": 0.0})
    assert len(dealt) == 100_000
    assert len({id(source.profile) for source in dealt}) == 1
    assert not hasattr(dealt[0], "__dict__")


class TestRounds:
    """Targets that join one round after another, and become sources."""

    def test_expanded_targets_follow_the_sources_that_never_change(self) -> None:
        world = scenario(rounds={"domains": ["user-1", ["user-2", "user-3"], ["user-4"]]})
        fleets = build_fleets(world, DOMAINS)
        assert [fleet.target.domain for fleet in fleets] == ["user-1", "user-2", "user-3", "user-4"]
        assert [fleet.target.round for fleet in fleets] == [1, 2, 2, 3]
        first = [f"user-{number}" for number in range(5, 11)]
        assert [source.name for source in fleets[0].sources] == first
        assert fleets[1].sources == fleets[2].sources == (*fleets[0].sources, fleets[0].target)
        assert fleets[3].sources == (*fleets[0].sources, *(fleet.target for fleet in fleets[:3]))

    def test_targets_that_do_not_serve_leave_every_round_the_same_sources(self) -> None:
        world = scenario(rounds={"domains": [["user-1"], ["user-2"]], "serve": False})
        one, two = build_fleets(world, DOMAINS)
        assert one.sources == two.sources
        assert len(one.sources) == 8

    def test_the_fleet_of_the_first_round_is_that_of_its_targets_without_rounds(self) -> None:
        mix = {"devices": ["pi4", "pi5"], "links": ["lte", "wifi"], "heterogeneity": {"compute": 0.5}}
        left = [f"user-{number}" for number in range(3, 11)]
        [alone] = build_fleets(scenario("user-1", domains=left, **mix), DOMAINS)
        one, _ = build_fleets(scenario(rounds={"domains": ["user-1", "user-2"]}, **mix), DOMAINS)
        assert one.sources == alone.sources

    @pytest.mark.parametrize("sources", [{"count": 4}, {}, {"domains": ["user-7", "user-8"]}])
    def test_the_counts_foretold_are_those_of_the_first_fleet(self, sources) -> None:
        world = scenario(rounds={"domains": ["user-1", ["user-2", "user-3"]]}, **sources)
        fleets = build_fleets(world, DOMAINS)
        assert len(fleets) == target_count(world, None) == 3
        assert len(fleets[0].sources) == source_count(world, len(DOMAINS))

    def test_all_that_is_wrong_with_its_domains_is_said_at_once(self) -> None:
        rounds = {"domains": ["usr-1", ["user-2", "user-2"], ["user-3", "x"], "user-3"]}
        with pytest.raises(UserError) as caught:
            build_fleets(scenario(rounds=rounds, domains=["user-4", "user-3"]), DOMAINS)
        assert [(it.path, it.what) for it in caught.value.problems] == [
            ("rounds.domains.0", 'unknown domain "usr-1"'),
            ("rounds.domains.1.1", '"user-2" joins more than once'),
            ("rounds.domains.2.1", 'unknown domain "x"'),
            ("rounds.domains.3", '"user-3" joins more than once'),
            ("sources.domains.1", 'the target\'s own domain "user-3" is among its sources'),
        ]

    def test_rounds_of_all_domains_leave_none_to_begin_with(self) -> None:
        with pytest.raises(UserError, match=r"no domain is left to be a source \(fewer of them in `rounds`"):
            build_fleets(scenario(rounds={"domains": ["a", "b"]}), ["a", "b"])

    def test_no_source_has_the_name_of_a_target_of_any_round(self) -> None:
        listed = [{"name": "target-user-2", "domain": "user-9", "device": "pi4", "link": "lte"}]
        with pytest.raises(UserError, match="is the name of a target"):
            build_fleets(scenario(rounds={"domains": ["user-1", "user-2"]}, listed=listed), DOMAINS)
        domains = ["a", "b", "target-b"]
        one, two = build_fleets(scenario(rounds={"domains": ["a", "b"]}), domains)
        assert [source.name for source in two.sources] == ["target-b.2", "target-a"]
        assert len({device.name for device in (two.target, *two.sources)}) == 3
        assert one.sources == two.sources[:1]
