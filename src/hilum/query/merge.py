"""Answers of several answerers as one: how much of each a page of the whole needs."""


def wanted_of_each(*, offset: int, limit: int | None) -> int | None:
    """Say how many matches each answerer must give, from its first on, for a page to be right.

    None: all of them.
    """
    return None if limit is None else offset + limit + 1
