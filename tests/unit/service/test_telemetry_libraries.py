"""What libraries log comes into our log, without what could be a patient's."""

import asyncio
import gc
import logging
import warnings

import pytest

from hilum.kernel.errors import Unreachable
from hilum.service.libraries import LibraryHandler, library_logs
from hilum.service.log_events import LibraryFailed, LibraryWarned

PATIENT = "DOE^JOHN"


class Collected:
    """A Telemetry that keeps what it is given."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)


@pytest.fixture
def telemetry():
    telemetry = Collected()
    with library_logs(LibraryHandler(telemetry)):
        yield telemetry


def test_a_warning_of_a_library_is_an_event(telemetry):
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request from %s.", "10.0.0.1")

    expected = LibraryWarned("uvicorn.error", "Invalid HTTP request from 10.0.0.1.")
    assert telemetry.events == [expected]


def fail(error):
    raise error


def test_an_error_says_which_calls_led_to_it(telemetry):
    try:
        fail(Unreachable("pacs is away"))
    except Unreachable:
        logging.getLogger("asyncio").exception("Nobody caught this: ")

    (event,) = telemetry.events
    assert isinstance(event, LibraryFailed)
    assert (event.text, event.error) == ("Nobody caught this: pacs is away", "Unreachable")
    assert event.calls[-1].endswith(" fail")


@pytest.mark.parametrize("error", [ValueError, KeyError, LookupError, Exception])
def test_the_text_of_an_error_about_a_value_stays_out(telemetry, error):
    try:
        fail(error(f"cannot read {PATIENT!r}"))
    except error:
        logging.getLogger("asyncio").exception("Nobody caught this")

    (event,) = telemetry.events
    assert PATIENT not in repr(event)
    assert event.error == error.__name__


def test_what_a_library_says_of_a_data_set_stays_out(telemetry):
    logging.getLogger("pydicom.valuerep").warning("Invalid value for VR PN: %s", PATIENT)

    assert PATIENT not in repr(telemetry.events)
    assert telemetry.events[0].library == "pydicom.valuerep"


def test_a_python_warning_says_where_and_which_but_not_what(telemetry):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # catch_warnings put the printing function back; this is what routes warnings to logging.
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(f"Invalid value {PATIENT}", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    (event,) = telemetry.events
    assert event.text.endswith(": UserWarning")
    assert "test_telemetry_libraries.py:" in event.text


def test_requests_with_their_query_strings_stay_out(telemetry):
    logging.getLogger("uvicorn.access").error("GET /?PatientID=%s", PATIENT)

    assert telemetry.events == []


def test_statements_with_their_parameters_stay_out_at_any_level(telemetry):
    logging.getLogger("sqlalchemy.engine").info("INSERT ... %s", PATIENT)

    assert telemetry.events == []


def test_a_bad_format_string_of_a_library_is_no_error_of_ours():
    telemetry = Collected()
    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "%d of %d", ("one",), None)

    LibraryHandler(telemetry).handle(record)

    assert telemetry.events[0].text == "%d of %d"


def test_a_forgotten_exception_of_a_task_is_told(telemetry):
    async def forget():
        task = asyncio.ensure_future(fail_later())
        await asyncio.wait({task})

    async def fail_later():
        fail(OSError(28, "No space left on device"))

    asyncio.run(forget())
    gc.collect()

    (event,) = telemetry.events
    assert isinstance(event, LibraryFailed)
    assert "No space left on device" in event.text


def test_errors_are_counted_without_a_lock():
    handler = LibraryHandler(Collected())

    with library_logs(handler):
        logging.getLogger("asyncio").error("one")
        logging.getLogger("asyncio").warning("not this")

    assert handler.errors == 1


def test_logging_is_afterwards_as_it_was_before():
    root = logging.getLogger()
    before = (root.handlers[:], root.level)

    with library_logs(LibraryHandler(Collected())):
        assert root.handlers != before[0]

    assert (root.handlers, root.level) == before
