"""JSON Schemas of the spec files, so that an editor completes and checks them.

An editor's YAML language server finds one by the comment `# yaml-language-server: $schema=PATH`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from edgebench.specs.device import DeviceSpec
from edgebench.specs.include import INCLUDE
from edgebench.specs.model import ModelSpec

_SPECS: dict[str, type[BaseModel]] = {"model_spec": ModelSpec, "device_spec": DeviceSpec}
_INCLUDE = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    "description": "other files whose keys are taken over; keys stated here win",
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) by spec name."""
    return {name: _schema(spec) for name, spec in _SPECS.items()}


def _schema(spec: type[BaseModel]) -> dict[str, Any]:
    """What includes nothing must be complete; what includes another file may leave anything to it."""
    whole = spec.model_json_schema()
    whole["required"] = [key for key in whole.get("required", ()) if key != "name"]  # the file's name serves
    whole["properties"] = {INCLUDE: _INCLUDE, **whole["properties"]}
    definitions = whole.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "if": {"required": [INCLUDE]},
        "then": {"$ref": "#/$defs/Part"},
        "else": {"$ref": "#/$defs/Whole"},
        "$defs": {
            "Whole": whole,
            "Part": _part(whole),
            **definitions,
            **{f"{name}Part": _part(definition) for name, definition in definitions.items()},
        },
    }


def _part(schema: Any) -> Any:
    """The same schema with no key required, in itself and in the mappings below it.

    A list replaces an included one, so its items must be whole.
    """
    if isinstance(schema, list):
        return [_part(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # With nothing required, several branches of a union may fit at once.
    renamed = {"anyOf" if key == "oneOf" else key: value for key, value in schema.items() if key != "required"}
    return {key: value if key == "items" else _part(value) for key, value in renamed.items()} | _reference(schema)


def _reference(schema: dict[str, Any]) -> dict[str, str]:
    return {"$ref": f"{schema['$ref']}Part"} if "$ref" in schema else {}
