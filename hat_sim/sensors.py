"""Sensors by name: which channels of a sample are whose, and what a device sees that carries some of them.

Channels are counted from 0 along one axis of a sample: features of a vector, the last axis of a series, the
first of an image. A device sees the channels of its sensors alone, in the order in which the data have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from hat_sim.errors import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

AND = "+"
"""Between the names of sensors that one device carries, where these are written as one word."""


@dataclass(frozen=True)
class Sensor:
    """A sensor and its channels, ascending."""

    name: str
    channels: tuple[int, ...]


Sensors = tuple[Sensor, ...]
Places = tuple[int, ...]
"""Indices of channels in a sample, ascending."""


def named(channels: Mapping[str, Sequence[int]]) -> Sensors:
    """Sensors from the channels of each, in whatever order these are given."""
    return tuple(Sensor(name, tuple(sorted(them))) for name, them in channels.items())


def sensor_problems(channels: Mapping[str, Sequence[int]], count: int) -> Iterator[Problem]:
    """What is wrong with sensors of samples that have `count` channels: each is of exactly one sensor."""
    owners: dict[int, list[str]] = {channel: [] for channel in range(count)}
    for name, them in channels.items():
        for channel in them:
            if channel in owners:
                owners[channel].append(name)
            else:
                hint = f"channels count from 0 to {count - 1}"
                yield Problem(f"{name} has the channel {channel}, which samples have not", hint=hint)
    for channel, names in owners.items():
        if len(names) != 1:
            of = f"of {' and '.join(names)}" if names else "of no sensor"
            yield Problem(f"channel {channel} is {of}", hint="each channel of exactly one sensor")


def carried(sensors: Sensors, names: Sequence[str] | None) -> Sensors | None:
    """The sensors of these names, in the order of the data; None, all channels without a name, for None."""
    return None if names is None else tuple(sensor for sensor in sensors if sensor.name in names)


@overload
def names_of(sensors: Sensors) -> tuple[str, ...]: ...
@overload
def names_of(sensors: Sensors | None) -> tuple[str, ...] | None: ...
def names_of(sensors: Sensors | None) -> tuple[str, ...] | None:
    """Their names; None for None."""
    return None if sensors is None else tuple(sensor.name for sensor in sensors)


@overload
def channels_of(sensors: Sensors) -> Places: ...
@overload
def channels_of(sensors: Sensors | None) -> Places | None: ...
def channels_of(sensors: Sensors | None) -> Places | None:
    """The channels of all of these sensors; None, which stands for all there are, for None."""
    if sensors is None:
        return None
    return tuple(sorted(channel for sensor in sensors for channel in sensor.channels))


def places_of(sensors: Sensors) -> dict[str, Places]:
    """Where the channels of each sensor are in a sample of these sensors alone."""
    place = {channel: index for index, channel in enumerate(channels_of(sensors))}
    return {sensor.name: tuple(place[channel] for channel in sensor.channels) for sensor in sensors}


def axis_of(shape: Sequence[int]) -> int:
    """The axis of the channels of a sample, or of many samples, counted from the last."""
    return -3 if len(shape) == 3 else -1


def taken(x: NDArray[Any], places: Places | None) -> NDArray[Any]:
    """Samples (samples, *shape) with these of their channels alone; None takes all of them."""
    return x if places is None else x.take(places, axis=axis_of(x.shape[1:]))


def shape_taken(shape: tuple[int, ...], places: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of a sample with these of its channels alone."""
    if places is None:
        return shape
    axis = len(shape) + axis_of(shape)
    return (*shape[:axis], len(places), *shape[axis + 1 :])
