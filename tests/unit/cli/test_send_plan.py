from hilum.cli.sending.item import Item, Origin
from hilum.cli.sending.plan import plan
from hilum.kernel.names import UID


def item(sop_class: int, syntax: int, number: int = 0) -> Item:
    return Item(UID(f"1.{sop_class}"), UID(f"2.{number}"), UID(f"3.{syntax}"), Origin("f"), 0, 1, 0)


def test_each_class_and_syntax_has_a_context_of_its_own():
    items = [item(1, 1), item(1, 2), item(2, 1), item(1, 1, 9)]

    (only,) = plan(items)

    assert only.items == items
    assert [only.context_id(each) for each in items] == [1, 3, 5, 1]


def test_more_kinds_than_an_association_can_propose_make_more_plans():
    items = [item(number, 1) for number in range(300)]

    plans = plan(items)

    assert [len(each.context_ids) for each in plans] == [128, 128, 44]
    assert max(plans[0].context_ids.values()) == 255
    assert [each for one in plans for each in one.items] == items


def test_a_kind_that_returns_goes_where_its_context_is():
    items = [item(1, 1), item(2, 1), item(3, 1), item(1, 1, 9)]

    first, second = plan(items, contexts_max=2)

    assert items[3] in first.items
    assert len(second.items) == 1


def test_nothing_to_send_needs_no_plan():
    assert plan([]) == []
