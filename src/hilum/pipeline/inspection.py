"""Looks into a file as the routes will: what it is, who brought it, and what can be asked of it.

For explanations and dry runs, never on the way of an instance. Blocks: for threads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.dicom.facts import InstanceFacts, facts_of
from hilum.dicom.header import Header
from hilum.dicom.part10 import guess_transfer_syntax, read_file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.tags import CATALOGUE_TAGS
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID, is_uid
from hilum.pipeline.doors import door_of
from hilum.pipeline.planning import FRONT_BYTES_MAX, header_facts
from hilum.routing.facts import AssociationFacts, HeaderFacts
from hilum.routing.routes import Routes
from hilum.vault.seal import SEAL_CREATOR_UID, Seal, decode

_CHUNK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file whose header was read. `seal` is there when it comes from a vault."""

    path: Path
    facts: InstanceFacts
    header: Header
    transfer_syntax_uid: UID
    size: int
    front: bytes
    seal: Seal | None

    def routing_facts(self, routes: Routes, association: AssociationFacts) -> HeaderFacts:
        """Give what `routes` may ask of it, as if it came over `association`."""
        return header_facts(
            self.header,
            association,
            size=self.size,
            transfer_syntax_uid=self.transfer_syntax_uid,
            header_tags=CATALOGUE_TAGS | routes.tags_wanted,
            front=lambda: self.front,
        )

    @property
    def sealed_association(self) -> AssociationFacts:
        """Give who brought it, as its seal says."""
        seal = self.seal
        if seal is None:
            return AssociationFacts()
        return AssociationFacts(
            calling_ae_title=seal.calling_ae_title,
            called_ae_title=seal.called_ae_title,
            peer=seal.peer,
            host=seal.host,
            entity=seal.entity,
            source=door_of(
                calling_ae_title=seal.calling_ae_title, association_id=seal.association_id
            ),
        )


def inspect(path: Path, routes: Routes) -> Inspected:
    """Read the header of the file at `path`.

    Raises:
        CorruptPayload: it is no DICOM file, or no instance.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        meta = read_file_meta(stream)
        stream.seek(meta.data_set_offset)
        front = stream.read(FRONT_BYTES_MAX)
        syntax = (
            transfer_syntax(meta.transfer_syntax_uid)
            if is_uid(meta.transfer_syntax_uid)
            else guess_transfer_syntax(front[:8])
        )
        reader = DataSetReader(syntax, CATALOGUE_TAGS | routes.tags_wanted)
        reader.feed(front)
        while (header := reader.header) is None:
            chunk = stream.read(_CHUNK_BYTES)
            if not chunk:
                header = reader.finish()
                break
            reader.feed(chunk)
        size = stream.seek(0, 2) - meta.data_set_offset
    facts = facts_of(header)
    if not is_uid(facts.sop_instance_uid):
        raise CorruptPayload("it has no valid SOP Instance UID")
    is_ours = meta.private_creator_uid == SEAL_CREATOR_UID
    seal = decode(meta.private_information) if is_ours else None
    return Inspected(path, facts, header, syntax.uid, size, front, seal)
