"""An archive calls us to report on storage commitment: the roles are reversed (PS3.4 §J.3.3)."""

import asyncio

import pytest
from commitment_reports import report_on
from test_admission import known, rules
from test_door import visit  # noqa: F401 - a fixture

from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.message import CommandReceived, Messages
from hilum.dimse.service.commitment import (
    ALL_COMMITTED,
    STORAGE_COMMITMENT,
    commitment_data_set,
    commitment_request,
    report_request,
)
from hilum.dimse.status import PROCESSING_FAILURE, SOP_CLASS_NOT_SUPPORTED, SUCCESS
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import AssociationAccepted, Fragment
from hilum.dimse.upper.items import PresentationContext, RoleSelection, UserInformation
from hilum.dimse.upper.pdu import AssociateRequest
from hilum.kernel.names import UID
from hilum.testing.datasets import CT

SYNTAX = EXPLICIT_VR_LITTLE_ENDIAN.uid
RULES = rules(known(host=["127.0.0.1"], may=["commit"]))
INSTANCES = [(CT, UID("1.2.3.1")), (CT, UID("1.2.3.2"))]
AS_SCP = (RoleSelection(STORAGE_COMMITMENT, scu=False, scp=True),)


async def call(port, command, data, *, roles=AS_SCP):
    """Open an association as an archive would, say one thing, and give the status of the answer."""
    request = AssociateRequest(
        "HILUM",
        "CT1",
        (PresentationContext(1, STORAGE_COMMITMENT, (SYNTAX,)),),
        UserInformation(16384, UID("1.2.3"), roles=roles),
    )
    association = Association.requestor(request)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(association.request())
    messages = Messages({})
    try:
        async with asyncio.timeout(5):
            while True:
                for event in association.receive(await reader.read(65536)):
                    if isinstance(event, AssociationAccepted):
                        messages = Messages(association.contexts)
                        writer.write(association.command(1, command))
                        header = association.data_header(
                            1, len(data), is_command=False, is_last=True
                        )
                        writer.write(header + data)
                    elif isinstance(event, Fragment):
                        received = messages.receive(event)
                        assert isinstance(received, CommandReceived)
                        return received.command.status
    finally:
        writer.close()
        await writer.wait_closed()


def report_of(transaction):
    _, data = report_on(commitment_data_set(transaction, INSTANCES, SYNTAX), SYNTAX)
    return data


def test_a_report_reaches_who_waits_for_it(visit):  # noqa: F811 - the fixture
    async def scenario(site):
        with site.desk.commitments.transaction() as (uid, report):
            command = report_request(1, ALL_COMMITTED)
            status = await call(site.port, command, report_of(uid))

            assert status == SUCCESS
            assert report.result().committed == {"1.2.3.1", "1.2.3.2"}

    visit(scenario, rules=RULES)


@pytest.mark.parametrize(
    ("data", "roles", "status"),
    [
        (report_of("1.2.3.999"), AS_SCP, PROCESSING_FAILURE),
        (b"\x08\0\0\0nonsense", AS_SCP, PROCESSING_FAILURE),
        (report_of("1.2.3.999"), (), SOP_CLASS_NOT_SUPPORTED),
    ],
)
def test_a_report_that_nobody_can_use_is_answered_so(visit, data, roles, status):  # noqa: F811
    async def scenario(site):
        command = report_request(1, ALL_COMMITTED)
        assert await call(site.port, command, data, roles=roles) == status

    visit(scenario, rules=RULES)


def test_nobody_may_ask_us_for_a_commitment_yet(visit):  # noqa: F811
    async def scenario(site):
        data = commitment_data_set(UID("1.2.3"), INSTANCES, SYNTAX)
        status = await call(site.port, commitment_request(1), data, roles=())
        assert status not in (None, SUCCESS)

    visit(scenario, rules=RULES)
