from hilum.destinations.dimse.blocks import Blocks


def read(blocks, data):
    """Have `data` read as a transport does: into the room that there is."""
    taken = []
    while data:
        room = blocks.room()
        some = data[: len(room)]
        room[: len(some)] = some
        taken.append(blocks.taken(len(some)))
        data = data[len(some) :]
    return taken


def test_what_was_read_is_never_written_over_while_somebody_may_have_it():
    blocks = Blocks()
    content = bytes(range(256)) * 4096

    kept = [
        view
        for start in range(0, len(content), 999)
        for view in read(blocks, content[start : start + 999])
    ]

    assert b"".join(kept) == content


def test_what_was_kept_of_one_operation_is_not_written_over_in_the_next():
    blocks = Blocks()
    kept = read(blocks, b"kept")

    blocks.leave()
    for _ in range(3):
        read(blocks, b"read")
        blocks.reuse()

    assert b"".join(kept) == b"kept"


def test_what_nobody_keeps_is_read_into_the_same_block():
    blocks = Blocks()
    first = read(blocks, b"1")[0]

    blocks.reuse()
    read(blocks, b"2")

    assert bytes(first) == b"2"


def test_no_read_is_short_for_want_of_room():
    blocks = Blocks()
    for _ in range(100):
        assert len(blocks.room()) >= 16 * 1024
        blocks.taken(9000)


def test_long_blocks_are_used_again_when_nobody_has_any_of_them():
    blocks = Blocks()
    for _ in range(10):
        read(blocks, b"x" * (3 << 20))

    assert len(blocks._memory._spare) <= 4


def test_an_association_at_rest_has_a_short_block():
    blocks = Blocks()
    read(blocks, b"x" * (3 << 20))

    blocks.leave()

    assert len(blocks.room()) < 1 << 20
