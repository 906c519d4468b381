"""The JSON Schema of scenario files, which editors use to complete and check them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hat_sim.scenario.schema import Scenario


def json_schema(method_options: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The JSON Schema of a scenario file.

    `method_options` gives the JSON Schema of the options of each known method: a scenario that names one
    of these is held to its options, any other method's options stay open.
    """
    schema = Scenario.model_json_schema()
    schema["anyOf"] = [
        {"properties": {"rounds": {"type": "object"}}, "required": ["rounds"]},
        {"properties": {"target": {"required": ["domain"]}}},
    ]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if method_options:
        schema["$defs"]["Method"]["allOf"] = [
            {"if": {"properties": {"name": {"const": name}}}, "then": _with_name(options)}
            for name, options in method_options.items()
        ]
    return schema


def _with_name(options: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a method's options with the key `name` beside them."""
    return {**options, "properties": {"name": {}, **options.get("properties", {})}}
