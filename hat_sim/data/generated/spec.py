"""The description of generated domains: all that is known of them before one is made."""

from __future__ import annotations

from dataclasses import dataclass

from hat_sim.errors import Problem, UserError

_SMALLEST = {1: (2,), 2: (16, 1), 3: (1, 8, 8)}


@dataclass(frozen=True)
class GeneratedSpec:
    """`samples` a domain, classes as equal as that allows; `kinds` of users; UserError if it makes no sense.

    `shift` 0 is none, 1 a strong one. `seed` belongs to this world and not to a run, so that runs of
    several seeds share their domains.
    """

    domains: int
    classes: int
    shape: tuple[int, ...]
    samples: int
    shift: float
    kinds: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        smallest = _SMALLEST.get(len(self.shape), ())
        wrong = {
            "domains": (self.domains < 1, "1 or more"),
            "classes": (self.classes < 2, "2 or more"),
            "shape": (
                not smallest or any(size < least for size, least in zip(self.shape, smallest, strict=True)),
                "at least (2,) features, (16, 1) time and channels, or (1, 8, 8) channels and pixels",
            ),
            "samples": (self.samples < 5 * self.classes, "5 or more a class"),
            "shift": (not 0 <= self.shift < float("inf"), "0 or more"),
            "kinds": (self.kinds < 1, "1 or more"),
        }
        problems = [
            Problem(f"{getattr(self, field)!r} cannot be generated", f"data.generated.{field}", hint)
            for field, (is_wrong, hint) in wrong.items()
            if is_wrong
        ]
        if problems:
            raise UserError(problems)

    @property
    def class_names(self) -> tuple[str, ...]:
        """`class-1`, `class-2`, ..."""
        return tuple(f"class-{number}" for number in range(1, self.classes + 1))

    @property
    def domain_names(self) -> tuple[str, ...]:
        """`domain-1`, `domain-2`, ..."""
        return tuple(f"domain-{number}" for number in range(1, self.domains + 1))
