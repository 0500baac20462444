"""Frozen values behave like frozen dataclasses."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import pytest

from envmgr.kit.frozen import UNCOMPILED_INSTANCES, field_names, frozen, replace


@frozen
class Point:
    x: int
    y: int = 0

    @property
    def is_origin(self) -> bool:
        return self.x == self.y == 0


@frozen
class Named(Point):
    name: str = ""


@frozen
class Nothing:
    """A value without fields."""


@frozen
class Checked:
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("negative")


@frozen
class OwnEquality:  # noqa: PLW1641 - frozen gives it one
    text: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnEquality) and other.text.lower() == self.text.lower()


@frozen
class OwnText:
    text: str

    def __repr__(self) -> str:
        return f"<{self.text}>"


@frozen
class Awkward:
    self: int
    names: tuple[str, ...] = ()
    _unset: int = 7


def test_fields_are_passed_by_position_and_by_name():
    assert (Point(1, 2).x, Point(y=2, x=1).y) == (1, 2)


def test_a_default_is_used_for_a_missing_value():
    assert Point(1).y == 0


@pytest.mark.parametrize(
    ("arguments", "keywords"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"x": 2})]
)
def test_invalid_arguments_are_rejected_with_the_class_name(arguments, keywords):
    for _ in range(2):  # the first call compiles the constructor
        with pytest.raises(TypeError, match=r"Point\.__init__"):
            Point(*arguments, **keywords)


def test_values_are_alike_before_and_after_the_constructor_is_compiled():
    @frozen
    class Sized:
        name: str
        size: int = 7

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("negative")

    values = [Sized("a", size=2) for _ in range(UNCOMPILED_INSTANCES + 2)]
    assert {(value.name, value.size) for value in values} == {("a", 2)}
    assert len(set(values)) == 1
    assert Sized("a").size == 7
    with pytest.raises(ValueError, match="negative"):
        Sized("a", -1)


def test_the_first_values_are_constructed_without_compiling():
    @frozen
    class Rare:
        name: str

    first = Rare.__init__
    assert [Rare("a").name for _ in range(UNCOMPILED_INSTANCES)] == ["a"] * UNCOMPILED_INSTANCES
    assert Rare.__init__ is first
    Rare("a")
    assert Rare.__init__ is not first


def test_values_with_equal_fields_are_equal_and_hash_alike():
    assert Point(1, 2) == Point(1, 2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1, 2) != Point(2, 1)


def test_values_of_different_classes_are_never_equal():
    assert Point(0, 0) != Named(0, 0)
    assert Point(0) != 0
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())


def test_fields_cannot_be_changed_added_or_removed():
    point = Point(1, 2)
    with pytest.raises(AttributeError, match=r"Point is frozen: cannot change 'x'"):
        point.x = 3
    with pytest.raises(AttributeError, match="frozen"):
        point.z = 3
    with pytest.raises(AttributeError, match="frozen"):
        del point.x
    assert point == Point(1, 2)


def test_replace_changes_a_copy():
    point = Point(1, 2)
    assert replace(point, y=5) == Point(1, 5)
    assert point == Point(1, 2)
    with pytest.raises(TypeError):
        replace(point, z=1)


def test_fields_of_a_base_class_come_first():
    assert field_names(Named) == ("x", "y", "name")
    assert Named(1, 2, "a") == Named(name="a", x=1, y=2)
    assert field_names(Point) == ("x", "y")
    assert field_names(Nothing) == ()


def test_post_init_may_reject_a_value():
    assert Checked(1).size == 1
    with pytest.raises(ValueError, match="negative"):
        Checked(-1)


def test_methods_of_the_class_body_are_preserved():
    assert OwnEquality("A") == OwnEquality("a")
    assert hash(OwnEquality("A")) == hash(OwnEquality("A"))
    assert repr(OwnText("x")) == "<x>"
    assert Point(0).is_origin


def test_repr_is_the_constructor_call():
    assert repr(Named(1, name="a")) == "Named(x=1, y=0, name='a')"


def test_fields_may_have_any_name():
    assert (Awkward(1).self, Awkward(1)._unset, Awkward(1, _unset=2)._unset) == (1, 7, 2)


def test_a_field_without_default_may_not_follow_one_with_it():
    with pytest.raises(TypeError, match="without a default follows"):

        @frozen
        class Wrong:
            a: int = 1
            b: int


def test_values_can_be_matched_copied_and_pickled():
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)
    assert copy.deepcopy(Named(1, 2, "a")) == Named(1, 2, "a")
    assert copy.copy(Point(3)) == Point(3)
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)


def test_threads_may_create_the_first_values_concurrently():
    @frozen
    class Fresh:
        number: int

    created_items = []
    threads = [threading.Thread(target=lambda n=n: created_items.append(Fresh(n).number)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created_items) == list(range(16))


def test_declaring_values_imports_nothing_slow():
    slow = "{'dataclasses', 'inspect', 're', 'typing', 'enum', 'functools', 'operator'}"
    code = f"import sys, envmgr.kit.frozen; print(sorted({slow} & set(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.strip() == "[]"
