"""An `Ask` of a target as its world sees it: who is still waited for, and what has arrived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hat_sim.errors import InternalError
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.ledger import CORRUPT, INCOMPLETE, LedgerRow, refused
from hat_sim.protocol.steps import Answer, AskStep, Parcel
from hat_sim.simulation.transport import Ticket


@dataclass
class Exchange:
    """One `Ask`, over all its attempts.

    `awaited` says of each source that is waited for until when, None without end; `arrived` holds what came
    of it since the target last went on, `rows` the rows of all that it was given. So many have `answered`
    on the latest attempt, and the sources are `whole` that ever did.
    """

    target: str
    step: AskStep
    since_ns: int
    is_open: bool = True
    latest: Attempt | None = None
    awaited: dict[str, int | None] = field(default_factory=dict)
    arrived: dict[str, list[Parcel]] = field(default_factory=dict)
    rows: defaultdict[str, list[tuple[LedgerRow, Parcel]]] = field(default_factory=lambda: defaultdict(list))
    answered: int = 0
    whole: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.awaited = dict.fromkeys(self.step.parcels)

    def again(self, step: AskStep, now_ns: int) -> None:
        """The target asks some of them once more; what comes late of earlier attempts counts as well."""
        self.step, self.since_ns, self.is_open, self.latest = step, now_ns, True, None
        self.awaited, self.arrived, self.answered = dict.fromkeys(step.parcels), {}, 0

    @property
    def is_settled(self) -> bool:
        """Whether nobody is waited for, or enough have answered."""
        enough = self.step.enough
        return not self.awaited or (enough is not None and self.answered >= enough)

    def accept(self, source: str, parcel: Parcel, row: LedgerRow, is_last: bool) -> bool:
        """A frame of an answer has arrived; False where nobody waits for it."""
        if not self.is_open or source not in self.awaited:
            return False
        self.arrived.setdefault(source, []).append(parcel)
        self.rows[source].append((row, parcel))
        if is_last:
            del self.awaited[source]
            if not any(it.corrupt for it in self.arrived[source]):
                self.answered += 1
                self.whole.add(source)
        return True

    def give_up(self, now_ns: int) -> list[str]:
        """The sources whose time is over; they are not awaited any more."""
        over = [name for name, until in self.awaited.items() if until is not None and until <= now_ns]
        for name in over:
            del self.awaited[name]
        return over

    def replies(self) -> dict[str, Parcel]:
        """What has arrived, a parcel for each source."""
        return {name: Parcel.together(them) for name, them in self.arrived.items()}

    def end(self) -> None:
        """The target asks for nothing more; what has come in part was in vain."""
        for source, rows in self.rows.items():
            for row, _ in rows if source not in self.whole else ():
                row.outcome = INCOMPLETE

    def refuse(self, source: str, fault: Fault) -> None:
        """The target refuses what came of a source: the frames that are corrupt, or else all of it."""
        rows = self.rows[source]
        if not rows:
            raise InternalError(f"{self.target} refuses a frame of {source}, which none was sent by")
        corrupt = [row for row, parcel in rows if parcel.corrupt]
        for row in corrupt:
            row.outcome = CORRUPT
        for row, _ in [] if corrupt else rows:
            row.outcome = refused(fault)
        self.rows[source] = [(row, parcel) for row, parcel in rows if not parcel.corrupt]


@dataclass
class Attempt:
    """One attempt: its requests, and the ticket of the answers to them."""

    exchange: Exchange
    step: AskStep
    requests: Mapping[str, Parcel]
    ticket: Ticket
    answers: Mapping[str, Answer] | None = None

    def __post_init__(self) -> None:
        self._unasked = iter(self.requests)

    def next_unasked(self) -> str | None:
        """The next source whose request is still to be sent, and which has not answered an earlier one."""
        return next((name for name in self._unasked if name in self.exchange.awaited), None)

    def answered(self, made: Sequence[Any]) -> Mapping[str, Answer]:
        """The answers, from now on by source."""
        self.answers = dict(zip(self.requests, made, strict=True))
        return self.answers
