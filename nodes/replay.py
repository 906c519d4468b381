"""Replay: the outcome of a computation is found again by everything that led to it.

A protocol is deterministic, so what it computes next is a function of where it began and of every frame that
has answered it since. That history has a digest, and recorded outcomes are found by it: a target that is
started again goes through the same steps without doing the work twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Outcomes(Protocol):
    """A store of outcomes; it may forget, and never gives one under another key."""

    def recall(self, key: str) -> Any:
        """The outcome recorded under `key`, None if there is none."""
        ...

    def record(self, key: str, outcome: Any) -> None: ...

    def reserve(self, key: str) -> AbstractContextManager[None]:
        """Wait until nobody else is at work on this outcome, and keep others waiting meanwhile."""
        ...


def remembered(outcomes: Outcomes, key: str, compute: Callable[[], T]) -> T:
    """The outcome under `key`: recalled, or computed now and recorded, by one process at a time."""
    found: T | None = outcomes.recall(key)
    if found is not None:
        return found
    with outcomes.reserve(key):
        found = outcomes.recall(key)
        if found is None:
            found = compute()
            outcomes.record(key, found)
    return found


class NoOutcomes:
    """Remembers nothing: every computation is done."""

    def recall(self, key: str) -> Any:
        return None

    def record(self, key: str, outcome: Any) -> None:
        pass

    def reserve(self, key: str) -> AbstractContextManager[None]:
        return nullcontext()


class History:
    """The digest of a protocol's past, which begins with `origin`: data, task, method and code."""

    def __init__(self, origin: str) -> None:
        self._digest = hashlib.sha256(origin.encode())

    def answered(self, frames: Mapping[str, bytes]) -> None:
        """These frames have answered; which did not is part of it, whatever the order they came in."""
        digest = cache(lambda frame: hashlib.sha256(frame).digest())
        parts = [part for name in sorted(frames) for part in (name.encode(), digest(frames[name]))]
        self._add(*parts, b"answered")

    def computed(self, label: str) -> None:
        self._add(label.encode())

    def key(self, label: str) -> str:
        """The name of what is computed next, in hex."""
        now = self._digest.copy()
        now.update(label.encode())
        return now.hexdigest()

    def _add(self, *parts: bytes) -> None:
        self._digest.update(b"".join(len(part).to_bytes(8, "little") + part for part in parts))
