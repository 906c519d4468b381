"""sentiment: texts of two forms become hashed vectors, and none of them comes twice."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from hat_sim.data.packaged import sentiment
from hat_sim.data.packaged.catalogue import SENTIMENT
from hat_sim.data.packaged.ngrams import hashed, words_of


def fixture(*texts: tuple[str, int]) -> bytes:
    entries = [{"text": text, "class": label} for text, label in texts]
    return json.dumps([*entries, {"text": "", "class": None}]).encode()


def table(*lines: tuple[str, float, str]) -> bytes:
    return "\r\n".join(f"{identity}\t{score}\t{text}" for identity, score, text in lines).encode()


@pytest.fixture
def members() -> list[bytes]:
    return [
        fixture(("Good case.", 1), ("bad plug", 0), ("GOOD CASE!!", 1)),
        fixture(("a fine film", 1)),
        fixture(("cold food", 0)),
        table(("1", 2.5, "so lucky"), ("2", 0.4, "a phone"), ("3", -0.5, "oh no"), ("4", 1, ":)")),
        table(("1_1", -0.9, "it froze"), ("1_2", 3, "case, good"), ("2_1", 2, "worked"), ("1_3", -1, "junk")),
        table(("1", 1.0, "clich\u00e9s disappear")),
        table(("7_1", -2, "a sham"), ("7_2", 1, "hope &amp; joy")),
    ]


def test_domains_come_in_the_order_of_the_catalogue(members: list[bytes]) -> None:
    made = list(sentiment.prepare(*members))
    assert tuple(domain.name for domain in made) == SENTIMENT.domains
    assert all(domain.x.shape == (len(domain.y), *SENTIMENT.shape) for domain in made)
    assert all(domain.x.dtype == np.float32 for domain in made)


def test_a_text_of_the_same_words_is_kept_once_in_all_domains(members: list[bytes]) -> None:
    amazon, *_, amazon2, _, _ = sentiment.prepare(*members)
    assert amazon.y.tolist() == [1, 0]
    assert amazon2.y.tolist() == [0, 1, 0], "amazon has had `good case`"


def test_scores_become_signs_and_weak_ones_nothing(members: list[bytes]) -> None:
    tweets = list(sentiment.prepare(*members))[3]
    assert tweets.y.tolist() == [1, 0], "0.4 is too weak, and a smile alone has no words"


def test_texts_of_one_review_are_a_block(members: list[bytes]) -> None:
    amazon, *_, amazon2, _, nyt = sentiment.prepare(*members)
    assert amazon.block.tolist() == [0, 1]
    assert amazon2.block.tolist() == [0, 1, 0]
    assert nyt.block.tolist() == [0, 0]


def test_words_are_of_any_alphabet_in_lower_case_and_without_punctuation() -> None:
    assert words_of("''Conan'' isn\u2019t CLICH\u00c9d &amp; it's 5-star!") == {
        "conan",
        "isn't",
        "clich\u00e9d",
        "it's",
        "5",
        "star",
    }


def test_a_vector_is_signed_counts_of_hashed_grams_scaled_to_length_one() -> None:
    """The plain twin: each gram of `bad` by hand."""
    expected = np.zeros(64)
    for gram in ("bad", "#<ba", "#bad", "#ad>", "#<bad", "#bad>", "#<bad>"):
        code = zlib.crc32(gram.encode())
        expected[code // 2 % 64] += 1 if code % 2 else -1
    [found] = hashed([frozenset({"bad"})], 64)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-6)


def test_a_gram_that_words_share_counts_once() -> None:
    [found] = hashed([frozenset({"aa", "aab"})], 2**16)
    steps = np.abs(found[found != 0])
    assert len(steps) == len(
        {"aa", "#<aa", "#aa>", "#<aa>", "aab", "#aab", "#ab>", "#<aab", "#aab>", "#<aab>"}
    )
    np.testing.assert_allclose(steps, len(steps) ** -0.5, rtol=1e-6)


def test_a_text_without_words_is_zero() -> None:
    assert not hashed([frozenset()], 8).any()
