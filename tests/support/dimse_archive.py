"""An archive on the other side of an association, with what it holds and its own strange ways.

It matches by our own rules; real archives (tests/peers) find what both sides get wrong.
"""

from dataclasses import dataclass, field, replace

from query_peer import FIND, GET, WAIT, Say, match, store

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dataset import DataSet
from hilum.dicom.matching import AnyOf, matches_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.service.ending import COMPLETE, Ending, does_not_match
from hilum.dimse.service.query import find_ended
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.dimse.service.retrieve import failed_list, retrieve_ended
from hilum.dimse.service.suboperations import SubOperations
from hilum.query.attributes import level_of
from hilum.query.identifier import BadIdentifier, Negotiated, query_of_identifier
from hilum.query.level import Level, model_of
from hilum.query.retrieval import retrieval_of_identifier

MODALITIES_IN_STUDY = 0x00080061
SERIES_INSTANCES = 0x00201209


@dataclass
class DimseArchive:
    """`script` is what a `QueryPeer` plays.

    `held`: generated instances. `ignores`: keys it does not look at and answers empty. `omits`:
    attributes that are missing in its matches. `lists`: it knows lists of UIDs; else it looks at
    the first one only. `counts`: it says how many instances a series has. `boasts`: how many more
    it says it has sent than it did.
    """

    held: list = field(default_factory=list)
    relational: bool = False
    ignores: frozenset = frozenset()
    omits: frozenset = frozenset()
    lists: bool = True
    counts: bool = False
    boasts: int = 0
    limit: int | None = None
    not_sent: set = field(default_factory=set)  # SOP Instance UIDs that fail in a C-GET
    only_series_level: bool = False
    find_ending: Ending | None = None
    get_ending: Ending | None = None
    queries: list = field(default_factory=list)  # identifiers
    gets: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    stores_answered: list = field(default_factory=list)

    def __post_init__(self):
        for one in self.held:
            syntax = transfer_syntax(one.transfer_syntax_uid)
            self.rows.append(read_data_set(one.data_set, syntax))

    def script(self, asked):
        uid = asked.command.affected_sop_class_uid
        if uid in FIND:
            return self._find(asked)
        return self._get(asked) if uid in GET else self._move(asked)

    # C-FIND

    def _find(self, asked):
        self.queries.append(asked.identifier)
        if self.find_ending is not None:
            yield Say(find_ended(asked.command, self.find_ending))
            return
        model = model_of(asked.command.affected_sop_class_uid)
        try:
            query = query_of_identifier(
                asked.identifier, model, Negotiated(relational=self.relational)
            )
        except BadIdentifier as error:
            yield Say(find_ended(asked.command, does_not_match(error.tag, "not so")))
            return
        for number, found in enumerate(self._matches(query)):
            if number == self.limit:
                yield Say(find_ended(asked.command, Ending(0xB001)))
                return
            yield match(asked, self._told(found, query, asked.identifier))
        yield Say(find_ended(asked.command, COMPLETE))

    def _matches(self, query):
        keys = [key for key in query.keys if key.attribute not in self.ignores]
        if not self.lists:
            keys = [_first_only(key) for key in keys]
        seen = set()
        for bare in self.rows:
            row = self._with_modalities(bare)
            uid = row.text(query.level.unique_tag)
            if uid not in seen and matches_data_set(keys, row):
                seen.add(uid)
                yield row

    def _with_modalities(self, row):
        study = row.text(0x0020000D)
        found = {one.text(0x00080060) for one in self.rows if one.text(0x0020000D) == study}
        made = DataSetBuilder().texts(MODALITIES_IN_STUDY, *sorted(found))
        if self.counts:
            series = [one for one in self.rows if one.text(0x0020000E) == row.text(0x0020000E)]
            made.texts(SERIES_INSTANCES, str(len(series)))
        copy = DataSet(row.charset)
        copy.elements.update(row.elements)
        copy.elements.update(made.data_set.elements)
        return copy

    def _told(self, row, query, identifier):
        told = DataSet(row.current_charset())
        if 0x00080005 in row:
            told.elements[0x00080005] = row.elements[0x00080005]
        for tag, element in identifier.elements.items():
            level = level_of(tag)
            is_known = level is None or level == query.level or tag == level.unique_tag
            is_known = is_known or (self.relational and level <= query.level)
            is_known |= level == Level.PATIENT and query.level == Level.STUDY
            if tag in self.omits or tag == 0x00080005:
                continue
            if tag == 0x00080052:
                told.elements[tag] = element
            elif is_known and tag in row and tag not in self.ignores:
                told.elements[tag] = row.elements[tag]
            else:
                told.elements[tag] = (element[0], [] if element[0] == "SQ" else b"")
        return told

    # C-GET

    def _get(self, asked):
        self.gets.append(asked.identifier)
        if self.get_ending is not None:
            yield Say(retrieve_ended(asked.command, self.get_ending, SubOperations(0)))
            return
        chosen = self.chosen(asked)
        work = SubOperations(len(chosen))
        for number, one in enumerate(chosen):
            if asked.is_cancelled:
                break
            context = next(
                (
                    context
                    for context in asked.contexts.values()
                    if context.abstract_syntax == one.sop_class_uid
                    and context.transfer_syntax == one.transfer_syntax_uid
                ),
                None,
            )
            if one.sop_instance_uid in self.not_sent or context is None:
                work.not_stored(one.sop_instance_uid)
                continue
            status = yield store(asked, one, number + 1, context)
            while status is None:  # a C-CANCEL came in between
                status = yield WAIT
            self.stores_answered.append(status)
            work.stored(one.sop_instance_uid, status)
        work.expect(work.total + self.boasts)
        for _ in range(self.boasts):
            work.stored("1.2.3", 0)
        ending = work.canceled() if asked.is_cancelled else work.ending()
        failed = failed_list(work.failed, asked.context.transfer_syntax) if work.failed else None
        yield Say(retrieve_ended(asked.command, ending, work), failed)

    def chosen(self, asked):
        """Give what a retrieval asks for."""
        model = model_of(asked.command.affected_sop_class_uid)
        retrieval = retrieval_of_identifier(asked.identifier, model)
        if self.only_series_level and retrieval.level == Level.IMAGE:
            return []
        return [
            one
            for one, row in zip(self.held, self.rows, strict=True)
            if all(row.text(level.unique_tag) in uids for level, uids in retrieval.keys.items())
        ]

    def _move(self, asked):
        self.gets.append(asked.identifier)
        yield Say(retrieve_ended(asked.command, Ending(0xA801), SubOperations(0)))

    @property
    def find_options(self):
        return FindOptions(relational=self.relational)


def _first_only(key):
    if key.vr == "UI" and isinstance(key.matching, AnyOf):
        return replace(key, matching=AnyOf(key.matching.values[:1]))
    return key
