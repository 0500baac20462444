"""Frozen values: immutable classes declared like dataclasses.

Importing `dataclasses` takes longer than starting Python (16 ms against 11 ms, measured), because it imports
`inspect`, `ast` and `re`. `frozen` supports the same declarations (type checkers read it through PEP 681) for a few
microseconds a class. `__init__` is compiled, which takes as long as some hundred constructions without, only for a
class that has many instances.
"""

from __future__ import annotations

from _operator import attrgetter  # what `operator` exports, without running its Python half

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_: object) -> object:
        """Return the function unchanged: replaces the typing decorator, which only type checkers use."""
        return lambda decorator: decorator


UNCOMPILED_INSTANCES = 16
"""Instances of a class that are constructed before its `__init__` is compiled."""


@dataclass_transform(frozen_default=True, eq_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Return the class with its annotated fields immutable, comparable and hashable.

    Defaults are class attributes, shared by all instances, so they must be immutable. `__post_init__` is called if
    defined. Inherited fields come first. Methods that the class body defines are not replaced.
    """
    names = _field_names(cls)
    namespace = cls.__dict__
    for name, attribute in _attributes(cls, names).items():
        # Python sets `__hash__ = None` in a class body with __eq__ and no __hash__.
        if name not in namespace or (name == "__hash__" and namespace[name] is None):
            setattr(cls, name, attribute)
    return cls


def replace(value: T, **changes: Any) -> T:
    """Return a copy of a frozen value with some fields replaced."""
    fields = {name: getattr(value, name) for name in field_names(type(value))}
    return type(value)(**{**fields, **changes})


def field_names(cls: type) -> tuple[str, ...]:
    """Return the field names of a frozen class, in order."""
    names: tuple[str, ...] = cls.__match_args__  # type: ignore[attr-defined] # set by frozen
    return names


def _field_names(cls: type) -> tuple[str, ...]:
    inherited: tuple[str, ...] = getattr(cls, "__match_args__", ())
    return (*inherited, *(name for name in cls.__annotations__ if name not in inherited))


def _attributes(cls: type, names: tuple[str, ...]) -> dict[str, object]:
    fields = attrgetter(*names) if names else _nothing

    def equal(self: object, other: object) -> bool:
        return fields(self) == fields(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_of(self: object) -> int:
        return hash(fields(self))

    return {
        "__init__": _lazy_init(cls, names),
        "__eq__": equal,
        "__hash__": hash_of,
        "__repr__": _repr,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__match_args__": names,
    }


def _nothing(_: object) -> tuple[()]:
    return ()


def _lazy_init(cls: type, names: tuple[str, ...]) -> Callable[..., None]:
    optional = {name for name in names if hasattr(cls, name)}
    _require_order(cls, names, optional)

    required, has_post_init = frozenset(names) - optional, hasattr(cls, "__post_init__")
    uncompiled = iter(range(UNCOMPILED_INSTANCES))

    def init(self: Any, /, *arguments: Any, **keywords: Any) -> None:
        values = _bind(names, required, arguments, keywords)
        if (
            values is None or next(uncompiled, None) is None
        ):  # Python then raises its own error for an invalid call
            _replace_init(cls, names, optional)
            self.__init__(*arguments, **keywords)
            return
        self.__dict__.update(values)
        if has_post_init:
            self.__post_init__()

    return init


def _bind(
    names: tuple[str, ...],
    required: frozenset[str],
    arguments: tuple[object, ...],
    keywords: dict[str, object],
) -> dict[str, object] | None:
    """Return the fields that a call passes, or None if the call is invalid."""
    values = dict(zip(names, arguments, strict=False))
    values.update(keywords)
    is_valid = len(values) == len(arguments) + len(keywords) and required <= values.keys() <= {*names}
    return values if is_valid else None


def _replace_init(cls: type, names: tuple[str, ...], optional: set[str]) -> None:
    compiled = _compile_init(names, optional, hasattr(cls, "__post_init__"))
    compiled.__qualname__ = f"{cls.__qualname__}.__init__"
    setattr(cls, "__init__", compiled)  # noqa: B010 - type checkers refuse the plain assignment


def _require_order(cls: type, names: tuple[str, ...], optional: set[str]) -> None:
    required = [name for name in names if name not in optional]
    if names[: len(required)] != tuple(required):
        raise TypeError(f"{cls.__qualname__}: a field without a default follows one with a default")


def _compile_init(names: tuple[str, ...], optional: set[str], post_init: bool) -> Callable[..., None]:
    """Return the source of `__init__`, so that construction needs no loop.

    Its own names begin with two underscores, which field names cannot (Python mangles those in class bodies).
    """
    parameters = "".join(f", {name}=__unset" if name in optional else f", {name}" for name in names)
    body = "".join(_assignment(name, name in optional) for name in names)
    after = "    __self.__post_init__()\n" if post_init else ""
    namespace: dict[str, Any] = {"__unset": _UNSET}
    source = f"def __init__(__self{parameters}):\n    __fields = __self.__dict__\n{body}{after}"
    exec(source, namespace)  # noqa: S102 - the source is made of identifiers of the class itself
    init: Callable[..., None] = namespace["__init__"]
    return init


def _assignment(name: str, optional: bool) -> str:
    guard = f"    if {name} is not __unset:\n    " if optional else ""
    return f"{guard}    __fields[{name!r}] = {name}\n"


def _repr(self: object) -> str:
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in field_names(type(self)))
    return f"{type(self).__qualname__}({fields})"


def _refuse(self: object, name: str, *_: object) -> None:
    raise AttributeError(f"{type(self).__qualname__} is frozen: cannot change {name!r}")


_UNSET = object()
