"""Domain statistics, class centroids and the reference encoder against hand-computed numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from hat_sim.learning.centroids import BATCH, centroid_similarities, class_centroids
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.statistics import (
    BANDS,
    WIDE,
    domain_statistics,
    in_place,
    statistics_count,
    statistics_flop,
)
from hat_sim.learning.work import reference_flop
from hat_sim.sensors import taken

SHAPES = [(8,), (200,), (16, 1), (64, 3), (1, 8, 8), (3, 9, 12)]


def noise(shape: tuple[int, ...], samples: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(samples, *shape)).astype(np.float32)


def test_statistics_of_a_square_wave_by_hand() -> None:
    """One window of one channel, 3, 1, 3, 1, ...: all of its energy is in the highest band."""
    x = np.tile(np.array([3, 1], np.float32), 8).reshape(1, 16, 1)
    expected = {
        "mean": 2,
        "deviation": 1,
        "minimum": 1,
        "maximum": 3,
        "skewness": 0,
        "kurtosis": 1,
        "root mean square": 5**0.5,
        "bands": [0, 0, 0, 1],
        "spread of mean and deviation": [0, 0],
    }
    flat = np.hstack(list(expected.values()))
    np.testing.assert_allclose(domain_statistics(x), flat, atol=1e-6)


def test_statistics_of_two_windows_are_their_mean_and_spread() -> None:
    """Two constant channels of two windows: 1 and 5 in the first channel, 7 and 7 in the second."""
    x = np.array([[[1, 7]] * 16, [[5, 7]] * 16], np.float32)
    rows = domain_statistics(x).reshape(-1, 2)
    mean, deviation, least, most = rows[:4]
    assert mean.tolist() == least.tolist() == most.tolist() == [3, 7]
    assert deviation.tolist() == [0, 0]
    assert rows[4:6].tolist() == [[0, 0], [0, 0]], "moments of a constant are 0"
    assert rows[6].tolist() == [3, 7]
    assert rows[-2:].tolist() == [[2, 0], [0, 0]], "means spread by 2, deviations not at all"


def test_skewness_of_one_peak_by_hand() -> None:
    """One 4 among three 0: mean 1, deviation sqrt 3, skewness 2/sqrt 3, kurtosis 7/3."""
    x = np.tile(np.array([4, 0, 0, 0], np.float32), 4).reshape(1, 16, 1)
    found = domain_statistics(x)
    np.testing.assert_allclose(found[[1, 4, 5]], [3**0.5, 2 / 3**0.5, 7 / 3], rtol=1e-6)


def test_wide_vectors_have_mean_and_deviation_alone() -> None:
    x = np.zeros((2, 200), np.float32)
    x[0, 7] = 6
    mean, deviation = domain_statistics(x).reshape(2, 200)
    assert mean[7] == deviation[7] == 3
    assert np.count_nonzero(mean) == np.count_nonzero(deviation) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_statistics_are_finite_of_one_length_and_pure(shape: tuple[int, ...]) -> None:
    channels = shape[0] if len(shape) == 3 else shape[-1]
    for samples in (1, 4, 12):
        x = noise(shape, samples)
        found = domain_statistics(x)
        each = (2 if shape[0] > WIDE else 7) if len(shape) == 1 else 7 + BANDS + 2
        assert found.shape == (each * channels,) and found.dtype == np.float32
        assert np.isfinite(found).all()
        assert np.array_equal(found, domain_statistics(x.copy()))
    assert statistics_flop(24, shape) > statistics_flop(12, shape) > 12 * math.prod(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_statistics_do_not_depend_on_the_order_of_samples(shape: tuple[int, ...]) -> None:
    """A domain is a set of samples; what order it is stored in says nothing of it."""
    x = noise(shape)
    np.testing.assert_allclose(domain_statistics(x), domain_statistics(x[::-1]), rtol=1e-4, atol=1e-5)
    shuffled = x[np.random.default_rng(1).permutation(len(x))]
    np.testing.assert_allclose(domain_statistics(x), domain_statistics(shuffled), rtol=1e-4, atol=1e-5)


def test_centroids_are_means_of_unit_features() -> None:
    """Class 7: (3, 4) and (0, 2) become (.6, .8) and (0, 1); class 2: a zero stays a zero."""
    features = np.array([[3, 4], [0, 2], [0, 0], [5, 0]], np.float32)
    labels = np.array([7, 7, 2, 2])
    found = class_centroids(features, labels, [2, 7])
    np.testing.assert_allclose(found, [[0.5, 0], [0.3, 0.9]], rtol=1e-6)
    assert found.dtype == np.float32


def test_similarities_of_centroids_by_hand() -> None:
    """Shared are b, where vectors are parallel, and c, at 60 degrees: (1 + .5) / 2, whatever the order."""
    own = np.array([[1, 0], [2, 0]], np.float32)
    other = np.array([[1, 3**0.5], [0, 9], [5, 0]], np.float16)
    found = centroid_similarities(own, ("b", "c"), [other, -other, 0 * other], ("c", "a", "b"))
    assert found == pytest.approx([0.75, -0.75, 0], abs=1e-3)
    assert centroid_similarities(own, ("b", "c"), [other, other], ("x", "y", "z")) == [-1, -1]
    assert centroid_similarities(own, ("b", "c"), [], ("c", "a", "b")) == []


def test_similarities_of_many_are_those_of_each_to_the_last_bit() -> None:
    """The plain twin: one domain at a time, and the cosine written out."""
    rng = np.random.default_rng(0)
    classes = ("a", "b", "c", "d", "e")
    own = rng.normal(size=(3, 120)).astype(np.float32)
    others = list(rng.normal(size=(BATCH + 300, 5, 120)).astype(np.float16))
    found = centroid_similarities(own, ("e", "a", "c"), others, classes)
    alone = [centroid_similarities(own, ("e", "a", "c"), [it], classes)[0] for it in others]
    assert found == alone and len(set(found)) == len(others)

    def cosine(one: np.ndarray, other: np.ndarray) -> float:
        return float(one @ other / (one @ one * (other @ other)) ** 0.5)

    plain = [
        np.mean(
            [cosine(own[k].astype(float), it[classes.index(c)].astype(float)) for k, c in enumerate("eac")]
        )
        for it in others
    ]
    assert found == pytest.approx(plain)


@given(st.integers(0, 2**63 - 1), st.sampled_from(SHAPES))
def test_reference_features_are_a_pure_function_of_the_seed(seed: int, shape: tuple[int, ...]) -> None:
    x = noise(shape, 3)
    torch.manual_seed(0)
    one = reference_features(x, 16, seed)
    torch.manual_seed(1)
    assert np.array_equal(one, reference_features(x, 16, seed))
    assert one.shape == (3, 16) and one.dtype == np.float32 and np.isfinite(one).all()
    assert not np.array_equal(one, reference_features(x, 16, seed ^ 1))


@pytest.mark.parametrize("shape", [(16, 2), (1, 8, 8)])
def test_reference_features_of_a_batch_are_those_of_one_run(shape: tuple[int, ...]) -> None:
    """More samples than a batch holds, against the same samples in twice the number of batches."""
    x = noise(shape, 300)
    twice = np.concatenate([x, x])
    np.testing.assert_allclose(reference_features(twice, 16, 3)[:300], reference_features(x, 16, 3), atol=0.1)
    np.testing.assert_allclose(
        reference_features(twice, 16, 3)[:300], reference_features(twice, 16, 3)[300:], rtol=1e-4, atol=1e-4
    )


def test_reference_features_of_a_series_are_maxima_and_shares_of_plain_convolutions() -> None:
    """The plain twin: each kernel slid over the padded series by loops."""
    x = noise((32, 2), 2)
    width, seed = 8, 11
    features = reference_features(x, width, seed)
    inputs = x.transpose(0, 2, 1).astype(np.float64)
    inputs = (inputs - inputs.mean((0, 2), keepdims=True)) / inputs.std((0, 2), keepdims=True, ddof=1)
    dice = torch.Generator().manual_seed(seed)
    column = 0
    for dilation in (1, 2):
        weight = torch.randn(2, 2, 9, generator=dice)
        weight = ((weight - weight.mean(dim=2, keepdim=True)) / 18**0.5).double().numpy()
        bias = (2 * torch.rand(2, generator=dice) - 1).double().numpy()
        for kernel in range(2):
            for sample in range(2):
                padded = np.pad(inputs[sample], ((0, 0), (4 * dilation, 4 * dilation)))
                out = [
                    sum((padded[:, t + k * dilation] * weight[kernel, :, k]).sum() for k in range(9))
                    + bias[kernel]
                    for t in range(32)
                ]
                assert features[sample, column + kernel] == pytest.approx(max(out), rel=1e-4)
                share = np.mean(np.array(out) > 0)
                assert features[sample, column + 2 + kernel] == pytest.approx(share, abs=1e-6)
        column += 4
    assert column == width


def test_reference_features_forget_gain_and_offset() -> None:
    """A sensor with another gain and offset in each channel has the same features."""
    x = noise((64, 3))
    other = x * np.array([3, 0.1, 20], np.float32) + np.array([5, -2, 100], np.float32)
    np.testing.assert_allclose(
        reference_features(x, 32, 5), reference_features(other, 32, 5), rtol=1e-2, atol=1e-2
    )


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ValueError, match="is even, not 7"):
        reference_features(noise((8,)), 7, 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_work_of_the_reference_encoder_is_what_torch_counts(shape: tuple[int, ...]) -> None:
    x = noise(shape, 5)
    with FlopCounterMode(display=False) as counter:
        reference_features(x, 24, 0)
    assert reference_flop(5, shape, 24) == counter.get_total_flops()


def test_standardised_features_have_mean_0_and_deviation_1() -> None:
    features = np.array([[1, 5, 0], [3, 5, 0], [5, 5, 1e-9]], np.float32)
    found = standardise_features(features)
    np.testing.assert_allclose(found[:, 0], [-(1.5**0.5), 0, 1.5**0.5], rtol=1e-6)
    assert not found[:, 1:].any(), "constant columns become 0"
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "places"), [((8,), (1, 4)), ((200,), (0, 7, 199)), ((16, 4), (0, 3)), ((3, 9, 12), (2,))]
)
def test_statistics_of_some_channels_stand_where_they_do_among_all(
    shape: tuple[int, ...], places: tuple[int, ...]
) -> None:
    """And what they do not tell is NaN, not 0; of wide vectors the two figures that they have are told."""
    x = noise(shape)
    whole, part = domain_statistics(x), domain_statistics(taken(x, places))
    found = in_place(part, places, shape)
    told = ~np.isnan(found)
    channels = shape[0] if len(shape) == 3 else shape[-1]
    assert len(whole) == len(found) == statistics_count(shape)
    np.testing.assert_allclose(found[told], whole[told], rtol=1e-6)
    np.testing.assert_array_equal(told.reshape(-1, channels).any(axis=0).nonzero()[0], places)
    assert told.sum() == len(whole) // channels * len(places)
    assert in_place(whole, None, shape) is whole
