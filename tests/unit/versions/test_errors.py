"""Messages of errors about specs."""

from __future__ import annotations

from envmgr.versions import SpecError, VendorError, WordError


def test_a_spec_error_quotes_the_invalid_part_with_a_hint():
    error = SpecError("~=1", "is refused", "write ~1")

    assert str(error) == "'~=1': is refused; write ~1"
    assert (error.piece, error.hint) == ("~=1", "write ~1")


def test_a_long_piece_is_truncated():
    assert str(SpecError("a" * 1_000, "is refused")) == f"{'a' * 60 + '…'!r}: is refused"


def test_all_spec_errors_are_value_errors():
    assert all(issubclass(kind, ValueError) for kind in (SpecError, VendorError, WordError))
