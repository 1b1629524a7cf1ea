"""Entities whose answers come from archives elsewhere, and the gateway as the user of these."""

from collections.abc import Iterator

from hilum.cli.entity_words import entity_words
from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.query.level import Model
from hilum.query.via import FACE_UID, VIA_CREATOR
from hilum.service.config_settings import Config

_NAMES = {
    Model.PATIENT_ROOT: "Patient Root",
    Model.STUDY_ROOT: "Study Root",
}


def bridging(config: Config) -> Iterator[str]:
    """Give the section about entities."""
    yield heading(4, "3.1.6 Entities and archives elsewhere")
    yield (
        "Further AE titles may be configured (`[entities]`), each with services of its own, and "
        "with archives that answer for it over DIMSE or DICOMweb (PS3.18 §10.4 to §10.6). What the "
        "sections above say of searches and retrievals holds of them, too, within what the archive "
        "does; what it does not answer is told by the statuses in docs/bridging.md. Configured are:"
    )
    yield bullets(*(list(entity_words(config)) or ["none"]))
    yield "An archive that speaks DIMSE is asked by an association of the gateway's own:"
    rows = [
        (f"{name} {verb}", code(uid), "SCU")
        for model, name in _NAMES.items()
        for verb, uid in (
            ("FIND", model.find_uid),
            ("MOVE", model.move_uid),
            ("GET", model.get_uid),
        )
    ]
    rows.append(("storage SOP classes", "Annex A, and any other", "SCP in a C-GET; SCU through"))
    yield table(("SOP class", "UID", "Role"), rows)
    yield (
        "Relational queries and extended negotiation are proposed and used where they are agreed "
        "on. A C-MOVE names the gateway itself as its destination; the stores that come of it are "
        "known by their Move Originator (PS3.7 §9.1.1.1), and are no arrivals."
    )
    yield (
        "Another gateway of this implementation, known by its Implementation Class UID, is told "
        f"by which name an entity goes, as extended negotiation of {code(FACE_UID)}, and tells in "
        "the identifiers of its requests who has asked, as a private attribute: (0009,xx01), of "
        f"private creator {code(VIA_CREATOR)}. It is no key. Others see neither."
    )
