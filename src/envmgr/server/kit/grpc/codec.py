"""Conversion between structs and protobuf messages, by the declarations of both.

A codec is made from a struct and a message, once; each field of one must have its counterpart in the other. An absent
message field is `None` or UNSET, where the struct's field can be that, and else its default: a merge patch keeps the
difference between an omitted and an empty value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from msgspec import NODEFAULT, UNSET, UnsetType, inspect

from envmgr.server.kit.common.problems import InternalError, InvalidFields
from envmgr.server.kit.http.json_body import check_constraints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

V = TypeVar("V")
M = TypeVar("M", bound=Message)
Convert = tuple["Callable[[Any], Any]", "Callable[[Any], Any]"]
"""How a value is encoded, and how it is decoded."""

_REQUIRED = object()
_WRAPPED = "values"
"""The only field of a message that wraps a list or a map, which cannot be optional or nested themselves."""
_SCALARS: Mapping[type[inspect.Type], frozenset[int]] = {
    inspect.IntType: frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_INT32}),
    inspect.StrType: frozenset({FieldDescriptor.CPPTYPE_STRING}),
    inspect.BoolType: frozenset({FieldDescriptor.CPPTYPE_BOOL}),
    inspect.FloatType: frozenset({FieldDescriptor.CPPTYPE_DOUBLE}),
}


class _InvalidMessage(Exception):
    """A message does not represent a value; carries a pointer to the field, innermost step first."""

    def __init__(self, detail: str, *path: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.path = path

    def below(self, step: str) -> _InvalidMessage:
        """Return this error with the pointer as seen from one level further up."""
        return _InvalidMessage(self.detail, *self.path, step)

    @property
    def pointer(self) -> str:
        return "".join(f"/{step}" for step in reversed(self.path))


class Codec(Generic[V, M]):
    """Converter between values and messages; raise TypeError unless both have the same fields."""

    def __init__(self, type_: type[V], message: type[M]) -> None:
        self.type = type_
        self._message = message
        descriptor: Any = (
            message.DESCRIPTOR
        )  # of one of two equivalent classes, by the library's implementation
        self._fields = _field_converters(type_, descriptor)

    def encode(self, value: V) -> M:
        """Return a value as a message; raise ValueError for text or numbers that messages cannot hold."""
        fields = {name: field.encode(getattr(value, name)) for name, field in self._fields.items()}
        return self._message(**{name: item for name, item in fields.items() if item is not None})

    def decode(self, message: M) -> V:
        """Return the value of a message from a trusted peer; raise InternalError if it is none."""
        try:
            return self._decode(message)
        except _InvalidMessage as error:
            raise InternalError(
                f"invalid {message.DESCRIPTOR.name} from a peer: {error.pointer} {error.detail}; "
                "run the same version of envmgr in every service"
            ) from None

    def decode_request(self, message: M) -> V:
        """Return the value of a client's message, checked as a request body is; raise InvalidFields."""
        try:
            value = self._decode(message)
        except _InvalidMessage as error:
            raise InvalidFields("invalid fields", errors=[(error.pointer, error.detail)]) from None
        check_constraints(value, self.type)
        return value

    def _decode(self, message: M) -> V:
        values = {name: field.decode(message, name) for name, field in self._fields.items()}
        return self.type(**{name: item for name, item in values.items() if item is not UNSET})


class _Field:
    """A field of a struct and its counterpart in the message; `absent` is the value of an absent field."""

    def __init__(self, conversion: Convert, field: FieldDescriptor, absent: object) -> None:
        self._encode, self._decode = conversion
        self._has_presence = field.has_presence
        self._is_enum = field.enum_type is not None and not field.is_repeated
        self._absent = absent

    def encode(self, value: Any) -> Any:
        """Return the message's value; None leaves the field out."""
        return None if value is None or value is UNSET else self._encode(value)

    def decode(self, message: Message, name: str) -> Any:
        """Return the struct's value; raise _InvalidMessage."""
        if self._is_absent(message, name):
            if self._absent is _REQUIRED:
                raise _InvalidMessage("required", name)
            return self._absent
        try:
            return self._decode(getattr(message, name))
        except _InvalidMessage as error:
            raise error.below(name) from None

    def _is_absent(self, message: Message, name: str) -> bool:
        if self._has_presence:
            return not message.HasField(name)
        return self._is_enum and getattr(message, name) == 0


def _field_converters(type_: type, descriptor: Descriptor) -> dict[str, _Field]:
    info = inspect.type_info(type_)
    if not isinstance(info, inspect.StructType | inspect.DataclassType):
        raise TypeError(f"{type_.__name__} is neither a struct nor a dataclass")
    names, others = {field.name for field in info.fields}, set(descriptor.fields_by_name)
    if names != others:
        raise TypeError(
            f"{type_.__name__} and {descriptor.name} differ in fields: {', '.join(sorted(names ^ others))}"
        )
    hints = get_type_hints(type_)
    return {
        field.name: _field_converter(field, hints[field.name], descriptor.fields_by_name[field.name])
        for field in info.fields
    }


def _field_converter(field: inspect.Field, hint: object, counterpart: FieldDescriptor) -> _Field:
    kinds = [kind for kind in _members(field.type) if not isinstance(kind, inspect.NoneType)]
    if len(kinds) != 1:
        raise TypeError(f"{counterpart.full_name}: unsupported union {hint}")
    absent = _absent_value(field, hint, counterpart)
    return _Field(_conversion(kinds[0], counterpart), counterpart, absent)


def _absent_value(field: inspect.Field, hint: object, counterpart: FieldDescriptor) -> object:
    """Return the value of an absent field; raise TypeError if only the struct can leave it out."""
    is_nullable = any(isinstance(kind, inspect.NoneType) for kind in _members(field.type))
    is_unsettable = UnsetType in get_args(hint)
    if is_nullable and is_unsettable:
        raise TypeError(f"{counterpart.full_name}: absent would be ambiguous between null and omitted")
    if (is_nullable or is_unsettable) and not counterpart.has_presence:
        raise TypeError(f"{counterpart.full_name} must be optional")
    if is_nullable:
        return None
    if is_unsettable:
        return UNSET
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return _REQUIRED if field.default is NODEFAULT else field.default


def _members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    kind = _plain(kind)
    return tuple(map(_plain, kind.types)) if isinstance(kind, inspect.UnionType) else (kind,)


def _plain(kind: inspect.Type) -> inspect.Type:
    return _plain(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _conversion(kind: inspect.Type, field: FieldDescriptor) -> Convert:
    """Return the conversion of a field's value; raise TypeError if the types have none."""
    if isinstance(kind, inspect.VarTupleType | inspect.FrozenSetType) and field.is_repeated:
        return _of_list(kind, _item_conversion(kind.item_type, field))
    if isinstance(kind, inspect.DictType) and _is_map(field):
        return _of_map(kind, field)
    if isinstance(kind, inspect.DictType) and field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return (lambda value: msgspec.json.encode(value).decode()), _decode_json
    if (
        isinstance(kind, inspect.VarTupleType | inspect.FrozenSetType | inspect.DictType)
        and field.message_type
    ):
        return _wrap(kind, field.message_type)
    if field.is_repeated:
        raise TypeError(f"{field.full_name} is repeated, but the struct's field is not")
    return _item_conversion(kind, field)


def _item_conversion(kind: inspect.Type, field: FieldDescriptor) -> Convert:
    kind = _plain(kind)
    if isinstance(kind, inspect.StructType) and field.message_type:
        codec = Codec(kind.cls, message_factory.GetMessageClass(field.message_type))
        return codec.encode, codec._decode  # noqa: SLF001 - of the same class; errors get their pointer further up
    if isinstance(kind, inspect.DictType | inspect.VarTupleType) and field.message_type:
        return _wrap(kind, field.message_type)
    if isinstance(kind, inspect.LiteralType) and field.enum_type:
        return _of_enum(kind, field.enum_type)
    if isinstance(kind, inspect.LiteralType):
        kind = inspect.StrType()
    if field.cpp_type not in _SCALARS.get(type(kind), ()):
        raise TypeError(f"{field.full_name} cannot hold a {type(kind).__name__}")
    return _identity, _identity


def _of_list(kind: inspect.VarTupleType | inspect.FrozenSetType, item: Convert) -> Convert:
    encode, decode = item
    collect: Callable[..., Any] = tuple if isinstance(kind, inspect.VarTupleType) else frozenset

    def decode_items(values: Any) -> Any:
        return collect(_at(index, decode, value) for index, value in enumerate(values))

    return (lambda values: [encode(value) for value in values]), decode_items


def _at(index: int, decode: Callable[[Any], Any], value: Any) -> Any:
    try:
        return decode(value)
    except _InvalidMessage as error:
        raise error.below(str(index)) from None


def _of_map(kind: inspect.DictType, field: FieldDescriptor) -> Convert:
    entry: Mapping[str, FieldDescriptor] = field.message_type.fields_by_name if field.message_type else {}
    for part, counterpart in ((kind.key_type, entry["key"]), (kind.value_type, entry["value"])):
        if _item_conversion(part, counterpart) != (_identity, _identity):
            raise TypeError(f"{field.full_name}: only maps of scalars are supported")
    return dict, dict


def _wrap(kind: inspect.Type, wrapper: Descriptor) -> Convert:
    """Return the conversion of a list or a map to a message that has it as its only field."""
    if list(wrapper.fields_by_name) != [_WRAPPED]:
        raise TypeError(f"{wrapper.full_name} must have the field {_WRAPPED!r} only")
    message: Any = message_factory.GetMessageClass(wrapper)
    encode, decode = _conversion(kind, wrapper.fields_by_name[_WRAPPED])
    return (lambda value: message(values=encode(value))), (lambda value: decode(value.values))


def _of_enum(kind: inspect.LiteralType, enum: EnumDescriptor) -> Convert:
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper()
    numbers = {item.name: item.number for item in enum.values}
    names = {value: f"{prefix}_{re.sub('[^a-zA-Z0-9]', '_', str(value)).upper()}" for value in kind.values}
    if missing := sorted(set(names.values()) - set(numbers)):
        raise TypeError(f"{enum.name} lacks {', '.join(missing)}")
    by_number = {numbers[name]: value for value, name in names.items()}

    def decode(number: int) -> object:
        if number not in by_number:
            raise _InvalidMessage(f"invalid value; expected one of: {', '.join(names.values())}")
        return by_number[number]

    return (lambda value: numbers[names[value]]), decode


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _decode_json(text: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise _InvalidMessage(f"invalid JSON object: {error}") from None


def _identity(value: Any) -> Any:
    return value
