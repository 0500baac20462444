"""Frozen values, declared as dataclasses are.

Importing `dataclasses` takes longer than starting Python (16 ms against 11 ms, measured), because it brings
`inspect`, `ast` and `re`; commands that people run all day cannot pay that. `frozen` gives the same declarations
(type checkers read it through PEP 681) for a fraction of a millisecond.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_):
        """Stand in for the typing decorator, which only type checkers need."""
        return lambda decorator: decorator


@dataclass_transform(frozen_default=True, eq_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Make a class with annotated fields an immutable, comparable, hashable value.

    Defaults are class attributes, shared by all instances, so they must be immutable. A `__post_init__` is
    called when there is one. Fields of a base class come first.
    """
    names = _field_names(cls)
    methods = _methods(names, {name for name in names if hasattr(cls, name)}, hasattr(cls, "__post_init__"))
    for name, method in methods.items():
        if name not in cls.__dict__ or name in {"__hash__"} and cls.__dict__[name] is None:
            setattr(cls, name, method)
    cls.__match_args__ = names  # type: ignore[attr-defined] # classes may carry it (PEP 634)
    return cls


def replace(value: T, **changes: Any) -> T:
    """Return a copy of a frozen value with some fields changed."""
    fields = {name: getattr(value, name) for name in fields_of(type(value))}
    return type(value)(**{**fields, **changes})


def fields_of(cls: type) -> tuple[str, ...]:
    """Name the fields of a frozen class, in order."""
    names: tuple[str, ...] = cls.__match_args__  # type: ignore[attr-defined] # set by frozen
    return names


def _field_names(cls: type) -> tuple[str, ...]:
    inherited = getattr(cls, "__match_args__", ())
    own = [name for name in cls.__dict__.get("__annotations__", {}) if name not in inherited]
    return (*inherited, *own)


def _methods(names: tuple[str, ...], optional: set[str], post_init: bool) -> dict[str, Callable[..., Any]]:
    """Write the methods of a value class, as source, so that creating one costs no loop."""
    parameters = "".join(f", {name}=_default" if name in optional else f", {name}" for name in names)
    body = "".join(_assignment(name, name in optional) for name in names)
    mine, theirs = (_tuple_of(owner, names) for owner in ("self", "other"))
    source = (
        f"def __init__(self{parameters}):\n    d = self.__dict__\n{body}"
        f"{'    self.__post_init__()' if post_init else ''}\n"
        f"def __eq__(self, other):\n"
        f"    return {mine} == {theirs} if other.__class__ is self.__class__ else NotImplemented\n"
        f"def __hash__(self):\n    return hash({mine})\n"
    )
    namespace: dict[str, Any] = {"_default": _DEFAULT}
    exec(source, namespace)  # noqa: S102 - the source is made of identifiers of the class itself
    return {
        "__init__": namespace["__init__"],
        "__eq__": namespace["__eq__"],
        "__hash__": namespace["__hash__"],
        "__repr__": _repr,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
    }


def _assignment(name: str, optional: bool) -> str:
    guard = f"    if {name} is not _default:\n    " if optional else ""
    return f"{guard}    d[{name!r}] = {name}\n"


def _tuple_of(owner: str, names: tuple[str, ...]) -> str:
    return "(" + "".join(f"{owner}.{name}, " for name in names) + ")"


def _repr(self: object) -> str:
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in fields_of(type(self)))
    return f"{type(self).__qualname__}({fields})"


def _refuse(self: object, name: str, *_: object) -> None:
    raise AttributeError(f"{type(self).__qualname__} is frozen: cannot change {name!r}")


_DEFAULT = object()
