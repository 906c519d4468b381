"""Whether a folder may receive a run or a sweep: what is there already, and what the user says of that."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from hat_sim.errors import UserError


class Claimed(Protocol):
    """A folder as one looks at it before anything is put there."""

    @property
    def path(self) -> Path: ...

    def is_empty(self) -> bool: ...

    def is_ours(self) -> bool: ...

    def is_finished(self) -> bool: ...


def check_claim(folder: Claimed, kind: str, holds_this: bool, other: str, resume: bool, force: bool) -> None:
    """UserError where a `kind` of ours, a run or a sweep, must not go to a folder.

    `holds_this` says whether the folder holds the very one, and `other` what it holds if not.
    """
    if folder.is_empty():
        return
    if not folder.is_ours():
        raise UserError(f"{folder.path} exists and is no {kind} folder", hint="name another one with --out")
    if force:
        return
    if not holds_this:
        raise UserError(
            f"{folder.path} holds {other}",
            hint=f"name another folder with --out, or give --force to put this {kind} in its place",
        )
    if not folder.is_finished() and not resume:
        raise UserError(
            f"{folder.path} holds an unfinished {kind}",
            hint="--resume goes on with it, --force starts again",
        )
