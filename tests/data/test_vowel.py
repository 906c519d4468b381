"""vowel: each speaker is a domain of samples that stand on their own."""

from __future__ import annotations

import numpy as np

from hat_sim.data.packaged import vowel
from hat_sim.data.packaged.catalogue import VOWEL


def member() -> bytes:
    """Two speakers, six samples of each vowel; the features tell speaker, repetition and vowel."""
    rows = [
        f"0,{speaker},1,{speaker}.5,{repetition},{label},-0.25,0,0,0,0,0,7.125,{label}"
        for speaker in (3, 0)
        for repetition in range(6)
        for label in range(11)
    ]
    return "\n".join(rows).encode()


def test_speakers_come_in_order_and_are_counted_from_one() -> None:
    assert [domain.name for domain in vowel.prepare(member())] == ["speaker-1", "speaker-4"]


def test_a_sample_is_the_ten_features_and_nothing_that_names_the_speaker() -> None:
    _, domain = vowel.prepare(member())
    assert domain.x.shape == (66, *VOWEL.shape) and domain.x.dtype == np.float32
    assert domain.x[12].tolist() == [3.5, 1, 1, -0.25, 0, 0, 0, 0, 0, 7.125]


def test_every_sample_is_a_block_and_every_vowel_has_six() -> None:
    for domain in vowel.prepare(member()):
        assert len(set(domain.block.tolist())) == 66
        assert np.bincount(domain.y).tolist() == [6] * len(VOWEL.classes)
