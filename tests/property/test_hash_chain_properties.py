from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from envmgr.kit.audit_log.canonical_json import MAX_SAFE_INTEGER, canonicalize
from envmgr.kit.audit_log.sequence_gaps import SequenceTracker
from support.alm.hash_chains import chain, findings, relinked

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
COVERED = [
    "id",
    "source_service",
    "event_type",
    "actor",
    "resource",
    "payload",
    "timestamp",
    "prev_hash",
    "hash",
]
WHOLE = chain(12)


@given(VALUES)
def test_canonical_json_is_json_of_the_same_value(value):
    assert json.loads(canonicalize(value)) == value


@given(VALUES)
def test_canonical_json_is_a_fixed_point(value):
    assert canonicalize(json.loads(canonicalize(value))) == canonicalize(value)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_canonical_json_does_not_depend_on_the_order_of_members(members):
    assert canonicalize(dict(reversed(members.items()))) == canonicalize(members)


@given(VALUES, VALUES)
def test_different_values_are_written_differently(item, other):
    same = json.dumps(item, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonicalize(item) == canonicalize(other)) == same


@given(st.integers(0, 11), st.sampled_from(COVERED), VALUES, st.booleans())
def test_any_changed_entry_is_found_with_a_checkpoint_of_the_end(at, name, value, rehashed):
    changed = {**WHOLE[at], name: value}
    if json.dumps(changed, sort_keys=True) == json.dumps(WHOLE[at], sort_keys=True):
        return
    if rehashed and name not in {"prev_hash", "hash"}:
        changed = relinked(changed)
    assert findings([*WHOLE[:at], changed, *WHOLE[at + 1 :]], [WHOLE[-1]])


@given(st.integers(0, 11), TEXTS, VALUES)
def test_anything_added_to_an_entry_is_found(at, name, value):
    if name not in WHOLE[at]:
        changed = {**WHOLE[at], name: value}
        assert [result.kind for result in findings([*WHOLE[:at], changed, *WHOLE[at + 1 :]])] == ["changed"]


@given(st.sets(st.integers(0, 11), min_size=1))
def test_any_removed_entries_are_found_with_a_checkpoint_of_the_end(removed):
    left = [entry for at, entry in enumerate(WHOLE) if at not in removed]
    kinds = {finding.kind for finding in findings(left, [WHOLE[-1]])}
    assert kinds & {"removed", "truncated"}


@given(st.integers(0, 12), st.integers(0, 11), st.booleans())
def test_any_inserted_entry_is_found(at, source, renumbered):
    inserted = {**WHOLE[source], "seq": at + 1} if renumbered else WHOLE[source]
    inserted = {**inserted, "actor": "user:eve"}
    assert findings([*WHOLE[:at], relinked(inserted), *WHOLE[at:]])


@given(st.permutations(range(12)))
def test_any_other_order_is_found(order):
    result = findings([WHOLE[at] for at in order])
    assert bool(result) == (list(order) != list(range(12)))


@given(st.integers(0, 11), st.integers(0, 11))
def test_a_log_cut_off_before_a_checkpoint_is_found(length, signed):
    result = findings(WHOLE[:length], [WHOLE[signed]])
    assert bool(result) == (signed >= length)


@given(st.lists(st.integers(1, 40), max_size=60))
def test_numbering_keeps_just_what_did_not_come(numbers):
    numbering, come = SequenceTracker(), set()
    for number in numbers:
        gap = numbering.add(number)
        assert (gap == "again") == (number in come)
        come.add(number)
    missing = {n for low, high in numbering.gaps() for n in range(low, high + 1)}
    assert missing == set(range(1, max(come, default=0))) - come
