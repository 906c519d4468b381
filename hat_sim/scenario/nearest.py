"""The known word nearest to one that is not known, for "did you mean" hints."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word of `known` most like `word`, case aside, or None where none is much like it.

    >>> nearest("pi44", ["pi4", "pi5", "lte"])
    'pi4'
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def suggestion(word: str, known: Iterable[str], limit: int = 20) -> str:
    """The hint that goes with an unknown word: the nearest known one, else at most `limit` of them."""
    known = list(known)
    match = nearest(word, known)
    if match is not None:
        return f'did you mean "{match}"?'
    if not known:
        return "none is known here"
    rest = f" and {len(known) - limit} more" if len(known) > limit else ""
    return f"known: {', '.join(known[:limit])}{rest}"
