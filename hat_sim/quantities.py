"""How a report writes numbers: rounded for a reader, with a unit that stays on the number's line."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "\u00a0"
"""Between a number and its unit."""

_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def size(amount: float) -> str:
    """Bytes: `463 kB`."""
    return _prefixed(amount, "B", least=1.0)


def rate(bits: float) -> str:
    """Bits per second: `6.3 Mbit/s`."""
    return _prefixed(bits, "bit/s", least=1.0)


def speed(flop: float) -> str:
    """FLOP per second: `15 GFLOP/s`."""
    return _prefixed(flop, "FLOP/s", least=1.0)


def joules(amount: float) -> str:
    """Joules: `30.9 J`."""
    return _prefixed(amount, "J")


def duration(seconds: float) -> str:
    """Seconds up to two minutes, above that minutes or hours: `4.33 s`, `12.5 min`."""
    if seconds >= 7200:
        return f"{number(seconds / 3600)}{GAP}h"
    if seconds >= 120:
        return f"{number(seconds / 60)}{GAP}min"
    return _prefixed(seconds, "s") if seconds < 1 else f"{number(seconds)}{GAP}s"


def percent(share: float) -> str:
    """A share in percent: `89.6 %`."""
    return f"{100 * share:.1f}{GAP}%"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign: `+28.1 points`."""
    return f"{100 * difference:+.1f}{GAP}points".replace("-", "−")  # noqa: RUF001


def number(value: float) -> str:
    """Three significant digits, whole numbers in full, without an exponent: `0.449`, `1,234`."""
    if value == int(value):
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):.9f}".rstrip("0").rstrip(".") if abs(value) >= 1e-6 else f"{value:.2e}"


def counted(count: int, noun: str) -> str:
    """A count and its noun: `1 source`, `29 sources`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(words: Sequence[str], most: int = 5) -> str:
    """Words in a sentence, the first `most` of them: `a, b and c`; `none` where there are none."""
    if not words:
        return "none"
    shown = [*words[:most], f"{len(words) - most} more"] if len(words) > most else list(words)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _prefixed(amount: float, unit: str, least: float = 0.0) -> str:
    for scale, prefix in _SI:
        if scale >= least and abs(float(f"{amount:.3g}")) >= scale:
            return f"{number(float(f'{amount / scale:.3g}'))}{GAP}{prefix}{unit}"
    return f"{number(amount)}{GAP}{unit}"
