"""Every address of the product as its own route table tells it, and bodies that fit each: what is new is walked too."""

import re
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Struct, inspect
from msgspec.inspect import type_info

PARAMETER = re.compile(r"\{(\w+)\}")
SINCE = "1970-01-01"


class Address(Struct, frozen=True):
    method: str
    path: str
    body: Any
    """The type of its JSON body; None without one."""
    is_open: bool
    """Answers without signing in."""

    @property
    def writes(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH", "DELETE")

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Each parameter with the collection it stands in: (enterprises, enterprise)."""
        parts = self.path.split("/")
        return [(before, found[1]) for before, part in pairwise(parts) if (found := PARAMETER.fullmatch(part))]

    def at(self, ids: dict[str, Any]) -> str:
        return PARAMETER.sub(lambda found: str(ids[found[1]]), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def addresses() -> tuple[Address, ...]:
    from server.app import app

    inner: Any = app
    while not hasattr(inner, "routes"):
        inner = inner.app
    found = []
    for route in inner.routes:
        for method, known in getattr(route, "route_handler_map", {}).items():
            handler = known[0] if isinstance(known, tuple) else known
            field = handler.parsed_data_field
            is_schema = route.path_format.startswith("/schema")
            is_open = bool(handler.opt.get("exclude_from_auth")) or is_schema
            if method != "OPTIONS":
                body = None if field is None else field.annotation
                found.append(Address(str(method), route.path_format, body, is_open))
    return tuple(sorted(found, key=str))


def smallest(of: Any, ids: Any = str, *, every: bool = False) -> Any:
    """The least body that this type takes, or one with every field there is. `ids` gives a value for each field that holds
    a UUID, by the field's name."""
    return _least(type_info(of), "", ids, every)


def _least(kind: Any, name: str, ids: Any, every: bool) -> Any:
    match kind:
        case inspect.StructType():
            needed = [field for field in kind.fields if every or field.required or _is_id(field.type)]
            return {field.encode_name: _least(field.type, field.name, ids, every) for field in needed}
        case inspect.UnionType():
            chosen = next((one for one in kind.types if not isinstance(one, inspect.NoneType)), kind.types[0])
            return _least(chosen, name, ids, every)
        case inspect.LiteralType() | inspect.EnumType():
            values = kind.values if isinstance(kind, inspect.LiteralType) else [one.value for one in kind.cls]
            return values[0]
        case inspect.UUIDType():
            return str(ids(name))
        case inspect.StrType():
            return "x" * max(1, kind.min_length or 0)
        case inspect.IntType():
            return max(1, kind.ge or 0)
        case inspect.DateType():
            return SINCE
        case inspect.DateTimeType():
            return f"{SINCE}T00:00:00Z"
        case inspect.ListType() | inspect.VarTupleType() | inspect.CollectionType():
            return [_least(kind.item_type, name, ids, every)]
        case inspect.BoolType() | inspect.FloatType() | inspect.DecimalType():
            return False if isinstance(kind, inspect.BoolType) else 1.5
        case _:  # any JSON
            return {}


def _is_id(kind: Any) -> bool:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    inner = [one.item_type if isinstance(one, inspect.ListType) else one for one in kinds]
    return any(isinstance(one, inspect.UUIDType) for one in inner)


def spoilt(value: Any, spoil: Any, of: Any = (str, int)) -> list[Any]:
    """The body once for each text and number in it, with `spoil` in its place."""
    return [_replaced(value, path, spoil) for path in _paths(value, of)]


def _paths(value: Any, of: Any) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    deeper = [(key, *path) for key, inner in pairs for path in _paths(inner, of)]
    return deeper + ([()] if isinstance(value, of) else [])


def _replaced(value: Any, path: tuple[Any, ...], spoil: Any) -> Any:
    if not path:
        return spoil
    copied = msgspec.json.decode(msgspec.json.encode(value))
    copied[path[0]] = _replaced(value[path[0]], path[1:], spoil)
    return copied
