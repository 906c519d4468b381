"""What the machine at hand does: training the built-in architectures, copying memory, and how much it has.

Wall time is measured here and nowhere in a simulation, whose times come from profiles.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.architectures import (
    ARCHITECTURES,
    FEATURES,
    IMAGES,
    SERIES,
    Description,
    describe,
    rank_of,
)
from hat_sim.learning.models import build

CLASSES = 6
SHAPES = {FEATURES: (64,), SERIES: (128, 6), IMAGES: (3, 16, 16)}
"""Of the samples that are trained on; time per sample depends on them."""
BATCH = 64
BUDGET_S = 0.5
"""How long each architecture is trained with each number of threads."""
WHOLE_S = 12.0
"""After so long nothing is begun: cores that others use too can make a step of many threads take seconds."""
COPY_BYTES = 64 * 2**20

Clock = Callable[[], float]


@dataclass(frozen=True)
class Trained:
    """How long training on one sample took, in seconds, forward, backward and update."""

    description: Description
    threads: int
    sample_s: float

    @property
    def speed(self) -> float:
        """Sustained FLOP/s."""
        return self.description.training_flop / self.sample_s


def descriptions() -> tuple[Description, ...]:
    """What is trained: each built-in architecture over samples of its kind."""
    return tuple(describe(name, SHAPES[rank_of(name)], CLASSES) for name in ARCHITECTURES)


def train(description: Description, threads: int, budget_s: float, clock: Clock = perf_counter) -> Trained:
    """Train on random samples for the budget, at least one step after one to warm up."""
    model = build(description, 0)
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, *description.shape, generator=noise)
    y = torch.arange(BATCH) % CLASSES
    optimizer = Adam(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    with _threads(threads):
        step()
        steps, start = 0, clock()
        while True:
            step()
            steps += 1
            if (elapsed := clock() - start) >= budget_s:
                return Trained(description, threads, elapsed / (steps * BATCH))


def measure(
    threads: int, say: Callable[[str], None], budget_s: float, clock: Clock = perf_counter
) -> dict[int, list[Trained]]:
    """Every architecture by one thread, then by `threads`, as far as the time for all of it goes."""
    trained: dict[int, list[Trained]] = {}
    start = clock()
    for count in sorted({1, threads}):
        for description in descriptions():
            if count == 1 or clock() - start < WHOLE_S:
                say(f"training {description.name} with {in_threads(count)}")
                trained.setdefault(count, []).append(train(description, count, budget_s, clock))
    return trained


def in_threads(count: int) -> str:
    """So many threads, in words."""
    return "1 thread" if count == 1 else f"{count} threads"


def sustained(trained: list[Trained]) -> float:
    """The speed of a device that trains so: the median over architectures, FLOP/s."""
    return median(it.speed for it in trained)


def copy_speed(budget_s: float, clock: Clock = perf_counter) -> float:
    """Bytes that are copied from memory to memory in a second, by one thread."""
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8)
    target = torch.empty_like(source).fill_(1)
    with _threads(1):
        copies, start = 0, clock()
        while True:
            target.copy_(source)
            copies += 1
            if (elapsed := clock() - start) >= budget_s:
                return copies * COPY_BYTES / elapsed


def memory_bytes(limits: tuple[Path, ...] = (Path("/sys/fs/cgroup/memory.max"),)) -> int:
    """What this process may use: the machine's memory, or the limit of its container where that is less."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in limits:
        with suppress(OSError, ValueError):  # there is none, or it is `max`
            found.append(int(limit.read_text()))
    return min(found)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
