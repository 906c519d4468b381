"""The families of errors: what the user can mend, what the machine did, and what is a bug of ours.

Another one, `hat_sim.protocol.errors.ProtocolError`, is an event of the simulated world.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass


class HatSimError(Exception):
    """Base of every error that this package raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the user's input.

    `what` says what is wrong and `hint` what would be accepted; `where` is a position such as
    `hapt.yaml:12` and `path` the dotted path inside of the scenario, each None where it has none.
    """

    what: str
    path: str | None = None
    hint: str | None = None
    where: str | None = None

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.where, self.path) if part)
        sentence = f"{place}: {self.what}" if place else self.what
        return f"{sentence} ({self.hint})" if self.hint else sentence


class UserError(HatSimError):
    """The user's input is wrong: the command line prints every problem and exits with 2."""

    def __init__(self, problems: Problem | Iterable[Problem] | str, hint: str | None = None) -> None:
        if isinstance(problems, str):
            problems = Problem(problems, hint=hint)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class LostProcessError(HatSimError):
    """A process that carried nodes has ended in the middle of its work, and nobody knows why."""

    def __init__(self, why: str) -> None:
        super().__init__(f"a process that carried nodes is gone (is memory short?): {why}")


class RemoteError(HatSimError):
    """An error of another process, in words alone: its `kind`, its message, and where it arose there."""

    def __init__(self, kind: str, message: str, trace: str) -> None:
        super().__init__(kind, message, trace)
        self.kind = kind
        self.message = message
        self.trace = trace

    @classmethod
    def of(cls, error: Exception) -> RemoteError:
        """What there is to say of an error; one that has come from elsewhere already is itself."""
        if isinstance(error, cls):
            return error
        return cls(type(error).__name__, str(error), "".join(traceback.format_exception(error)))

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


def told(error: Exception) -> str:
    """An error in words: the user's own as it is, any other with its kind."""
    return str(error if isinstance(error, UserError) else RemoteError.of(error))


class InternalError(HatSimError):
    """A promise of this package to itself is broken: a bug, never the user's fault."""
