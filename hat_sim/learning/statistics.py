"""The summary of a domain that a source shares for coarse selection: a few statistics, no samples.

HaT (arXiv 2412.04060) compares domains by "lightweight statistical features"; which ones is left open
there, and these are ours: for each channel mean, deviation, minimum, maximum, skewness, kurtosis, root
mean square and the share of spectral energy in four bands, each taken over a window and averaged over the
domain, and the deviation of the first two over the domain. Wide vectors, such as hashed texts, have mean
and deviation alone: seven figures for each of a thousand features would weigh as much as a small model.
"""

from __future__ import annotations

from math import ceil, log2, prod

import numpy as np
from numpy.typing import NDArray

from hat_sim.sensors import Places, axis_of

BANDS = 4
MOMENTS = 7
WIDE = 128
"""Vectors of more features than this are summarised by two figures a feature."""
_POINTWISE_FLOP = 14
_WIDE_FLOP = 4


def domain_statistics(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Statistics, float32 of shape (statistics,), of samples of shape (samples, *shape).

    Each figure of all channels, one after the other. The unit of observation is a window of a series, a
    channel of an image, or, where a sample is a plain feature vector, the whole domain: its samples have no
    order, so there are no bands, and no spread.
    """
    signals = _signals(x).astype(np.float64)
    mean, deviation = signals.mean(axis=2), signals.std(axis=2)
    if x.ndim == 2 and x.shape[1] > WIDE:
        return np.concatenate([mean, deviation]).ravel().astype(np.float32)
    scale = np.where(deviation > 1e-9, deviation, 1)
    centred = (signals - mean[:, :, None]) / scale[:, :, None]
    moments = [
        mean,
        deviation,
        signals.min(axis=2),
        signals.max(axis=2),
        (centred**3).mean(axis=2),
        (centred**4).mean(axis=2),
        np.sqrt((signals**2).mean(axis=2)),
    ]
    if x.ndim == 2:
        return np.concatenate(moments).ravel().astype(np.float32)
    power = np.abs(np.fft.rfft(centred, axis=2)[:, :, 1:]) ** 2
    total = np.maximum(power.sum(axis=2), 1e-12)
    shares = [band.sum(axis=2) / total for band in np.array_split(power, BANDS, axis=2)]
    per_window = np.stack([*moments, *shares])
    spread = per_window[:2].std(axis=1)
    return np.concatenate([per_window.mean(axis=1).ravel(), spread.ravel()]).astype(np.float32)


def statistics_count(shape: tuple[int, ...]) -> int:
    """How many statistics samples of `shape` have: as many for each channel."""
    figures = MOMENTS + BANDS + 2 if len(shape) > 1 else 2 if shape[0] > WIDE else MOMENTS
    return figures * shape[axis_of(shape)]


def in_place(
    statistics: NDArray[np.float32], places: Places | None, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Statistics of the channels at `places` of samples of `shape`, where they stand among those of all.

    What they do not tell is NaN. Of vectors that are wide where these are not, the first figures alone have
    a place.
    """
    if places is None:
        return statistics
    channels = shape[axis_of(shape)]
    table = np.full((statistics_count(shape) // channels, channels), np.nan, np.float32)
    told = statistics.reshape(-1, len(places))
    figures = min(len(table), len(told))
    table[:figures, list(places)] = told[:figures]
    return table.ravel()


def statistics_flop(samples: int, shape: tuple[int, ...]) -> int:
    """Work of `domain_statistics`: the pointwise passes and a real FFT of 2.5 n log2 n."""
    values = samples * prod(shape)
    if len(shape) == 1:
        return values * (_WIDE_FLOP if shape[0] > WIDE else _POINTWISE_FLOP)
    length = shape[0] if len(shape) == 2 else shape[1] * shape[2]
    return values * (_POINTWISE_FLOP + ceil(2.5 * log2(length)))


def _signals(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(windows, channels, length)."""
    if x.ndim == 2:
        return x.T[None]
    if x.ndim == 3:
        return x.transpose(0, 2, 1)
    return x.reshape(*x.shape[:2], -1)
