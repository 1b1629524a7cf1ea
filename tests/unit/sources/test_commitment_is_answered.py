"""A peer asks us for storage commitment: what it is answered, and where it hears the report."""

import asyncio
import errno
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from test_admission import known, rules
from test_door import visit  # noqa: F401 - a fixture

from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.command import Command, CommandField, encode_command
from hilum.dimse.message import CommandReceived, DataReceived, Messages, encode_response
from hilum.dimse.service.commitment import (
    COMMITMENT_INSTANCE,
    STORAGE_COMMITMENT,
    commitment_data_set,
    commitment_request,
    read_report,
)
from hilum.dimse.status import (
    CLASS_INSTANCE_CONFLICT,
    INVALID_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_SOP_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
)
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import AssociationAccepted, Fragment, Released
from hilum.dimse.upper.items import PresentationContext, UserInformation
from hilum.dimse.upper.pdu import AssociateRequest
from hilum.dimse.upper.reasons import AbortReason, AbortSource
from hilum.kernel.errors import Full, Unreachable
from hilum.kernel.names import UID
from hilum.pipeline.vouching.settings import VouchingSettings
from hilum.pipeline.vouching.voucher import Voucher
from hilum.testing.datasets import CT, instance

SYNTAX = EXPLICIT_VR_LITTLE_ENDIAN.uid
RULES = rules(known(host=["127.0.0.1"], may=["commit", "store"]))
MADE = [instance(seed=n) for n in range(2)]
HELD = [(one.sop_class_uid, one.sop_instance_uid) for one in MADE]
UNKNOWN = (CT, UID("1.2.3.4.5"))
UIDS = {uid for _, uid in HELD}
ONE, TWO = UID("2.25.1"), UID("2.25.2")


@dataclass
class Said:
    """A report as the peer got it."""

    message_id: int
    command: Command
    report: object


class Modality:
    """A peer that asks, and answers reports only when it is told to."""

    def __init__(self, reader, writer):
        self.association = Association.requestor(
            AssociateRequest(
                "HILUM",
                "CT1",
                (PresentationContext(1, STORAGE_COMMITMENT, (SYNTAX,)),),
                UserInformation(16384, UID("1.2.3")),
            )
        )
        self.reader, self.writer = reader, writer
        self._messages = Messages({})
        self._heard = []
        self._data = bytearray()
        self._command = None

    async def next(self):
        """Give what comes next: an event, the command of a response, or a report."""
        async with asyncio.timeout(5):
            while not self._heard:
                data = await self.reader.read(65536)
                if not data:
                    return None
                for event in self.association.receive(data):
                    self._take(event)
        return self._heard.pop(0)

    def _take(self, event):
        if not isinstance(event, Fragment):
            if isinstance(event, AssociationAccepted):
                self._messages = Messages(self.association.contexts)
            self._heard.append(event)
            return
        received = self._messages.receive(event)
        if isinstance(received, CommandReceived):
            self._command = received.command
            if not self._command.has_data_set:
                self._heard.append(self._command)
        elif isinstance(received, DataReceived):
            self._data += received.data
            if received.is_last:
                report = read_report(bytes(self._data), SYNTAX)
                self._data.clear()
                self._heard.append(Said(self._command.message_id, self._command, report))

    def say(self, command, data):
        header = self.association.data_header(1, len(data), is_command=False, is_last=True)
        self.writer.write(self.association.command(1, command) + header + data)

    async def ask(self, references, *, transaction=ONE, message_id=1):
        self.say(
            commitment_request(message_id), commitment_data_set(transaction, references, SYNTAX)
        )
        return (await self.next()).status

    def answer(self, said, status=SUCCESS):
        self.writer.write(self.association.command(1, encode_response(said.command, status)))

    def release(self):
        self.writer.write(self.association.release())

    def abort(self):
        self.writer.write(self.association.abort(AbortSource.USER, AbortReason.NOT_SPECIFIED))


@asynccontextmanager
async def calling(site):
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    modality = Modality(reader, writer)
    writer.write(modality.association.request())
    assert isinstance(await modality.next(), AssociationAccepted)
    try:
        yield modality
    finally:
        writer.close()
        await writer.wait_closed()


class Office:
    """Where the peer listens (`Listeners` and `Listener`): notes reports, or is closed."""

    def __init__(self):
        self.calls = []
        self.is_closed = False

    def find(self, peer, *, calling):
        assert (peer, calling) == ("ct1", "HILUM")
        return self

    async def report(self, vouched, *, seconds):
        assert seconds
        if self.is_closed:
            raise Unreachable("nobody there.")
        self.calls.append(vouched)


@asynccontextmanager
async def vouching(site, **settings):
    """Have a site answer commitment; give where its peer is called."""
    office = Office()
    values = {"same_association_seconds": 0.01, "response_seconds": 5} | settings
    site.desk.voucher = voucher = Voucher(
        VouchingSettings(**values),
        commitments=site.bench.ledger.commitments,
        payloads=site.bench.vault,
        listeners=office,
        clock=site.bench.clock,
        vouched=site.bench.clock,
        steady=site.bench.clock,
        telemetry=site.bench.telemetry,
    )
    async with asyncio.timeout(20):
        for one in MADE:
            await site.bench.bring(one)
    try:
        yield office
    finally:
        await voucher.close()


async def called(site, office, count=1):
    """Look as the house does until the peer was called so often."""
    async with asyncio.timeout(5):
        while len(office.calls) < count:
            await site.desk.voucher.look()
            await asyncio.sleep(0.01)
    return office.calls[count - 1]


async def settled(site):
    await site.until(lambda: site.events("CommitmentReported"))


def test_who_stays_hears_on_its_association(visit):  # noqa: F811 - the fixture
    async def scenario(site):
        async with vouching(site) as office, calling(site) as modality:
            assert await modality.ask([*HELD, UNKNOWN]) == SUCCESS
            said = await modality.next()
            modality.answer(said)
            await settled(site)

            assert said.command.event_type_id == 2
            assert said.report.transaction_uid == ONE
            assert said.report.committed == UIDS
            assert said.report.failed == {UNKNOWN[1]: NO_SUCH_SOP_INSTANCE}
            await site.desk.voucher.look()
            assert office.calls == []
            assert [one.failed for one in site.events("CommitmentDenied")] == [1]

    visit(scenario, rules=RULES)


def test_who_releases_is_released_at_once_and_called(visit):  # noqa: F811
    async def scenario(site):
        async with vouching(site, same_association_seconds=60) as office:
            async with calling(site) as modality:
                assert await modality.ask(HELD) == SUCCESS
                modality.release()
                assert isinstance(await modality.next(), Released)

            vouched = await called(site, office)
            assert {uid for _, uid in vouched.committed} == UIDS
            await settled(site)

    visit(scenario, rules=RULES)


@pytest.mark.parametrize("way", ["abort", "vanish", "refuse", "release"])
def test_who_does_not_take_the_report_is_called(visit, way):  # noqa: F811
    async def scenario(site):
        async with vouching(site) as office:
            async with calling(site) as modality:
                assert await modality.ask(HELD) == SUCCESS
                said = await modality.next()
                if way == "abort":
                    modality.abort()
                elif way == "refuse":
                    modality.answer(said, PROCESSING_FAILURE)
                elif way == "release":
                    modality.release()
            await called(site, office)

    visit(scenario, rules=RULES)


def test_an_answer_that_comes_late_ends_nothing(visit):  # noqa: F811
    async def scenario(site):
        async with vouching(site, response_seconds=0.05) as office, calling(site) as modality:
            assert await modality.ask(HELD) == SUCCESS
            said = await modality.next()
            await called(site, office)

            modality.answer(said)

            assert await modality.ask(HELD, transaction=TWO, message_id=2) == SUCCESS

    visit(scenario, rules=RULES)


def test_what_is_asked_next_is_answered_before_a_report_is_begun(visit):  # noqa: F811
    async def scenario(site):
        async with vouching(site, same_association_seconds=0.2), calling(site) as modality:
            assert await modality.ask(HELD[:1]) == SUCCESS
            assert await modality.ask(HELD, transaction=TWO, message_id=2) == SUCCESS
            reports = []
            for _ in range(2):
                said = await modality.next()
                modality.answer(said)
                reports.append(said.report)

            assert [one.transaction_uid for one in reports] == [ONE, TWO]
            assert [len(one.committed) for one in reports] == [1, 2]

    visit(scenario, rules=RULES)


def test_what_is_asked_while_a_report_is_out_waits_for_it(visit):  # noqa: F811
    async def scenario(site):
        async with vouching(site), calling(site) as modality:
            assert await modality.ask(HELD) == SUCCESS
            said = await modality.next()
            data = commitment_data_set(TWO, HELD, SYNTAX)
            modality.say(commitment_request(2), data)
            modality.answer(said)

            assert (await modality.next()).status == SUCCESS
            assert (await modality.next()).report.transaction_uid == TWO

    visit(scenario, rules=RULES)


def action(**changes):
    values = {
        "message_id": 1,
        "requested_sop_class_uid": STORAGE_COMMITMENT,
        "requested_sop_instance_uid": COMMITMENT_INSTANCE,
        "action_type_id": 1,
    }
    return encode_command(Command(CommandField.N_ACTION_RQ, has_data_set=True, **values | changes))


GOOD = commitment_data_set(ONE, HELD, SYNTAX)


@pytest.mark.parametrize(
    ("command", "data", "status"),
    [
        (action(action_type_id=2), GOOD, NO_SUCH_ACTION),
        (action(requested_sop_instance_uid=UID("1.2.3")), GOOD, NO_SUCH_SOP_INSTANCE),
        (action(requested_sop_class_uid=CT), GOOD, CLASS_INSTANCE_CONFLICT),
        (action(), b"\x08\0\0\0nonsense", INVALID_ARGUMENT),
        (action(), commitment_data_set(ONE, [], SYNTAX), INVALID_ARGUMENT),
        (action(), commitment_data_set(UID(""), HELD, SYNTAX), INVALID_ARGUMENT),
        (action(), commitment_data_set(ONE, [(CT, UID("no uid"))], SYNTAX), INVALID_ARGUMENT),
        (
            action(),
            commitment_data_set(ONE, [HELD[0], (UID("1.2"), HELD[0][1])], SYNTAX),
            INVALID_ARGUMENT,
        ),
    ],
)
def test_what_is_no_request_is_refused_and_promises_nothing(visit, command, data, status):  # noqa: F811
    async def scenario(site):
        async with vouching(site), calling(site) as modality:
            modality.say(command, data)

            assert (await modality.next()).status == status
            assert site.events("CommitmentAsked") == []
            assert await modality.ask(HELD) == SUCCESS

    visit(scenario, rules=RULES)


def test_a_request_without_end_costs_no_memory_and_is_refused(visit, monkeypatch):  # noqa: F811
    monkeypatch.setattr("hilum.sources.dimse.committing.REQUEST_BYTES_MAX", 100)

    async def scenario(site):
        async with vouching(site), calling(site) as modality:
            assert await modality.ask(HELD) == INVALID_ARGUMENT

    visit(scenario, rules=RULES)


def test_success_is_answered_only_for_what_is_kept(visit, monkeypatch):  # noqa: F811
    async def scenario(site):
        async with vouching(site), calling(site) as modality:

            def fail(*_, **__):
                raise Full(os.strerror(errno.ENOSPC))

            monkeypatch.setattr(site.bench.ledger.commitments, "ask", fail)
            assert await modality.ask(HELD) == RESOURCE_LIMITATION
            monkeypatch.undo()
            assert await modality.ask(HELD, message_id=2) == SUCCESS

    visit(scenario, rules=RULES)


def test_a_transaction_uid_is_not_taken_for_other_instances(visit):  # noqa: F811
    async def scenario(site):
        async with vouching(site, same_association_seconds=60), calling(site) as modality:
            assert await modality.ask(HELD[:1]) == SUCCESS
            assert await modality.ask(HELD, message_id=2) == PROCESSING_FAILURE

    visit(scenario, rules=RULES)


def test_without_anybody_who_vouches_the_service_is_not_offered(visit):  # noqa: F811
    async def scenario(site):
        async with calling(site) as modality:
            assert await modality.ask(HELD) == UNRECOGNIZED_OPERATION

    visit(scenario, rules=RULES)


def test_a_file_that_is_gone_or_cut_is_not_committed(visit):  # noqa: F811
    async def scenario(site):
        async with vouching(site), calling(site) as modality:
            first, second = (site.bench.root / path for path in site.bench.files())
            first.unlink()
            second.write_bytes(second.read_bytes()[:-2])

            assert await modality.ask(HELD) == SUCCESS
            report = (await modality.next()).report

            assert report.committed == frozenset()
            assert set(report.failed.values()) == {PROCESSING_FAILURE}

    visit(scenario, rules=RULES)
