"""vowel: eleven vowels of British English, six samples of each from 15 people; a speaker is a domain.

A sample is ten log area ratios of the vocal tract. The columns of the table are: original train or test
part, speaker, sex, ten features, vowel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hat_sim.data.domain import Domain
from hat_sim.data.packaged.keel import read_table

SPEAKER, FIRST_FEATURE, VOWEL = 1, 3, 13


def prepare(member: bytes) -> Iterator[Domain]:
    """The domains in `vowel.dat`, speaker by speaker; each sample is a block of its own."""
    table = read_table(member)
    for speaker in np.unique(table[:, SPEAKER]):
        rows = table[table[:, SPEAKER] == speaker]
        yield Domain(
            name=f"speaker-{int(speaker) + 1}",
            x=rows[:, FIRST_FEATURE:VOWEL].astype(np.float32),
            y=rows[:, VOWEL].astype(np.int64),
            block=np.arange(len(rows), dtype=np.int64),
        )
