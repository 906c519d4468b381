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
from typing import NoReturn

MARK = "HAT_SIM_CONTAINED"
"""The environment variable by which processes that were started in the block are known."""
_STDOUT, _STDERR = 1, 2
_SHOW_CURSOR = b"\x1b[?25h"
_PATIENCE_S = 2.0
_PAUSE_S = 0.05


@contextmanager
def contained(stop: Callable[[], object]) -> Iterator[None]:
    """When the block is left, call `stop`, then kill what it has left over of all that the block started.

    A signal that arrives meanwhile is ignored: somebody presses Ctrl-C twice. What is left over is found by
    its environment, which takes a /proc; elsewhere `stop` has to do alone.
    """
    around = os.environ.get(MARK)
    os.environ[MARK] = uuid.uuid4().hex
    os.environ["SPT_NOENV"] = "1"  # setproctitle, which Ray uses, must not write over the environment
    try:
        yield
    finally:
        with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN):
            try:
                stop()
            finally:
                _kill_marked()
                if around is None:
                    del os.environ[MARK]
                else:
                    os.environ[MARK] = around


def kill_contained(command: str) -> None:
    """Within a contained block, kill the processes that it started whose command line holds `command`."""
    for pid in _marked():
        with suppress(OSError):
            if command.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


@contextmanager
def abandonable() -> Iterator[None]:
    """Within a contained block, one that must not be left by the exception of a signal.

    A signal ends this process at once, without any clean-up but that of the terminal, and first all processes
    that are contained. What threads say about their loss is not heard.
    """

    def abandon(number: int, frame: FrameType | None) -> NoReturn:
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDERR)
        _kill_marked()
        if os.isatty(_STDOUT):
            os.write(_STDOUT, _SHOW_CURSOR)
        os._exit(128 + number)

    with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), abandon):
        yield


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP leave the block as SystemExit, with the exit code that a shell gives for them.

    On the way there they are a KeyboardInterrupt: Ray's blocking calls pass no other one on.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
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
    """Handle signals in the block, where this is the main thread, which alone may say so.

    One that is ignored stays ignored: nohup and shells in the background mean it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, signal.SIG_DFL if previous is None else previous)


def _kill_marked() -> None:
    """Kill until nobody is seen twice in a row: a process that just starts has no environment yet."""
    deadline = time.monotonic() + _PATIENCE_S
    quiet = 0
    while quiet < 2 and time.monotonic() < deadline:
        left = _marked()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        quiet = 0 if left else quiet + 1
        time.sleep(_PAUSE_S)


def _marked() -> list[int]:
    """The processes that inherited the mark; this one got it after its start and is not among them."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = environment.read_bytes()
        except OSError:
            continue
        if mark in content.split(b"\0"):
            found.append(int(environment.parent.name))
    return found
