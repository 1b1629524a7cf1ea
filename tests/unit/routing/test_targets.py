"""Which destination of a group gets a study."""

from collections import Counter

from hilum.routing.targets import Target, choose

FAILOVER = Target(("pacs", "standby"), "first_of")
SHARED = Target(("a", "b", "c"), "one_of", (1.0, 1.0, 2.0))
STUDIES = [f"1.2.{number}" for number in range(2000)]


def test_first_of_is_the_first_that_works():
    assert choose(FAILOVER, "1.2", {"pacs", "standby"}) == "pacs"
    assert choose(FAILOVER, "1.2", {"standby"}) == "standby"


def test_when_none_works_deliveries_wait_where_they_belong():
    assert choose(FAILOVER, "1.2", ()) == "pacs"
    assert choose(SHARED, "1.2", ()) == choose(SHARED, "1.2", SHARED.members)


def test_one_of_shares_studies_by_weight():
    shares = Counter(choose(SHARED, study, SHARED.members) for study in STUDIES)

    assert 400 < shares["a"] < 600
    assert 400 < shares["b"] < 600
    assert 850 < shares["c"] < 1150


def test_only_studies_of_what_failed_move():
    for study in STUDIES:
        before = choose(SHARED, study, SHARED.members)
        after = choose(SHARED, study, {"a", "b"})
        assert before in {after, "c"}


def test_groups_have_names_that_say_what_they_are():
    assert str(Target(("pacs",))) == "pacs"
    assert Target(("pacs",)).choice == ""
    assert FAILOVER.choice == "first_of(pacs,standby)"
    assert SHARED.choice == "one_of(a=1,b=1,c=2)"
