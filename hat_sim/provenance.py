"""What made a result, so that two can be told apart: the code of this package, by its digest."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_digest() -> str:
    """The SHA-256 (hex) of every Python file of this package, and of the nodes that stand beside it."""
    package = Path(__file__).parent
    files = [*package.rglob("*.py"), *package.parent.joinpath("nodes").glob("*.py")]
    return hashlib.sha256("".join(digest_of(file) for file in sorted(files)).encode()).hexdigest()


def digest_of(file: Path) -> str:
    """The SHA-256 (hex) of a file, empty where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
