"""The part of JSON Schema that our OpenAPI document uses: does a value fit, and a value drawn to fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
    "number": float,
}
WORDS = ("", "A", "东门", "Ω≈", "0001", "1栋", "+1", "2026-07-01T00:00:00Z", "04A1B2C3D4E5F6", "x" * 40)


class Schemas:
    """The schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._parts = document["components"]["schemas"]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self._parts[schema["$ref"].rpartition("/")[2]]
        return schema

    def problems(self, value: Any, schema: Mapping[str, Any], place: str = "$") -> list[str]:
        """What of ``value`` the schema does not say, in words; empty when it fits."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            found = [self.problems(value, one, place) for one in schema["anyOf"]]
            return [] if any(not each for each in found) else [f"{place}: fits none of {len(found)}"]
        if "enum" in schema:
            return [] if value in schema["enum"] else [f"{place}: {value!r} is not in the list"]
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if types and not any(type(value) is TYPES[name] for name in types):
            return [f"{place}: {value!r} is no {'/'.join(types)}"]
        if isinstance(value, str):
            return self._problems_of_text(value, schema, place)
        if isinstance(value, int) and not isinstance(value, bool):
            low, high = schema.get("minimum", value), schema.get("maximum", value)
            return [] if low <= value <= high else [f"{place}: {value} is out of range"]
        if isinstance(value, list):
            return self._problems_of_list(value, schema, place)
        if isinstance(value, dict):
            return self._problems_of_object(value, schema, place)
        return []

    @staticmethod
    def _problems_of_text(value: str, schema: Mapping[str, Any], place: str) -> list[str]:
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return [f"{place}: wrong length"]
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return [f"{place}: {value!r} does not match"]
        return []

    def _problems_of_list(self, value: list[Any], schema: Mapping[str, Any], place: str) -> list[str]:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return [f"{place}: wrong number of items"]
        parts = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
        return [
            text
            for at, (item, part) in enumerate(zip(value, parts, strict=True))
            for text in self.problems(item, part, f"{place}[{at}]")
        ]

    def _problems_of_object(self, value: dict[str, Any], schema: Mapping[str, Any], place: str) -> list[str]:
        known = schema.get("properties", {})
        found = [f"{place}.{name}: missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in known:
                found += self.problems(item, known[name], f"{place}.{name}")
            elif isinstance(further := schema.get("additionalProperties"), Mapping):
                found += self.problems(item, further, f"{place}.{name}")
            else:  # of our own structs, nothing that the document does not name
                found.append(f"{place}.{name}: not in the document")
        return found

    def draw(self, random: Random, schema: Mapping[str, Any]) -> Any:
        """A value that fits."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return self.draw(random, random.choice(schema["anyOf"]))
        if "enum" in schema:
            return random.choice(schema["enum"])
        kind = schema.get("type", "null")
        match random.choice(kind) if isinstance(kind, list) else kind:
            case "string":
                return self._text(random, schema)
            case "integer":
                low, high = schema.get("minimum", 0), schema.get("maximum", 2**31 - 1)
                return random.choice((low, high, min(high, low + 1), random.randint(low, min(high, low + 9))))
            case "boolean":
                return random.random() < 0.5
            case "array":
                if "prefixItems" in schema:
                    return [self.draw(random, part) for part in schema["prefixItems"]]
                low, high = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
                return [
                    self.draw(random, schema["items"]) for _ in range(random.randint(low, max(low, high)))
                ]
            case "object":
                required = schema.get("required", [])
                return {
                    name: self.draw(random, part)
                    for name, part in schema.get("properties", {}).items()
                    if name in required or random.random() < 0.7
                }
        return None

    @staticmethod
    def _text(random: Random, schema: Mapping[str, Any]) -> str:
        if schema.get("format") == "date":
            return f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        if schema.get("format") == "date-time":
            return f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}T12:00:00Z"
        low, high = schema.get("minLength", 0), schema.get("maxLength", 40)
        text = random.choice(WORDS)
        return (text + "a" * low)[:high] if len(text) < low else text[:high]
