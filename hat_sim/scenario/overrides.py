"""Values that the command line puts in place of the file's: `--set PATH=VALUE` and `--seed N`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.tree import Tree, read_value


def apply_overrides(tree: Tree, overrides: Iterable[str], seed: int | None = None) -> None:
    """Put every `PATH=VALUE`, and the seed where one is given, into `tree`, later ones over earlier ones.

    PATH is dotted, an entry of a list by its index from 0, and VALUE is YAML. A key that the file does not
    have is added, so that defaults can be overridden; whether a scenario may have it shows when the
    scenario is validated. Raises UserError with all the problems of all the overrides.
    """
    problems: list[Problem] = []
    for override in overrides:
        try:
            _apply(tree, override)
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    if seed is not None:
        put(tree, "seed", seed, "--seed")


def put(tree: Tree, path: str, value: Any, where: str) -> None:
    """Put a value at a dotted path; sections around it that are not there are added. `where` has set it.

    UserError where the path leads into something that has no inside.
    """
    steps = path.split(".")
    holder: Any = tree.values
    for depth, step in enumerate(steps[:-1]):
        around = ".".join(steps[:depth])
        key = _key(holder, step, around, where)
        if isinstance(holder, dict) and holder.get(key) is None:
            holder[key] = {}
            tree.places[f"{around}.{step}" if around else step] = where
        holder = holder[key]
    holder[_key(holder, steps[-1], ".".join(steps[:-1]), where)] = value
    for place in [place for place in tree.places if place == path or place.startswith(f"{path}.")]:
        del tree.places[place]
    tree.places[path] = where


def _apply(tree: Tree, override: str) -> None:
    path, equals, text = override.partition("=")
    path = path.strip()
    where = f"--set {path}"
    if not equals or not all(path.split(".")):
        raise UserError(
            Problem(
                "expected PATH=VALUE", where=f"--set {override}", hint="for example --set target.link=lte"
            )
        )
    if not text.strip():
        raise UserError(Problem("there is no value after the =", where=where, hint="null is written `null`"))
    put(tree, path, read_value(text, where), where)


def _key(holder: Any, step: str, path: str, where: str) -> str | int:
    """`step` as a key or index of `holder`, which stands at `path`."""
    if isinstance(holder, dict):
        return step
    if not isinstance(holder, list):
        raise UserError(Problem(f"{path} is {holder!r} and has no {step!r} inside", where=where))
    if step.isdecimal() and int(step) < len(holder):
        return int(step)
    hint = f"an index from 0 to {len(holder) - 1}" if holder else "the list is empty"
    raise UserError(Problem(f"{path} is a list and has no entry {step!r}", where=where, hint=hint))
