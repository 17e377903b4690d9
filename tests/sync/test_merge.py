"""Rule 8's merge as laws, for any two hands and any fields."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.merge import FieldStamp, merge_fields

FIELDS = ["name", "phone", "address", "note"]
values = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["a", "b", "c"]))
some_fields = st.dictionaries(st.sampled_from(FIELDS), values)
every_field = st.fixed_dictionaries({field: values for field in FIELDS})
hands = st.sampled_from(["mine", "theirs"])
stamps = st.dictionaries(
    st.sampled_from(FIELDS), st.builds(FieldStamp, st.one_of(st.none(), st.integers(1, 20)), hands)
)
bases = st.one_of(st.none(), st.integers(0, 20))
law = settings(max_examples=100, deadline=None)


@law
@given(bases, some_fields, some_fields, every_field, stamps)
def test_every_field_wanted_is_written_or_contested_or_so_already(base, was, wanted, current, stamped):
    merge = merge_fields(base=base, was=was, wanted=wanted, current=current, stamps=stamped, hand="mine")
    same = {field for field, value in wanted.items() if current[field] == value and type(current[field]) is type(value)}
    assert set(merge.changes) | set(merge.conflicts) | same == set(wanted)
    assert not set(merge.changes) & set(merge.conflicts)
    assert not (set(merge.changes) | set(merge.conflicts)) & same
    assert all(one.server == current[field] and one.phone == wanted[field] for field, one in merge.conflicts.items())


@law
@given(bases, some_fields, some_fields, every_field, st.sets(st.sampled_from(FIELDS)))
def test_ones_own_hand_never_conflicts_with_itself(base, was, wanted, current, touched):
    own = {field: FieldStamp(7, "mine") for field in FIELDS}
    merge = merge_fields(base=base, was=was, wanted=wanted, current=current, stamps=own, hand="mine")
    assert merge.conflicts == {}
    assert not merge.is_beside


@law
@given(every_field, some_fields, some_fields)
def test_two_edits_from_one_base_commute_where_they_do_not_meet(start, first, second):
    apart = {field: value for field, value in second.items() if field not in first}

    def edit(current, wanted, hand, stamped):
        was = {field: start[field] for field in wanted}
        merge = merge_fields(base=5, was=was, wanted=wanted, current=current, stamps=stamped, hand=hand)
        assert merge.conflicts == {}
        return {**current, **merge.changes}, {**stamped, **{field: FieldStamp(6, hand) for field in merge.changes}}

    one = edit(*_turn(edit(start, first, "mine", {}), apart, "theirs"))[0]
    other = edit(*_turn(edit(start, apart, "theirs", {}), first, "mine"))[0]
    assert one == other == {**start, **first, **apart}


def _turn(state, wanted, hand):
    current, stamped = state
    return current, wanted, hand, stamped


@law
@given(every_field, st.sampled_from(FIELDS), values, values)
def test_two_hands_on_one_field_conflict_exactly_when_they_want_different_values(start, field, first, second):
    stamped = {field: FieldStamp(6, "theirs")}
    merge = merge_fields(
        base=5,
        was={field: start[field]},
        wanted={field: second},
        current={**start, field: first},
        stamps=stamped,
        hand="mine",
    )
    is_same = first == second and type(first) is type(second)
    assert (field in merge.conflicts) is not is_same
    assert merge.changes == {}


def test_a_value_changed_without_a_stamp_conflicts_when_it_is_not_what_the_phone_saw():
    wanted = {"name": "new"}
    merge = merge_fields(
        base=5, was={"name": "old"}, wanted=wanted, current={"name": "imported"}, stamps={}, hand="mine"
    )
    assert merge.conflicts["name"].server == "imported"
    merge = merge_fields(base=5, was={"name": "old"}, wanted=wanted, current={"name": "old"}, stamps={}, hand="mine")
    assert merge.changes == wanted


@pytest.mark.parametrize("was", [None, "", []])
@pytest.mark.parametrize("now", [None, "", []])
def test_rule_8_a_field_without_a_value_is_the_same_however_that_is_said(was, now):
    told = {"base": 5, "wanted": {"remark": "new"}, "stamps": {}, "hand": "phone"}
    assert merge_fields(was={"remark": was}, current={"remark": now}, **told).changes == {"remark": "new"}
    for value in (0, False, "set", ["a"]):
        assert "remark" in merge_fields(was={"remark": was}, current={"remark": value}, **told).conflicts
