"""Every struct that crosses a port survives its message: absent, null and empty stay different."""

from __future__ import annotations

from typing import get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType, inspect

from envmgr.server.contracts import identity_requests, identity_resources, requests, resources
from envmgr.server.contracts.ports import deployments, versions
from envmgr.server.contracts.proto.common_pb2 import PageRequest as PageMessage
from envmgr.server.contracts.remote import codecs
from envmgr.server.contracts.remote.calls import decode_page, encode_page
from envmgr.server.kit.common.pages import MAX_PAGE_SIZE, PageRequest
from envmgr.server.kit.grpc.codec import Codec

CODECS = {name: value for name, value in vars(codecs).items() if isinstance(value, Codec)}
NUMBERS = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([2**53 - 1])
SORT_ORDERS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON_OBJECTS = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
REST_ONLY = {
    requests.Request,
    requests.VersionCreate,
    requests.AppVersionCreate,
    identity_requests.RefreshRequest,
}
"""Bodies whose fields are arguments of the ports."""
OF_TWO_MESSAGES = {identity_resources.ChangedUser}
"""Structs that a response carries as two messages: a user, and the numbers of keys."""


def values_of(type_):
    """Generate values of a struct or dataclass, whatever its constraints."""
    info, hints = inspect.type_info(type_), get_type_hints(type_)
    return st.builds(type_, **{field.name: field_values(field, hints[field.name]) for field in info.fields})


def field_values(field, hint):
    if field.name == "sort_order":
        return SORT_ORDERS | (st.just(UNSET) if UnsetType in get_args(hint) else st.nothing())
    values = of_kind(field.type)
    return values | st.just(UNSET) if UnsetType in get_args(hint) else values


def of_kind(kind):
    return BY_KIND[type(kind)](kind)


BY_KIND = {
    inspect.Metadata: lambda kind: of_kind(kind.type),
    inspect.UnionType: lambda kind: st.one_of(map(of_kind, kind.types)),
    inspect.StructType: lambda kind: values_of(kind.cls),
    inspect.LiteralType: lambda kind: st.sampled_from(kind.values),
    inspect.VarTupleType: lambda kind: st.lists(of_kind(kind.item_type), max_size=3).map(tuple),
    inspect.FrozenSetType: lambda kind: st.frozensets(of_kind(kind.item_type), max_size=3),
    inspect.DictType: lambda kind: (
        JSON_OBJECTS
        if isinstance(kind.value_type, inspect.CustomType)
        else st.dictionaries(of_kind(kind.key_type), of_kind(kind.value_type), max_size=3)
    ),
    inspect.IntType: lambda _kind: NUMBERS,
    inspect.StrType: lambda _kind: TEXTS,
    inspect.BoolType: lambda _kind: st.booleans(),
    inspect.NoneType: lambda _kind: st.none(),
}


@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_a_value_survives_its_message(name, data):
    codec = CODECS[name]
    value = data.draw(values_of(codec.type))
    message = codec.encode(value)
    assert codec.decode(type(message).FromString(message.SerializeToString())) == value


def structs_within(type_):
    """Return a struct and all structs that its fields hold."""
    result = {type_}
    pending = [field.type for field in inspect.type_info(type_).fields]
    while pending:
        kind = pending.pop()
        if isinstance(kind, inspect.StructType) and kind.cls not in result:
            result.add(kind.cls)
            pending += [field.type for field in kind.fields]
        pending += [
            getattr(kind, name) for name in ("type", "item_type", "value_type") if hasattr(kind, name)
        ]
        pending += getattr(kind, "types", ())
    return result


def test_every_struct_of_the_contracts_has_a_message():
    with_message = set().union(*(structs_within(codec.type) for codec in CODECS.values()))
    modules = (resources, requests, identity_requests, identity_resources, deployments, versions)
    structs = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct
    }
    assert structs - with_message == REST_ONLY | OF_TWO_MESSAGES


@given(
    limit=st.integers(1, MAX_PAGE_SIZE),
    cursor=st.none() | TEXTS,
    sort=st.none() | TEXTS,
    filters=st.dictionaries(TEXTS, TEXTS | NUMBERS, max_size=3),
)
def test_a_page_request_survives_its_message(limit, cursor, sort, filters):
    paging = PageRequest(limit, cursor, sort, filters)
    message = PageMessage.FromString(encode_page(paging).SerializeToString())
    assert decode_page(message) == paging
