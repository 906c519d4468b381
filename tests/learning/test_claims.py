"""What devices that share a model claim of it, each by validation samples of its own."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.learning.claims import MOST_SAMPLES, claimed
from hat_sim.seeding import MOST_DERIVED, derive_seed


@given(
    accuracy=st.floats(0, 1),
    samples=st.integers(1, MOST_SAMPLES),
    seed=st.integers(0, MOST_DERIVED - 1),
)
def test_a_claim_is_a_share_of_the_samples(accuracy: float, samples: int, seed: int) -> None:
    found = claimed(accuracy, samples, seed)
    assert 0 <= found <= 1 and found * samples == pytest.approx(round(found * samples))
    assert claimed(accuracy, samples, seed) == found


def test_one_sample_is_right_as_often_as_the_model_is() -> None:
    """The quantile below 1 - accuracy is wrong, the rest right."""
    quarter = MOST_DERIVED // 4
    assert [claimed(0.5, 1, k * quarter + quarter // 2) for k in range(4)] == [0, 0, 1, 1]


def test_devices_spread_around_the_accuracy_as_binomial_draws_do() -> None:
    draws = [claimed(0.8, 50, derive_seed(0, "claim", f"device-{k}")) for k in range(4000)]
    mean = sum(draws) / len(draws)
    variance = sum((it - mean) ** 2 for it in draws) / len(draws)
    assert mean == pytest.approx(0.8, abs=0.005)
    assert variance == pytest.approx(0.8 * 0.2 / 50, rel=0.1)
    assert Counter(draws).most_common(1)[0][0] == 0.8


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_who_is_always_right_or_wrong_claims_so(accuracy: float) -> None:
    assert {claimed(accuracy, 7, derive_seed(k, "claim")) for k in range(20)} == {accuracy}
