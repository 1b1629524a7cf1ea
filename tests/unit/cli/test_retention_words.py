from hilum.cli.retention_words import retention_words
from hilum.pipeline.retention.settings import RetentionSettings

OLDEST = "the oldest of what is delivered everywhere, to 2 destinations at least"


def words(**settings):
    return list(retention_words(RetentionSettings(**settings)))


def test_without_terms_nothing_goes():
    [line] = words()
    assert line.startswith("nothing")


def test_terms_are_told_in_words():
    assert words(
        keep="30 d",
        copies_min=2,
        quota_bytes="2 TB",
        free_bytes="100 GB",
        rules=[{"peer": "ct1", "keep": "36 h"}, {"route": "a", "for_ever": True}],
    ) == [
        "what is delivered everywhere, to 2 destinations at least, after 30 days",
        f"above 85 % of 2 TB: {OLDEST}, down to 80 %; when it is full, stores are refused",
        f"when less than 100 GB of the disk are free: {OLDEST}",
        "from ct1: after 36 hours",
        "sent by route a: never",
        "never what is still to be delivered, or was sent nowhere",
    ]


def test_a_rule_may_let_go_what_was_sent_nowhere():
    assert words(rules=[{"nowhere": True, "keep": "1 d"}]) == [
        "what was sent nowhere: after 1 day",
        "never what is still to be delivered",
    ]
