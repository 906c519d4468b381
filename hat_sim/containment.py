"""A block whose processes all end with it, whatever ends it: a signal, an error, or its last line."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

MARK = "HAT_SIM_CONTAINED"
"""The environment variable that every process started in the block inherits."""
_PATIENCE_S = 2.0
_PAUSE_S = 0.05


@contextmanager
def contained(stop: Callable[[], object]) -> Iterator[None]:
    """When the block is left, call `stop`, then kill what it has left over of all that the block started.

    An interrupt that arrives meanwhile is ignored: somebody presses Ctrl-C twice. Orphans are found by their
    environment, which takes a /proc; elsewhere `stop` has to do alone.
    """
    mark = f"{MARK}={uuid.uuid4().hex}"
    os.environ[MARK] = mark.partition("=")[2]
    try:
        yield
    finally:
        with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN):
            del os.environ[MARK]
            try:
                stop()
            finally:
                _kill_marked(mark.encode())


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP leave the block as SystemExit, with the exit code that a shell gives for them.

    On the way there they are a KeyboardInterrupt: Ray's blocking calls pass no other one on.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    with _handling((signal.SIGTERM, signal.SIGHUP), interrupt):
        try:
            yield
        except KeyboardInterrupt:
            if received:
                sys.exit(128 + received[0])
            raise


@contextmanager
def _handling(
    signals: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], object] | signal.Handlers
) -> Iterator[None]:
    """Handle signals in the block, where this is the main thread, which alone may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, signal.SIG_DFL if previous is None else previous)


def _kill_marked(mark: bytes) -> None:
    """Kill until nobody is seen twice in a row: a process that just starts has no environment yet."""
    deadline = time.monotonic() + _PATIENCE_S
    quiet = 0
    while quiet < 2 and time.monotonic() < deadline:
        left = _marked(mark)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        quiet = 0 if left else quiet + 1
        time.sleep(_PAUSE_S)


def _marked(mark: bytes) -> list[int]:
    """The processes whose environment has the mark; a zombie has none any more."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = environment.read_bytes()
        except OSError:
            continue
        if mark in content.split(b"\0"):
            found.append(int(environment.parent.name))
    return found
