"""HaT's coarse and fine selection against hand-computed numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hat_sim.errors import InternalError
from hat_sim.methods.hat.coarse import shortlist, similarities
from hat_sim.methods.hat.fine import Candidate, best, scores
from hat_sim.methods.hat.fine import similarities as similarities_of_centroids
from hat_sim.methods.hat.options import HatOptions

OWN = np.array([1, 100], np.float32)
OTHERS = {
    "near": np.array([1, 100], np.float32),
    "far": np.array([-1, -100], np.float32),
    "side": np.array([1, -100], np.float32),
}


@pytest.mark.parametrize(
    ("measure", "near", "far", "side"),
    [
        ("cosine", 1, -(3**0.5) / 2, -0.5),
        ("euclidean", 0, -((16 / 3 + 4) ** 0.5), -2),
        ("correlation", 1, 1, -1),
    ],
)
def test_similarities_by_hand(measure: str, near: float, far: float, side: float) -> None:
    """Standardised over the four, own and near are (1/sqrt 3, 1), far (-sqrt 3, -1), side (1/sqrt 3, -1)."""
    found = similarities(OWN, OTHERS, measure)
    assert list(found) == ["near", "far", "side"]
    assert list(found.values()) == pytest.approx([near, far, side], abs=1e-6)


@given(
    gains=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
    offsets=st.tuples(st.floats(-10, 10), st.floats(-10, 10)),
    measure=st.sampled_from(["cosine", "euclidean", "correlation"]),
)
def test_no_statistic_counts_more_for_its_unit(
    gains: tuple[float, float], offsets: tuple[float, float], measure: str
) -> None:
    def other_units(statistics: np.ndarray) -> np.ndarray:
        return statistics.astype(np.float64) * gains + offsets

    changed = {name: other_units(statistics) for name, statistics in OTHERS.items()}
    found = similarities(other_units(OWN), changed, measure)
    assert found == pytest.approx(similarities(OWN, OTHERS, measure), abs=1e-6)


def test_a_statistic_that_all_share_says_nothing() -> None:
    def with_constant(statistics: np.ndarray) -> np.ndarray:
        return np.append(statistics, np.float32(7))

    changed = {name: with_constant(statistics) for name, statistics in OTHERS.items()}
    for measure in ("cosine", "euclidean"):
        assert similarities(with_constant(OWN), changed, measure) == pytest.approx(
            similarities(OWN, OTHERS, measure)
        )


def test_an_outlier_is_clipped_at_five_deviations() -> None:
    """One domain of 41 stands out by sqrt 40 deviations; the target lies 1/sqrt 40 on the other side."""
    others = {f"domain-{k}": np.zeros(1, np.float32) for k in range(39)} | {"odd": np.ones(1, np.float32)}
    found = similarities(np.zeros(1, np.float32), others, "euclidean")
    assert found["odd"] == pytest.approx(-(5 + 1 / 40**0.5))
    assert found["domain-0"] == 0


@pytest.mark.parametrize("measure", ["cosine", "euclidean", "correlation"])
def test_a_statistic_that_a_source_does_not_tell_is_left_out_of_its_comparison(measure: str) -> None:
    """It is compared by the others as they are standardised over all who tell them; never by a zero."""
    rng = np.random.default_rng(0)
    own, whole = rng.normal(size=5), {f"source-{k}": rng.normal(size=5) for k in range(6)}
    told = np.array([True, True, False, True, True])
    others = whole | {"odd": np.where(told, rng.normal(size=5), np.nan)}
    found = similarities(own, others, measure)
    rest = {name: statistics[told] for name, statistics in others.items()}
    expected = similarities(own[told], rest, measure)["odd"]
    assert found["odd"] == pytest.approx(expected * (1.25**0.5 if measure == "euclidean" else 1))
    assert {name: found[name] for name in whole} == pytest.approx(
        {name: _by_all(own, others, name, measure) for name in whole}
    )


def _by_all(own: np.ndarray, others: dict[str, np.ndarray], name: str, measure: str) -> float:
    """The plain formula for a source that tells everything."""
    table = np.stack([own, *others.values()])
    table = (table - np.nanmean(table, axis=0)) / np.nanstd(table, axis=0)
    mine, its = table[0].clip(-5, 5), table[1 + list(others).index(name)].clip(-5, 5)
    if measure == "euclidean":
        return -float(np.linalg.norm(its - mine))
    if measure == "correlation":
        return float(np.corrcoef(mine, its)[0, 1])
    return float(mine @ its / np.linalg.norm(mine) / np.linalg.norm(its))


def test_a_distance_over_fewer_statistics_is_no_shorter_for_it() -> None:
    """A source that tells one of two is as far as if the other were as far on average."""
    others = {name: np.array([1, 1], np.float32) for name in ("a", "b")} | {"c": np.array([1, np.nan])}
    found = similarities(np.zeros(2, np.float32), others, "euclidean")
    assert found["c"] == pytest.approx(-(2**0.5) * 4 / 3**0.5)


def test_a_fleet_that_says_nothing_has_no_similarities() -> None:
    assert similarities(OWN, {}, "cosine") == {}


@pytest.mark.parametrize(
    ("eta", "sources", "kept"),
    [(0.6, 29, 18), (0.6, 5, 3), (0.5, 5, 3), (0.1, 3, 1), (0, 5, 0), (1, 5, 5), (0.07, 100, 7), (0.6, 0, 0)],
)
def test_a_fraction_keeps_so_many_rounded_up(eta: float, sources: int, kept: int) -> None:
    """7 of 100 for 0.07, though 0.07 * 100 is a little more than 7 in binary."""
    similarity = {f"{k:03d}": -float(k) for k in range(sources)}
    found = shortlist(similarity, HatOptions(eta=eta))
    assert found == tuple(f"{k:03d}" for k in range(kept))


def test_a_floor_keeps_those_at_least_so_similar_the_nearest_first() -> None:
    similarity = {"c": 0.6, "a": 0.9, "b": 0.59, "d": -1.0}
    assert shortlist(similarity, HatOptions(eta=0.6, eta_means="floor")) == ("a", "c")
    assert shortlist(similarity, HatOptions(eta=0.95, eta_means="floor")) == ()


def test_equal_similarities_go_by_name_whatever_order_they_came_in() -> None:
    options = HatOptions(eta=0.5)
    assert shortlist({"b": 1.0, "a": 1.0, "c": 2.0, "d": 1.0}, options) == ("c", "a")
    assert shortlist({"d": 1.0, "c": 2.0, "a": 1.0, "b": 1.0}, options) == ("c", "a")


def candidate(similarity: float, accuracy: float, classes: tuple[str, ...] = ("walk",)) -> Candidate:
    """A candidate whose only centroid has this cosine with the target's, which is (1, 0)."""
    centroid = np.array([[similarity, (1 - similarity**2) ** 0.5]], np.float32)
    return Candidate(classes, centroid, np.array([[1, 0]], np.float32), accuracy)


def test_a_score_is_similarity_times_accuracy() -> None:
    """A source that points away scores 0 however accurate, and so does one without a class in common."""
    candidates = {
        "modest": candidate(0.8, 0.5),
        "good": candidate(0.6, 0.9),
        "away": candidate(-0.7, 1.0),
        "foreign": candidate(1.0, 1.0, ("swim",)),
        "humble": candidate(1.0, 0.0),
    }
    expected = {"modest": 0.4, "good": 0.54, "away": 0, "foreign": 0, "humble": 0}
    found = similarities_of_centroids(candidates, ("walk",))
    assert found["away"] == pytest.approx(-0.7) and found["foreign"] == -1
    assert scores(found, candidates) == pytest.approx(expected, abs=1e-6)


def test_centroids_of_two_spaces_are_never_compared() -> None:
    odd = Candidate(("walk",), np.ones((1, 3), np.float32), np.ones((1, 2), np.float32), 1.0)
    with pytest.raises(InternalError, match="centroids of odd and the target's are of different spaces"):
        similarities_of_centroids({"odd": odd}, ("walk",))


def knowing(*classes: str) -> Candidate:
    return candidate(1.0, 1.0, classes)


def test_the_best_come_first_and_ties_go_by_name() -> None:
    ranking = {"c": 0.5, "b": 0.9, "d": 0.5, "a": 0.5}
    candidates = dict.fromkeys(ranking, knowing("walk"))
    assert best(ranking, candidates, ("walk",), HatOptions(top=3)) == ("b", "a", "c")
    assert best(ranking, candidates, ("walk",), HatOptions(top=10)) == ("b", "a", "c", "d")
    assert best({}, {}, ("walk",), HatOptions()) == ()


@pytest.mark.parametrize(
    ("coverage", "chosen"),
    [
        (0.0, ("sure", "good", "broad")),
        (0.4, ("sure", "good", "broad")),
        (0.7, ("sure", "broad", "good")),
        (2.8, ("broad", "runner", "sure")),
    ],
)
def test_a_source_is_worth_more_for_the_classes_that_nobody_chosen_knows(
    coverage: float, chosen: tuple[str, ...]
) -> None:
    """The target has four classes, so each new one is worth a quarter of `coverage`: .1, .175, .7.

    The sums of sure, good, broad and runner are at .4 first 1.0, .9, .8, .4, then -, .8, .7, .4; at .7 they
    are 1.075, .975, 1.025, .475, then -, .8, .85, .475, then -, .8, -, .475; at 2.8 they are 1.6, 1.5, 2.6,
    1.0, then .9, .8, -, 1.0, then .9, .8.
    """
    ranking = {"sure": 0.9, "good": 0.8, "broad": 0.5, "runner": 0.3}
    candidates = {
        "sure": knowing("walk"),
        "good": knowing("walk", "swim"),
        "broad": knowing("walk", "rest", "sit"),
        "runner": knowing("run"),
    }
    own = ("walk", "run", "rest", "sit")
    assert best(ranking, candidates, own, HatOptions(top=3, coverage=coverage)) == chosen


@given(
    ranking=st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.floats(0, 1), max_size=12),
    known=st.sets(st.sampled_from(["walk", "run", "rest", "swim"]), min_size=1),
    top=st.integers(1, 6),
    coverage=st.floats(0, 1e6),
)
def test_where_all_know_the_same_classes_coverage_changes_nothing(
    ranking: dict[str, float], known: set[str], top: int, coverage: float
) -> None:
    """However close the scores are, and whatever they lack together: the plain order is the twin."""
    candidates = dict.fromkeys(ranking, knowing(*known))
    plain = sorted(ranking, key=lambda name: (-ranking[name], name))[:top]
    options = HatOptions(top=top, coverage=coverage)
    assert best(ranking, candidates, ("walk", "run", "rest"), options) == tuple(plain)


@pytest.mark.parametrize(
    "wrong",
    [
        {"eta": 1.1},
        {"eta": float("nan")},
        {"top": 0},
        {"top": True},
        {"coverage": -0.1},
        {"reference_width": 7},
        {"temperature": 0.0},
        {"threshold": 1.0},
        {"similarity": "cka"},
        {"etha": 0.6},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        HatOptions.model_validate(wrong)
