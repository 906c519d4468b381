"""The sections of a scenario: each one known to the messages, each key explained in the JSON Schema."""

import jsonschema
import pytest
from ruamel.yaml import YAML

from hat_sim.scenario import data, profiles, schema, sources, trace
from hat_sim.scenario.json_schema import json_schema
from hat_sim.scenario.messages import SECTIONS
from hat_sim.scenario.nearest import nearest, suggestion
from hat_sim.scenario.section import Section


def test_every_section_has_its_path() -> None:
    defined = {
        each
        for module in (schema, data, sources, profiles, trace)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Section) and each is not Section
    }
    assert set(SECTIONS.values()) == defined


def test_every_key_of_every_section_is_explained() -> None:
    for section in SECTIONS.values():
        for key, field in section.model_fields.items():
            assert field.title, (section, key)
            assert field.description, (section, key)


def test_the_json_schema_accepts_what_a_scenario_accepts(text) -> None:
    accepted = YAML(typ="safe", pure=True).load(text)
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(accepted, json_schema())
    accepted["target"]["time_budget"] = 5
    with pytest.raises(jsonschema.ValidationError, match="5 is not of type 'string'"):
        jsonschema.validate(accepted, json_schema())


def test_the_json_schema_wants_targets_from_one_place_or_the_other(text) -> None:
    tree = YAML(typ="safe", pure=True).load(text)
    del tree["target"]["domain"]
    with pytest.raises(jsonschema.ValidationError, match="'domain' is a required property"):
        jsonschema.validate(tree, json_schema())
    tree["rounds"] = {"domains": ["user-1", ["user-2", "user-3"]], "serve": False}
    jsonschema.validate(tree, json_schema())


def test_the_options_of_known_methods_can_be_merged_in(text) -> None:
    scenario = YAML(typ="safe", pure=True).load(text)
    eta = {"properties": {"eta": {"type": "number"}}, "additionalProperties": False}
    merged = json_schema({"hat": eta})
    jsonschema.validate(scenario, merged)
    scenario["method"]["etta"] = 1
    with pytest.raises(jsonschema.ValidationError, match="etta"):
        jsonschema.validate(scenario, merged)
    scenario["method"]["name"] = "mine.Method"
    jsonschema.validate(scenario, merged)


def test_a_word_that_is_like_a_known_one_is_recognised_whatever_its_case() -> None:
    assert nearest("PI44", ["pi4", "lte"]) == "pi4"
    assert nearest("zzz", ["pi4", "lte"]) is None


def test_without_a_near_word_some_known_ones_are_listed() -> None:
    assert suggestion("zzz", [f"w{k}" for k in range(22)], limit=2) == "known: w0, w1 and 20 more"
    assert suggestion("zzz", []) == "none is known here"
