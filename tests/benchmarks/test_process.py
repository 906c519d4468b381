"""Watching a command: its lines, their times, its failure, its memory."""

from __future__ import annotations

import sys

import pytest

from benchmarks.process import watch
from benchmarks.tree import TreeUsage


def test_lines_come_with_the_time_at_which_they_were_printed():
    """A line that is printed before a pause is seen before it."""
    watched = watch([sys.executable, "-c", "import time; print('a'); time.sleep(1); print('b')"])
    assert [line for _, line in watched.lines] == ["a", "b"]
    assert watched.at("b") - watched.at("a") > 0.1
    assert watched.at("b") <= watched.wall_s


def test_a_line_that_never_came_is_an_error_with_the_output():
    with pytest.raises(ValueError, match="no line with 'b' in:\na"):
        watch([sys.executable, "-c", "print('a')"]).at("b")


def test_a_command_that_fails_is_an_error_with_its_output():
    with pytest.raises(RuntimeError, match="exit code 3:\nwhy"):
        watch([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_counts_a_process_with_its_descendants():
    """The child's child holds 64 MiB; the watched process only waits for it."""
    held = "import time; held = b'x' * 2**26; time.sleep(0.8)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    assert watch([sys.executable, "-c", parent], memory=True).peak_bytes > 2**26


def test_a_process_that_is_gone_has_used_nothing():
    usage = TreeUsage(2**22 + 1)
    usage.sample(memory=True)
    assert (usage.peak_bytes, usage.cpu_s) == (0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="processor time is read from /proc")
def test_processor_time_counts_descendants_and_no_sleep():
    """The child of the watched process computes for 0.6 s of its processor time, then all of them sleep."""
    busy = "import time\nwhile time.process_time() < 0.6: pass\ntime.sleep(1)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    watched = watch([sys.executable, "-c", parent])
    assert watched.cpu_s + 0.02 >= 0.6
    assert watched.cpu_s < watched.wall_s - 0.5
