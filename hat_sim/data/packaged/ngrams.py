"""Texts as vectors of hashed n-grams: any device makes the same of a text, without a shared vocabulary."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

LETTERS = (3, 4, 5)
"""Lengths of the n-grams of letters within a word, its beginning and end marked."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words_of(text: str) -> frozenset[str]:
    """Its different words in lower case, without punctuation.

    >>> sorted(words_of("It&apos;s SO good -- ''really'', so good!"))
    ["it's", 'good', 'really', 'so']
    """
    return frozenset(_WORD.findall(html.unescape(text).replace("\u2019", "'").lower()))


def hashed(texts: Sequence[frozenset[str]], width: int) -> NDArray[np.float32]:
    """Vectors (texts, width) of length 1: each n-gram of a text's words adds 1 or -1 at a place of its own.

    Sign and place are bits of the CRC-32 of the n-gram, which counts once however often it occurs.
    """
    sums = np.zeros((len(texts), width), np.int64)
    for row, words in zip(sums, texts, strict=True):
        for gram in {gram for word in words for gram in _grams(word)}:
            code = zlib.crc32(gram.encode())
            row[(code >> 1) % width] += 1 if code & 1 else -1
    lengths = np.sqrt((sums**2).sum(axis=1, keepdims=True))
    return np.asarray(sums / np.maximum(lengths, 1), np.float32)


def _grams(word: str) -> Iterator[str]:
    yield word
    marked = f"<{word}>"
    for length in LETTERS:
        for start in range(len(marked) - length + 1):
            yield f"#{marked[start : start + length]}"
