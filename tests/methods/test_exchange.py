"""Joining and fetching: whom the target speaks to, and which of the answers it can use."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hat_sim.learning.source_model import SourceModel, packed
from hat_sim.methods.asks import join
from hat_sim.methods.base import Task
from hat_sim.methods.exchange import fetch_chosen, fetch_heads, fetch_models, fetch_opinions
from hat_sim.protocol.codec import REQUEST_LIMIT, encode
from hat_sim.protocol.effects import Ask, Replies
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.messages import (
    Join,
    Message,
    ModelRequest,
    ModelTransfer,
    Predictions,
    PredictRequest,
    SummaryRequest,
    Welcome,
)

WELCOME = Welcome(architecture="mlp-small", classes=("walk",))


def answered(protocol: Generator[Any, Any, Any], replies: Replies) -> tuple[Ask, Any]:
    """The only thing a protocol asks, and what it makes of these replies."""
    ask = next(protocol)
    assert isinstance(ask, Ask)
    with pytest.raises(StopIteration) as end:
        protocol.send(replies)
    return ask, end.value.value


def transfer(source: SourceModel, **changes: Any) -> ModelTransfer:
    names = tuple(("walk", "run", "rest")[label] for label in source.classes)
    content: dict[str, Any] = {
        "part": "model",
        "architecture": "mlp-small",
        "classes": names,
        "weights": packed(source.model, "fp32"),
        "accuracy": source.accuracy,
    }
    return ModelTransfer(**content | changes)


def test_a_target_announces_its_task_to_all_and_goes_on_with_those_that_welcome_it(
    task_with: Callable[..., Task],
) -> None:
    ask, joined = answered(join(task_with()), Replies({"two": WELCOME, "one": SummaryRequest()}))
    assert ask.phase == "coarse"
    assert list(ask.requests) == ["one", "two"]
    assert set(ask.requests.values()) == {Join(input_shape=(6,), classes=("walk", "run", "rest"))}
    assert joined == ("two",)


def test_fetched_models_are_the_sources_own(
    task_with: Callable[..., Task], source_of: Callable[..., SourceModel]
) -> None:
    """With outputs in the source's order, each with the target's index of its class."""
    source = source_of("one", (2, 0))
    ask, (model,) = answered(fetch_models(task_with(), ("one", "two")), Replies({"one": transfer(source)}))
    assert ask.phase == "transfer"
    assert ask.requests["two"] == ModelRequest(part="model", precision="fp32")
    assert (model.name, model.classes, model.accuracy) == ("one", (2, 0), 0.9)
    x = torch.randn(4, 6)
    assert torch.equal(model.model(x), source.model(x))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"classes": ("walk", "swim")}, Fault.FIELD),
        ({"classes": ()}, Fault.FIELD),
        ({"classes": ("walk",)}, Fault.SHAPE),
        ({"architecture": "mlp"}, Fault.SHAPE),
        ({"architecture": "gru"}, Fault.SHAPE),
        ({"architecture": "transformer"}, Fault.FIELD),
        ({"weights": ()}, Fault.SHAPE),
        ({"weights": (np.zeros((3, 3), np.int64),)}, Fault.SHAPE),
        ({"classes": ("walk", "walk")}, Fault.FIELD),
    ],
)
def test_a_model_that_does_not_fit_is_left_out_and_the_others_stay(
    task_with: Callable[..., Task],
    source_of: Callable[..., SourceModel],
    changes: dict[str, Any],
    fault: Fault,
) -> None:
    sound = transfer(source_of("two", (0, 1)))
    odd = transfer(source_of("one", (0, 1)), **changes)
    replies = Replies({"one": odd, "two": sound})
    _, models = answered(fetch_models(task_with(), ("one", "two")), replies)
    assert [model.name for model in models] == ["two"]
    assert {name: error.fault for name, error in replies.failures.items()} == {"one": fault}


def test_a_head_completes_the_encoder_that_came_before(
    task_with: Callable[..., Task], source_of: Callable[..., SourceModel]
) -> None:
    source, empty = source_of("one", (0, 1), seed=1), source_of("one", (0, 1), seed=2)
    empty.model.encoder.load_state_dict(source.model.encoder.state_dict())
    head: Message = transfer(source, part="head", weights=packed(source.model.head, "fp32"))
    ask, (model,) = answered(fetch_heads(task_with(), ("one",), {"one": empty.model}), Replies({"one": head}))
    assert ask.requests == {"one": ModelRequest(part="head", precision="fp32")}
    x = torch.randn(4, 6)
    assert torch.equal(model.model(x), source.model(x))


def predicted(rows: int, value: float = 1.0, classes: tuple[str, ...] = ("rest", "walk")) -> Predictions:
    return Predictions(classes=classes, logits=np.full((rows, len(classes)), value, np.float16))


def test_opinions_are_asked_about_all_samples_and_name_the_targets_classes(
    task_with: Callable[..., Task],
) -> None:
    task = task_with()
    ask, heard = answered(
        fetch_opinions(task, dict.fromkeys(("one", "two"))), Replies({"two": predicted(18, 0.5)})
    )
    assert ask.phase == "transfer" and list(ask.requests) == ["one", "two"]
    request = ask.requests["one"]
    assert isinstance(request, PredictRequest) and request.classes == task.classes
    [samples] = request.samples
    assert np.array_equal(samples, task.samples)
    assert list(heard) == ["two"] and heard["two"].classes == (2, 0)
    assert torch.equal(heard["two"].logits, torch.full((18, 2), 0.5))


def test_many_samples_are_asked_about_in_parts_that_a_source_reads(task_with: Callable[..., Task]) -> None:
    """Who leaves one part unanswered, or answers it for other classes, is left out."""
    task = replace(task_with(), unlabelled_x=np.zeros((60_000, 6), np.float32))
    protocol = fetch_opinions(task, dict.fromkeys(("one", "two", "odd")))
    ask, rows, heard = next(protocol), [], None
    while heard is None:
        [samples] = ask.requests["one"].samples
        assert len(encode(ask.requests["one"])) <= REQUEST_LIMIT
        rows.append(len(samples))
        replies = {"one": predicted(len(samples), len(rows))}
        if len(rows) == 1:
            replies |= {"two": predicted(len(samples)), "odd": predicted(len(samples))}
        if len(rows) == 2:
            assert list(ask.requests) == ["one", "two", "odd"]
            replies |= {"odd": predicted(len(samples), classes=("walk", "rest"))}
        try:
            ask = protocol.send(Replies(replies))
            assert len(rows) < 2 or list(ask.requests) == ["one"]
        except StopIteration as end:
            heard = end.value
    assert sum(rows) == 60_006 and len(rows) == 3
    assert list(heard) == ["one"]
    assert np.array_equal(heard["one"].logits[:, 0], np.repeat([1.0, 2.0, 3.0], rows))


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (predicted(17), Fault.SHAPE),
        (predicted(18, classes=("walk", "swim")), Fault.FIELD),
        (predicted(18, classes=()), Fault.FIELD),
        (WELCOME, Fault.UNEXPECTED),
    ],
)
def test_an_opinion_that_does_not_fit_is_left_out_with_its_fault(
    task_with: Callable[..., Task], reply: Message, fault: Fault
) -> None:
    replies = Replies({"one": predicted(18), "odd": reply})
    _, heard = answered(fetch_opinions(task_with(), dict.fromkeys(("one", "odd"))), replies)
    assert list(heard) == ["one"] and replies.failures["odd"].fault == fault


def test_who_cannot_be_had_is_replaced_by_the_next_until_there_are_enough_or_nobody_is_left(
    source_of: Callable[..., SourceModel],
) -> None:
    """Of five in rank three are wanted; the first and the fourth are gone."""
    order, gone = ("a", "b", "c", "d", "e"), {"a", "d"}

    def choose(here: tuple[str, ...], without: frozenset[str], top: int = 3) -> list[str]:
        return [name for name in order if name not in without.union(here)][: top - len(here)]

    asked: list[list[str]] = []

    def fetch(names: Any) -> Generator[Any, Any, tuple[SourceModel, ...]]:
        asked.append(list(names))
        return tuple(source_of(name, (0,)) for name in names if name not in gone)
        yield

    def fetched(choose: Any) -> Any:
        asked.clear()
        with pytest.raises(StopIteration) as end:
            next(fetch_chosen(choose, fetch))
        return end.value.value

    found = fetched(choose)
    assert asked == [["a", "b", "c"], ["d"], ["e"]]
    assert [it.name for it in found.models] == ["b", "c", "e"] and found.replaced == {"a": "d", "d": "e"}
    found = fetched(lambda here, without: choose(here, without, top=5))
    assert asked == [["a", "b", "c", "d", "e"]] and found.replaced == {"a": None, "d": None}
