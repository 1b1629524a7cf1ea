"""Where the values of payloads are that metadata only has addresses of (PS3.18 §F.2.6)."""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Final

from hilum.dicom.bulk import BulkPath
from hilum.dicom.json_writer import INLINE_BYTES_MAX, may_be_bulk
from hilum.dicom.locating import Located, Locating, ValueLister, ValueLocator
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.tags import PIXEL_TAGS
from hilum.dicom.vrs import WORD_BYTES
from hilum.pipeline.archive.forms import AS_STORED, Form, formed, reader_of
from hilum.pipeline.archive.fragment_scan import FragmentScan, basic_offsets
from hilum.pipeline.archive.segments import Run
from hilum.pipeline.ports import PayloadReader, Payloads
from hilum.pipeline.reading import Reading

_DEFLATED: Final = Form(is_deflated=True)


class ValueFinder:
    """Finds values in payloads. One object for each place that reads them."""

    def __init__(self, payloads: Payloads, reading: Reading) -> None:
        self._payloads = payloads
        self._reading = reading

    async def find(self, path: str, syntax_uid: str, where: BulkPath) -> Located | None:
        """Find one value; None: there is none, or it is a sequence.

        Raises:
            CorruptPayload, OSError: the payload cannot be read.
        """
        locator = ValueLocator(transfer_syntax(syntax_uid), where)
        reader = await self._open(path)
        try:
            walk = _walk(locator, reader, syntax_uid)
            while not walk.is_over:
                await self._reading.call(walk.step)
        finally:
            reader.close()
        return locator.found

    async def all_bulk(self, path: str, syntax_uid: str) -> AsyncGenerator[Located]:
        """Give every value that metadata only has the address of, in their order.

        Raises:
            CorruptPayload, OSError: the payload cannot be read.
        """
        lister = ValueLister(transfer_syntax(syntax_uid), is_bulk)
        reader = await self._open(path)
        try:
            walk = _walk(lister, reader, syntax_uid)
            while not walk.is_over:
                await self._reading.call(walk.step)
                found, lister.found = lister.found, []
                for one in found:
                    yield one
        finally:
            reader.close()

    async def runs(self, path: str, syntax_uid: str, value: Located) -> Sequence[Run]:
        """Give the bytes of a value, little endian; of one in fragments, these without a table.

        Raises:
            CorruptPayload, OSError: the payload cannot be read.
        """
        if value.length is not None:
            word = 1 if value.little_endian else WORD_BYTES.get(value.vr, 1)
            form = Form(transfer_syntax(syntax_uid).deflated, word, value.position)
            return [Run(path, value.position, value.length, form)]
        reader = await self._open(path)
        try:
            source = reader_of(formed(reader, _form(syntax_uid)))
            _, first = await self._reading.call(partial(basic_offsets, source, value.position))
            scan = FragmentScan(source, first)
            while not scan.is_over:
                await self._reading.call(scan.step)
        finally:
            reader.close()
        places = zip(scan.fragments.positions, scan.fragments.lengths, strict=True)
        return [Run(path, position, length, _form(syntax_uid)) for position, length in places]

    async def _open(self, path: str) -> PayloadReader:
        return await self._reading.call(partial(self._payloads.open_payload, path))


def is_bulk(value: Located) -> bool:
    """Tell whether metadata has the address of a value instead of it (see `dicom.json_writer`)."""
    if value.length is None or (len(value.path) == 1 and value.path[0] in PIXEL_TAGS):
        return True
    return value.length > INLINE_BYTES_MAX and may_be_bulk(value.vr)


def _form(syntax_uid: str) -> Form:
    return _DEFLATED if transfer_syntax(syntax_uid).deflated else AS_STORED


def _walk(walker: ValueLocator | ValueLister, reader: PayloadReader, syntax_uid: str) -> Locating:
    form = _form(syntax_uid)
    size = None if form.is_deflated else reader.size
    return Locating(walker, reader_of(formed(reader, form)), size)
