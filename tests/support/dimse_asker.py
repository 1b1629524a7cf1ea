"""A workstation in a test: asks over one association and answers what it is sent, when told to."""

import asyncio
import contextlib

from hilum.dimse.message import CommandReceived, DataReceived, Messages
from hilum.dimse.service.storage import store_response
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import Aborted, AssociationAccepted, Fragment, Released
from hilum.dimse.upper.fragments import Fragments
from hilum.dimse.upper.items import ExtendedNegotiation, RoleSelection
from hilum.dimse.upper.pdu import AssociateRequest, PresentationContext, UserInformation
from hilum.kernel.names import UID

IMPLICIT = UID("1.2.840.10008.1.2")
EXPLICIT = UID("1.2.840.10008.1.2.1")


class Over(Exception):
    """The association ended; `args` say how."""


class Asker:
    """One association to a gateway."""

    def __init__(self, reader, writer, engine):
        self.reader, self.writer, self.engine = reader, writer, engine
        self.accept = None
        self._events = []
        self._messages = None

    @classmethod
    async def open(
        cls,
        port,
        contexts,
        *,
        roles=(),
        extended=(),
        called="HILUM",
        calling="WS",
        pdu=65536,
        tls=None,
        implementation="1.2.3",
    ):
        """Propose `contexts`: pairs of an abstract syntax and transfer syntaxes."""
        request = AssociateRequest(
            called,
            calling,
            tuple(
                PresentationContext(2 * number + 1, UID(uid), tuple(map(UID, syntaxes)))
                for number, (uid, syntaxes) in enumerate(contexts)
            ),
            UserInformation(
                pdu,
                UID(implementation),
                roles=tuple(RoleSelection(UID(u), scu=scu, scp=scp) for u, scu, scp in roles),
                extended=tuple(ExtendedNegotiation(UID(u), b) for u, b in extended),
            ),
        )
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, limit=1 << 16, ssl=tls, server_hostname="localhost" if tls else None
        )
        asker = cls(reader, writer, Association.requestor(request))
        writer.write(asker.engine.request())
        asker.accept = (await asker._event(AssociationAccepted)).accept
        asker._messages = Messages(asker.engine.contexts)
        asker.fragments = Fragments(asker.engine, pdu_bytes_max=1 << 20)
        return asker

    def context(self, uid):
        """Give the first accepted context of an abstract syntax."""
        return next(c for c in self.engine.contexts.values() if c.abstract_syntax == uid)

    def send(self, context_id, command, data=None):
        """Send a message."""
        self.writer.writelines(self.fragments.command(context_id, command))
        if data is not None:
            self.writer.writelines(self.fragments.data(context_id, data, is_last=True))

    async def message(self):
        """Give the next command with its context and whole data set, if it has one."""
        received = None
        while not isinstance(received, CommandReceived):
            received = self._messages.receive(await self._event(Fragment))
        if not received.command.has_data_set:
            return received.context, received.command, None
        data = bytearray()
        while True:
            piece = self._messages.receive(await self._event(Fragment))
            assert isinstance(piece, DataReceived)
            data += piece.data
            if piece.is_last:
                return received.context, received.command, bytes(data)

    async def store(self, *, status=0):
        """Take a store and answer it; anything else is given as it is."""
        context, command, data = await self.message()
        if command.command_field == 0x0001:
            self.send(context.id, store_response(command, status))
        return context, command, data

    async def responses(self, *, status=0):
        """Give all messages up to the last response, stores answered on the way."""
        got = []
        while True:
            got.append(await self.store(status=status))
            command = got[-1][1]
            if command.is_response and command.status not in (0xFF00, 0xFF01):
                return got

    async def release(self):
        """End in good order."""
        self.writer.write(self.engine.release())
        await self._event(Released)
        await self.close()

    async def close(self):
        """Close the socket, whatever is going on."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def _event(self, kind):
        async with asyncio.timeout(10):
            while True:
                while self._events:
                    event = self._events.pop(0)
                    if isinstance(event, Aborted):
                        raise Over(event.text)
                    if isinstance(event, kind):
                        return event
                data = await self.reader.read(1 << 16)
                if not data:
                    raise Over("closed")
                # Its own memory for each: fragments are kept until they are asked for.
                self._events += self.engine.receive(memoryview(data))
