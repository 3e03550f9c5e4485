"""Hand-written YAML in, a checked pydantic model out; the error names file, line and field."""

import difflib
import re
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say

Model = TypeVar("Model", bound=BaseModel)
Tree = dict[str, Any]


class Section(BaseModel):
    """Base of every settings model: unknown keys fail, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    renamed: ClassVar[dict[str, str]] = {}
    """Former names of keys, for the hint where one of them is used."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """`false` is no 0: as the least similarity, say, it would not switch anything off."""
        annotation: Any = cls.model_fields[str(info.field_name)].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise PydanticCustomError("switch", "{told}", {"told": say("formats.switch")})
        return value


class _Loader(yaml.SafeLoader):
    """YAML 1.2 (core schema), where `off` and `no` are texts; of two equal keys none is dropped."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}  # type: ignore[misc]


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would read as something else than a text, and nothing more."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}  # type: ignore[misc]


_DIGITS = "-+0123456789"
_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", _DIGITS),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        f".{_DIGITS}",
    ),
    "merge": (r"<<", "<"),
}
"""Tag to the plain scalars that have it, and how they begin (YAML 1.2.2, 10.3.2)."""
for _tag, (_pattern, _firsts) in _CORE.items():
    for _of in (_Loader, _Dumper):
        _of.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_firsts)
        )


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Tree:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            continue  # refused below
        if key_node.value in seen:
            mark = key_node.start_mark
            where = f"{mark.name}:{mark.line + 1}"
            raise InputError("formats.yaml_duplicate", where=where, key=key_node.value)
        seen.add(key_node.value)
    return cast(Tree, loader.construct_mapping(node, deep=True))


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; InputError with the line where it is not YAML."""
    return parse_yaml(read_text(path), str(path))


def read_mapping(path: Path) -> Tree:
    """The mapping of a YAML file; InputError where it is none."""
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise InputError("formats.yaml_not_mapping", where=str(path))
    return tree


def read_list(path: Path, model: type[Model]) -> list[Model]:
    """The entries of a YAML list; InputError names field and entry, where that has an `id`."""
    raw = read_yaml(path)
    try:
        return TypeAdapter(list[model]).validate_python(raw)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors()[0]
        place = next(iter(first["loc"]), "")
        entry = raw[place] if isinstance(raw, list) and isinstance(place, int) else None
        name = f": {entry['id']}" if isinstance(entry, dict) and "id" in entry else ""
        field = ".".join(map(str, first["loc"])) or "-"
        raise InputError(
            "formats.bad_field", where=f"{path}{name}", field=field, why=first["msg"]
        ) from error


def parse_yaml(text: str, name: str) -> Any:
    """The content of a YAML text that errors call `name`."""
    try:
        loader = _Loader(text)
        loader.name = name
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError, IndexError) as error:  # the latter: dates, tagged numbers
        mark = getattr(error, "problem_mark", None)
        before = text[: getattr(error, "position", 0)]  # of a character that YAML forbids
        line = mark.line if mark else before.count("\n")
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise InputError("formats.yaml_syntax", where=f"{name}:{line + 1}", why=why) from error


def dump_yaml(tree: Tree) -> str:
    """A tree as YAML that `parse_yaml` reads back to the same tree."""
    return str(yaml.dump(tree, Dumper=_Dumper, allow_unicode=True, sort_keys=False))


def load(path: Path, preset: str | None = None, sets: tuple[str, ...] = ()) -> Tree:
    """The tree of a recipe with its preset and `--set` values laid over it."""
    tree = read_mapping(path)
    presets = tree.pop("presets", None) or {}
    if preset:
        if preset not in presets:
            known = ", ".join(presets) or "-"
            raise InputError("formats.unknown_preset", where=str(path), name=preset, known=known)
        tree = merged(tree, presets[preset])
    for text in sets:
        tree = merged(tree, parse_set(text))
    return tree


def parse_set(text: str) -> Tree:
    """`a.b=3` as `{"a": {"b": 3}}`; the value is read as YAML."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise InputError("formats.bad_set", text=text)
    tree: Any = parse_yaml(value, "--set") if value else None
    for part in reversed(key.strip().split(".")):
        tree = {part: tree}
    return cast(Tree, tree)


def merged(base: Tree, over: Tree) -> Tree:
    """`base` with the values of `over`: mappings are merged, everything else replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = merged(cast(Tree, old), value) if both else value
    return result


def validate(
    tree: Tree,
    model: type[Model],
    path: Path,
    preset: str | None = None,
    sets: tuple[str, ...] = (),
) -> Model:
    """The tree as `model`; InputError names the `--set` or the line, and guesses what was meant."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        location, _ = _walk(model, [str(part) for part in first["loc"]])
        raise _explain(
            dict(first), location, model, _where(path, location, preset, sets)
        ) from error


def _where(path: Path, location: list[str], preset: str | None, sets: tuple[str, ...]) -> str:
    """Who said it last: a `--set`, the preset's line, or the recipe's."""
    field = ".".join(location)
    for text in reversed(sets):
        key = text.partition("=")[0].strip()
        if f"{field}.".startswith(f"{key}."):
            return f"--set {text}"
    line = line_of(path, ["presets", preset, *location], whole=True) if preset else None
    line = line or line_of(path, location)
    return f"{path}:{line}" if line else str(path)


def _explain(error: Tree, location: list[str], model: type[BaseModel], where: str) -> InputError:
    field = ".".join(location)
    if error["type"] == "extra_forbidden":
        _, inner = _walk(model, [str(part) for part in error["loc"][:-1]])
        names = list(inner.model_fields) if inner else []
        close = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.6)
        if isinstance(inner, type) and issubclass(inner, Section) and location[-1] in inner.renamed:
            close = [inner.renamed[location[-1]]]
        hint = say("formats.did_you_mean", name=close[0]) if close else ""
        return InputError("formats.unknown_key", where=where, key=field, hint=hint)
    value, why = error.get("input"), error["msg"]
    if isinstance(value, dict):  # of a whole section, which nobody wants to read again
        where = f"{where}: {field}" if field else where
        return InputError("formats.wrong_section", where=where, why=why)
    return InputError("formats.wrong_value", where=where, field=field, why=why, value=repr(value))


def _walk(model: type[BaseModel], location: list[str]) -> tuple[list[str], type[BaseModel] | None]:
    """A location as the file has it, and the model that lies there, if one does.

    Where a field is one of several models, pydantic puts the tag of the chosen one into the
    location; no file has it.
    """
    plain: list[str] = []
    node: Any = model
    for part in location:
        if _is_model(node):
            plain.append(part)
            field = node.model_fields.get(part)
            node = _present(field.annotation) if field else None
        elif (chosen := _tagged(node, part)) is not None:
            node = chosen
        else:
            plain.append(part)
            node = None
    return plain, node if _is_model(node) else None


def _present(annotation: Any) -> Any:
    """The model of a section that may be absent (`Model | None`); anything else as it is."""
    members = [member for member in get_args(annotation) if member is not type(None)]
    return members[0] if len(members) == 1 and _is_model(members[0]) else annotation


def _is_model(node: Any) -> bool:
    return isinstance(node, type) and issubclass(node, BaseModel)


def _tagged(union: Any, tag: str) -> Any:
    """The member of a union that bears a tag; None where there is none."""
    for member in get_args(union):
        base, *marks = get_args(member) or (member,)
        if any(isinstance(mark, Tag) and mark.tag == tag for mark in marks):
            return base
    return None


def line_of(path: Path, location: list[str], whole: bool = False) -> int | None:
    """Line (from 1) of the deepest part of `location` that the file itself contains.

    `whole`: None unless the file contains all of it.
    """
    node = yaml.compose(read_text(path), Loader=_Loader)
    line = None
    for part in location:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = [(k, v) for k, v in pairs if k.value == part]
        if not found:
            return None if whole else line
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line
