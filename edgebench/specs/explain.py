"""pydantic's findings as problems at the line they are about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgebench.specs.patterns import WORDS
from edgebench.specs.problem import Place, Problem
from edgebench.specs.yaml_reader import Node

Loc = tuple[int | str, ...]

# Error type -> what is allowed, where pydantic's own words speak of Python.
_ALLOWED = {
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
}


def explain(model: type[BaseModel], root: Node, error: ValidationError, *, complete: bool) -> list[Problem]:
    """One problem for each place and key; what several branches of a union say there is joined by "or".

    Where `root` is not complete, as an included file could not be read, no key is called missing.
    """
    found: dict[tuple[Place, str], list[str]] = {}
    for detail in error.errors(include_url=False):
        if _follows_from_another(detail) or (detail["type"] == "missing" and not complete):
            continue
        place, key = locate(root, detail["loc"], detail["type"])
        text = _text(model, detail)
        if detail["type"] == "union_tag_invalid":
            key = f"{key}.{_discriminator(detail)}"
        texts = found.setdefault((place, key), [])
        if text not in texts:
            texts.append(text)
    return [Problem.at(place, _joined(texts), key=key) for (place, key), texts in found.items()]


def _follows_from_another(detail: ErrorDetails) -> bool:
    """pydantic calls a list too short when its items are wrong."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def locate(root: Node, loc: Loc, kind: str) -> tuple[Place, str]:
    """Where a pydantic location is in the file, and its path in the file's own words.

    The location also names the branches of unions; those are in no file and left out. The last part
    of a `missing` error is in no file either, and kept.
    """
    node, path = root, ""
    for depth, part in enumerate(loc):
        last = depth == len(loc) - 1
        child = _child(node, part)
        # A branch may be called as a key beside it: then the next part is that mapping's, not the key's.
        if child and (last or isinstance(child.content, dict | list) or not _child(node, loc[depth + 1])):
            node = child
        elif isinstance(part, str) and not (last and kind == "missing"):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return node.place, path.removeprefix(".")


def _child(node: Node, part: int | str) -> Node | None:
    if isinstance(node.content, dict):
        return node.content.get(part)
    if isinstance(node.content, list) and isinstance(part, int) and part < len(node.content):
        child: Node = node.content[part]
        return child
    return None


def _text(model: type[BaseModel], detail: ErrorDetails) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(str(detail["loc"][-1]), known_keys(model, detail["loc"][:-1]))
        case "missing":
            return "is missing" + _purpose(model, detail["loc"])
        case "unknown_source":
            return detail["msg"] + _near(detail["input"], detail["msg"])
        case "union_tag_not_found":
            return f"needs the key {_discriminator(detail)!r}"
        case "union_tag_invalid":
            return f"must be {_choices(detail)}, found {shown(detail['input'][_discriminator(detail)])}"
        case "value_error":
            return detail["msg"].removeprefix("Value error, ")
        case "string_pattern_mismatch":
            return f"must be {WORDS[detail['ctx']['pattern']]}, found {shown(detail['input'])}"
        case "too_short" | "too_long":
            return _must(detail["msg"]).replace(" after validation", "").replace(", not", ", found")
        case kind:
            allowed = _ALLOWED.get(kind) or _must(detail["msg"])
            return f"{allowed}, found {shown(detail['input'])}"


def _must(message: str) -> str:
    """`Input should be ...` as `must be ...`."""
    return re.sub(r"^\w+ should", "must", message)


def _joined(texts: list[str]) -> str:
    """`must be text, found 5` and `must be a list, found 5` as one sentence."""
    if len(texts) == 1:
        return texts[0]
    heads = [text.rpartition(", found ")[0].removeprefix("must be ") or text for text in texts]
    return f"must be {' or '.join(heads)}, found {texts[0].rpartition(', found ')[2]}"


def _discriminator(detail: ErrorDetails) -> str:
    return str(detail["ctx"]["discriminator"]).strip("'")


def _choices(detail: ErrorDetails) -> str:
    return " or ".join(str(detail["ctx"]["expected_tags"]).split(", "))


def _unknown_key(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key; {hint}allowed: {', '.join(known)}"


def _near(mapping: Any, known: str) -> str:
    """The key of a mapping that is closest to a word of `known`."""
    words = re.findall(r"\w+", known)
    for key in mapping if isinstance(mapping, dict) else ():
        if near := get_close_matches(str(key), words, n=1):
            return f"; found {shown(key)}, did you mean {near[0]!r}?"
    return ""


def _purpose(model: type[BaseModel], loc: Loc) -> str:
    for owner in _models_at(model, loc[:-1]):
        field = owner.model_fields.get(str(loc[-1]))
        if field and field.description:
            return f": {field.description}"
    return ""


def known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys allowed in the mapping at a pydantic location."""
    return [name for owner in _models_at(model, loc) for name in owner.model_fields]


def _models_at(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    """The models that may stand at a location: one, once its union branches are followed."""
    models = [model]
    for part in loc:
        branch = [owner for owner in models if _is_branch(owner, part)]
        if branch and len(models) > 1:
            models = branch
        elif isinstance(part, str):
            fields = [owner.model_fields[part] for owner in models if part in owner.model_fields]
            models = [inner for field in fields for inner in _models_in(field.annotation)]
    return models


def _is_branch(model: type[BaseModel], tag: int | str) -> bool:
    return tag == model.__name__ or any(tag in get_args(field.annotation) for field in model.model_fields.values())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def shown(value: Any) -> str:
    """A found value in few words."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
