"""How long a commitment request is looked at: until what it lists is closed, or long enough."""

from hilum.pipeline.lanes.watching import WATCHED_SECONDS, WATCHES_MAX, Watches

NOW = 1000.0


def after(seconds):
    return NOW + seconds


def watched():
    watches = Watches()
    watches.begin(1, NOW)
    return watches


def test_it_is_looked_at_once_at_once_and_ever_more_seldom():
    watches = watched()
    looks = []

    for second in range(40):
        if watches.due(after(second)):
            looks.append(second)
            watches.looked(1, after(second), found=1, closed=0)

    assert looks == [0, 1, 3, 7, 15, 23, 31, 39]


def test_it_ends_when_all_that_it_lists_is_closed():
    watches = watched()

    watches.looked(1, NOW, found=2, closed=1)
    assert watches.due(after(60))
    watches.looked(1, after(60), found=1, closed=1)
    assert not watches.due(after(120))


def test_what_is_closed_by_others_ends_it_too():
    watches = watched()
    watches.looked(1, NOW, found=1, closed=0)

    watches.looked(1, after(1), found=0, closed=0)

    assert not watches.due(after(60))


def test_a_list_of_what_is_not_here_yet_is_watched_for_a_while():
    watches = watched()
    watches.looked(1, NOW, found=0, closed=0)

    assert watches.due(after(5))
    watches.looked(1, NOW + WATCHED_SECONDS, found=0, closed=0)
    assert not watches.due(NOW + 2 * WATCHED_SECONDS)


def test_only_so_many_are_watched_and_the_oldest_goes():
    watches = watched()
    for number in range(2, WATCHES_MAX + 2):
        watches.begin(number, NOW)

    due = watches.due(NOW)

    assert len(due) == WATCHES_MAX
    assert 1 not in due
