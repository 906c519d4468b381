"""`hat-sim schema`: the JSON Schema of scenario files, for editors that complete and check them."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of scenario files."""
    import json

    from hat_sim.methods.registry import METHODS
    from hat_sim.scenario.json_schema import json_schema

    options = {name: method.options.model_json_schema() for name, method in METHODS.items()}
    print(json.dumps(json_schema(options), indent=2))
