"""sentiment: sentences that praise or blame, from seven places; a place is a domain.

A text of the same words as an earlier one, in whatever order, is left out, be it of its own or of another
domain: it would be the same vector, and no sample may be in two parts of a split or in two domains.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hat_sim.data.domain import Domain
from hat_sim.data.packaged.catalogue import SENTIMENT
from hat_sim.data.packaged.ngrams import hashed, words_of

[WIDTH] = SENTIMENT.shape
LEAST_SCORE = 0.5
"""Of the raters' mean from -4 to 4; what is nearer to 0 has no label."""
FIXTURES = 3
"""How many of the members are lists of JSON; the others are tables."""


class Text(NamedTuple):
    words: frozenset[str]
    label: int
    source: str
    """What it was cut from: texts of one source share a block."""


def prepare(*members: bytes) -> Iterator[Domain]:
    """The domains in three lists of npm's `sentiment` and four tables of VADER, in the catalogue's order."""
    seen: set[frozenset[str]] = set()
    for place, (name, member) in enumerate(zip(SENTIMENT.domains, members, strict=True)):
        texts = of_fixture(member) if place < FIXTURES else of_table(member)
        yield _domain_of(name, [text for text in texts if _is_new(text.words, seen)])


def of_fixture(member: bytes) -> Iterator[Text]:
    """Texts of a list of `{"text": ..., "class": 0 or 1}`; an entry without a class ends it."""
    for number, entry in enumerate(json.loads(member)):
        if entry["class"] is not None:
            yield Text(words_of(entry["text"]), int(entry["class"]), str(number))


def of_table(member: bytes) -> Iterator[Text]:
    """Texts of lines `id TAB score TAB text`; ids like `12_3` are the third text cut from the twelfth."""
    for line in member.decode().split("\n"):
        identity, score, text = line.rstrip("\r").split("\t")
        if abs(float(score)) >= LEAST_SCORE:
            yield Text(words_of(text), int(float(score) > 0), identity.partition("_")[0])


def _is_new(words: frozenset[str], seen: set[frozenset[str]]) -> bool:
    """Whether there are words, and not seen yet; they are seen from now on."""
    if not words or words in seen:
        return False
    seen.add(words)
    return True


def _domain_of(name: str, texts: Sequence[Text]) -> Domain:
    blocks: dict[str, int] = {}
    for text in texts:
        blocks.setdefault(text.source, len(blocks))
    return Domain(
        name=name,
        x=hashed([text.words for text in texts], WIDTH),
        y=np.array([text.label for text in texts], np.int64),
        block=np.array([blocks[text.source] for text in texts], np.int64),
    )
