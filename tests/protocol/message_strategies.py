"""Any message whatever, made from the types in ``protocol.messages`` themselves, limits included."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from protocol.messages import MESSAGE_TYPE, Message

INT63_MAX = 2**63 - 1
MANY = 4
"""Longest tuple that is tried; the limits themselves have their own tests."""


def values_of(kind: msgspec.inspect.Type) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have."""
    match kind:
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.IntType():
            low = -INT63_MAX - 1 if kind.ge is None else kind.ge
            return st.integers(low, INT63_MAX if kind.le is None else kind.le)
        case msgspec.inspect.StrType():
            return st.text(min_size=kind.min_length or 0, max_size=min(kind.max_length or 12, 12))
        case msgspec.inspect.BytesType():
            low = kind.min_length or 0
            return st.binary(min_size=low, max_size=max(low, min(kind.max_length or 40, 40)))
        case msgspec.inspect.EnumType():
            return st.sampled_from(list(kind.cls))
        case msgspec.inspect.VarTupleType():
            low = kind.min_length or 0
            return st.lists(
                values_of(kind.item_type), min_size=low, max_size=min(MANY, kind.max_length or MANY)
            ).map(tuple)
        case msgspec.inspect.TupleType():
            return st.tuples(*map(values_of, kind.item_types))
        case msgspec.inspect.UnionType():
            return st.one_of(*map(values_of, kind.types))
        case msgspec.inspect.StructType():
            return st.builds(kind.cls, *(values_of(field.type) for field in kind.fields))
        case _:
            raise AssertionError(f"no strategy for {kind}")


def messages() -> st.SearchStrategy[Message]:
    """Any message of any kind."""
    return st.one_of(*(values_of(msgspec.inspect.type_info(kind)) for kind in MESSAGE_TYPE.values()))
