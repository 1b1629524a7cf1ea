import io

import pytest

from hilum.cli.sending.item import BadFile, Item, Origin, Skipped
from hilum.cli.sending.progress import Live, Plain, Quiet, Speed, display, progress_line
from hilum.cli.sending.summary import as_json, in_words
from hilum.cli.sending.tally import Tally
from hilum.cli.sending.words import count_of, duration_of, size_of
from hilum.destinations.dimse.address import Address
from hilum.kernel.names import UID, AETitle

PEER = Address("10.0.0.5", 104, AETitle("PACS"), AETitle("US"))


def item(number, length=1000):
    return Item(UID("1.2"), UID(f"2.{number}"), UID("1.3"), Origin(f"/f{number}"), 0, length, 0)


def tally_of_a_mixed_run():
    tally = Tally()
    for number in range(5):
        tally.expect(item(number))
    tally.confirm(item(0), 0x0000)
    tally.confirm(item(1, 1001), 0xB000)
    tally.fail(item(2), "the peer answered: Cannot Understand (0xC000)", status=0xC000)
    tally.fail(item(3), "not sent: interrupted")
    tally.spoil(item(4), "cannot be read: Input/output error")
    tally.bad_files.append(BadFile(Origin("a.zip", "m"), "encrypted"))
    tally.skipped += [Skipped(Origin("README"), "not DICOM"), Skipped(Origin("X"), "DICOMDIR")]
    tally.retries = 7
    return tally


def test_the_summary_counts_statuses_in_words_and_groups_failures_by_reason():
    lines = list(in_words(tally_of_a_mixed_run(), peer=PEER, seconds=2.0))

    assert lines == [
        "2 of 5 instances sent to PACS (10.0.0.5:104): 2 kB in 2.00 s, 1 a second, 1 kB/s",
        "          1  Success (0x0000)",
        "          1  Coercion of Data Elements (0xB000)",
        "          1  Cannot Understand (0xC000)",
        "          1  failed without a status",
        "          7  attempts repeated",
        "          1  sent with a zero byte behind a data set of odd length",
        "1 instance failed: the peer answered: Cannot Understand (0xC000)",
        "    /f2",
        "1 instance failed: not sent: interrupted",
        "    /f3",
        "2 bad files:",
        "    /f4: cannot be read: Input/output error",
        "    a.zip!m: encrypted",
        "2 files skipped: 1 not DICOM, 1 DICOMDIR",
    ]


def test_a_thousand_failures_are_twenty_names_and_a_number():
    tally = Tally()
    for number in range(1000):
        tally.fail(item(number), "no")

    lines = list(in_words(tally, peer=PEER, seconds=1.0))

    assert len(lines) < 30
    assert lines[-1] == "    … and 980 more (--json lists all)"
    assert len(as_json(tally, peer=PEER, seconds=1.0)["failures"]) == 1000


def test_every_instance_has_one_fate():
    tally = tally_of_a_mixed_run()

    assert tally.finished == tally.instances == 5
    assert not tally.is_all_well


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (8192, "8.19 kB"), (999_999, "1 MB"),
     (526_336, "526 kB"), (2e15, "2e+03 TB")],
)  # fmt: skip
def test_sizes_have_three_digits(number, expected):
    assert size_of(number) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.418, "0.42 s"), (12.4, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_are_as_exact_as_they_matter(seconds, expected):
    assert duration_of(seconds) == expected


def test_one_is_not_plural():
    assert (count_of(1, "file"), count_of(1000, "file")) == ("1 file", "1,000 files")


def test_the_speed_is_that_of_the_last_seconds():
    speed = Speed()
    speed.sample(0.0, 0)

    assert speed.sample(1.0, 100) == 100
    for second in range(2, 30):
        last = speed.sample(float(second), 100)
    assert last == 0


def test_the_progress_line_says_how_many_how_fast_how_long():
    tally = tally_of_a_mixed_run()
    tally.bytes_in_all = 10_000
    tally.bytes_open = 999

    line = progress_line(tally, bytes_per_second=1000.0, instances_per_second=2.0)

    assert line == "5/5  2/s  1 kB/s  4.00 s left  3 failed"


def test_progress_in_a_log_is_plain_lines():
    stream = io.StringIO()
    shown = display(stream, quiet=False)
    shown.show("half", done=1, total=2)
    shown.show("looking", done=0, total=0)
    shown.close()

    assert isinstance(shown, Plain)
    assert stream.getvalue() == " 50 %  half\nlooking\n"


def test_quiet_shows_notes_only():
    stream = io.StringIO()
    shown = display(stream, quiet=True)
    shown.show("half", done=1, total=2)
    shown.note("stopping")

    assert isinstance(shown, Quiet)
    assert stream.getvalue() == "stopping\n"


def test_progress_on_a_terminal_is_drawn_and_taken_away():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    shown = display(stream, quiet=False)
    shown.show("half [1]", done=1, total=2)
    shown.note("a [note]")
    shown.close()

    assert isinstance(shown, Live)
    assert "50%" in stream.getvalue()
    assert "a [note]" in stream.getvalue()
