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
INTACT_LOG = chain(12)


@given(VALUES)
def test_canonical_json_is_json_of_the_same_value(value):
    assert json.loads(canonicalize(value)) == value


@given(VALUES)
def test_canonical_json_is_a_fixed_point(value):
    assert canonicalize(json.loads(canonicalize(value))) == canonicalize(value)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_canonical_json_is_independent_of_the_order_of_members(members):
    assert canonicalize(dict(reversed(members.items()))) == canonicalize(members)


@given(VALUES, VALUES)
def test_different_values_have_different_canonical_json(item, other):
    same = json.dumps(item, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonicalize(item) == canonicalize(other)) == same


@given(st.integers(0, 11), st.sampled_from(COVERED), VALUES, st.booleans())
def test_any_changed_entry_is_detected_with_a_checkpoint_of_the_end(position, name, value, rehashed):
    changed = {**INTACT_LOG[position], name: value}
    if json.dumps(changed, sort_keys=True) == json.dumps(INTACT_LOG[position], sort_keys=True):
        return
    if rehashed and name not in {"prev_hash", "hash"}:
        changed = relinked(changed)
    assert findings([*INTACT_LOG[:position], changed, *INTACT_LOG[position + 1 :]], [INTACT_LOG[-1]])


@given(st.integers(0, 11), TEXTS, VALUES)
def test_any_added_member_is_detected(position, name, value):
    if name not in INTACT_LOG[position]:
        changed = {**INTACT_LOG[position], name: value}
        assert [
            result.kind for result in findings([*INTACT_LOG[:position], changed, *INTACT_LOG[position + 1 :]])
        ] == ["changed"]


@given(st.sets(st.integers(0, 11), min_size=1))
def test_any_removed_entries_are_detected_with_a_checkpoint_of_the_end(removed):
    remaining = [entry for position, entry in enumerate(INTACT_LOG) if position not in removed]
    kinds = {finding.kind for finding in findings(remaining, [INTACT_LOG[-1]])}
    assert kinds & {"removed", "truncated"}


@given(st.integers(0, 12), st.integers(0, 11), st.booleans())
def test_any_inserted_entry_is_detected(position, source, renumbered):
    inserted = {**INTACT_LOG[source], "seq": position + 1} if renumbered else INTACT_LOG[source]
    inserted = {**inserted, "actor": "user:eve"}
    assert findings([*INTACT_LOG[:position], relinked(inserted), *INTACT_LOG[position:]])


@given(st.permutations(range(12)))
def test_any_reordering_is_detected(order):
    result = findings([INTACT_LOG[position] for position in order])
    assert bool(result) == (list(order) != list(range(12)))


@given(st.integers(0, 11), st.integers(0, 11))
def test_a_log_truncated_before_a_checkpoint_is_detected(length, signed):
    result = findings(INTACT_LOG[:length], [INTACT_LOG[signed]])
    assert bool(result) == (signed >= length)


@given(st.lists(st.integers(1, 40), max_size=60))
def test_numbering_reports_exactly_the_missing_numbers(numbers):
    numbering, come = SequenceTracker(), set()
    for number in numbers:
        gap = numbering.add(number)
        assert (gap == "again") == (number in come)
        come.add(number)
    missing = {n for low, high in numbering.gaps() for n in range(low, high + 1)}
    assert missing == set(range(1, max(come, default=0))) - come
