"""FHIR over HTTP: ImagingStudy and Endpoint to read and to search for, and what is spoken."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicomweb.refusal import RequestRefused
from hilum.fhir.bundle import searchset
from hilum.fhir.capability_statement import capability_statement
from hilum.fhir.endpoint import ENDPOINT_ID, endpoint
from hilum.fhir.imaging_study import Shape, Study, imaging_study
from hilum.fhir.moments import OffsetOf
from hilum.fhir.outcome import Refused
from hilum.fhir.release import Release, release_of
from hilum.fhir.search import IGNORED_LENGTH_MAX, Search, search_of
from hilum.kernel.names import is_uid
from hilum.pipeline.answerers.partial import partial_warnings
from hilum.pipeline.archive.ports import Archive
from hilum.query.level import Level
from hilum.query.parameters import BadParameter, query_of_parameters
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.fhir_refusal import ROOT, fhir_refused, fhir_reply, spoken_by

# Of one study that is read; a client that wants more of them is told where they are (Endpoint).
INSTANCES_MAX: Final = 1000
SERIES_MAX: Final = 1000
# What is counted at most for `_summary=count`.
COUNTED_MAX: Final = 100_000
FORM_BYTES_MAX: Final = 64 * 1024
_FORM: Final = "application/x-www-form-urlencoded"
_BELOW: Final = {"SeriesInstanceUID": Level.SERIES, "SOPInstanceUID": Level.IMAGE}

Resource = dict[str, Any]  # Any: JSON
Ask = Callable[[Exchange, Release], Awaitable[Resource]]


class Fhir:
    """Answers under one root; `dicomweb` is the path of the DICOMweb service beside it."""

    def __init__(
        self,
        archive: Archive,
        *,
        dicomweb: str,
        version: str,
        made_on: str,
        offset_of: OffsetOf,
    ) -> None:
        self._archive = archive
        self._dicomweb = dicomweb
        self._version = version
        self._made_on = made_on
        self._offset_of = offset_of

    async def reply(self, exchange: Exchange) -> Reply:
        """Answer a request; what goes wrong on our side is raised."""
        exchange.kind = "fhir"
        release = Release.R4
        try:
            release = _release(exchange)
            resource = await self._asked(exchange)(exchange, release)
        except Refused as refused:
            return fhir_reply(refused.status, refused.outcome, release)
        return fhir_reply(200, resource, release)

    def refused(self, refusal: RequestRefused, exchange: Exchange) -> Reply:
        """Answer with what is raised."""
        return fhir_refused(refusal, spoken_by(exchange.headers.get("accept", ""), exchange.query))

    def _asked(self, exchange: Exchange) -> Ask:
        """Find out what is asked for."""
        path = exchange.raw_path.decode("latin-1").partition(ROOT)[2].strip("/")
        segments = path.split("/") if path else []
        if exchange.method not in {"GET", "HEAD"} and segments[1:] != ["_search"]:
            raise Refused(405, "not-supported", "resources can be read and searched for only")
        match segments:
            case ["metadata"]:
                return self._capabilities
            case ["ImagingStudy"] | ["ImagingStudy", "_search"]:
                return self._search
            case ["ImagingStudy", uid]:
                return lambda exchange, release: self._read(uid, exchange, release)
            case ["Endpoint"] | ["Endpoint", "_search"]:
                return self._endpoints
            case ["Endpoint", name] if name == ENDPOINT_ID:
                return self._endpoint
        raise Refused(
            404, "not-found", "there are ImagingStudy, Endpoint and metadata; nothing else is here"
        )

    async def _capabilities(self, exchange: Exchange, release: Release) -> Resource:
        return capability_statement(
            release, version=self._version, date=self._made_on, address=str(exchange.root)
        )

    async def _endpoint(self, exchange: Exchange, release: Release) -> Resource:
        return endpoint(self._address(exchange), release)

    async def _endpoints(self, exchange: Exchange, release: Release) -> Resource:
        found = endpoint(self._address(exchange), release)
        base = str(exchange.root)
        return searchset([found], base=base, links=[("self", f"{base}/Endpoint")], total=1)

    def _address(self, exchange: Exchange) -> str:
        root = exchange.root
        return str(replace(root, prefix=root.prefix.removesuffix(ROOT) + self._dicomweb))

    def _shape(self, release: Release) -> Shape:
        return Shape(release, f"Endpoint/{ENDPOINT_ID}", self._offset_of)

    async def _read(self, uid: str, exchange: Exchange, release: Release) -> Resource:
        if not is_uid(uid):
            raise Refused(404, "not-found", "the id of an ImagingStudy is a Study Instance UID")
        keys = {"StudyInstanceUID": uid}
        studies = await self._found(exchange, Level.STUDY, keys, 1)
        if not studies:
            raise Refused(404, "not-found", "there is no such study here")
        series = await self._found(exchange, Level.SERIES, keys, SERIES_MAX)
        instances = await self._found(exchange, Level.IMAGE, keys, INSTANCES_MAX + 1)
        # Some of them would look like all of them.
        shown = instances if len(instances) <= INSTANCES_MAX else ()
        by_series = _by(tags.SERIES_INSTANCE_UID, shown)
        return imaging_study(Study(studies[0], series, by_series), self._shape(release))

    async def _search(self, exchange: Exchange, release: Release) -> Resource:
        parameters = await _parameters(exchange)
        is_strict = "handling=strict" in exchange.headers.get("prefer", "")
        search = search_of(parameters, is_strict=is_strict)
        await self._climb(exchange, search)
        base = f"{exchange.root}"
        ignored = [f"the parameter {name} is not known and was ignored" for name in search.ignored]
        # The address says what was looked for, so not what was ignored (FHIR, search: self).
        used = [one for one in parameters if one[0][:IGNORED_LENGTH_MAX] not in search.ignored]
        if search.only_total:
            total = await self._count(exchange, search)
            remarks = [*ignored, *exchange.warnings]
            links = _links(base, used)
            return searchset([], base=base, links=links, total=total, remarks=remarks)
        found = await self._page(exchange, search)
        # What came without a Study Instance UID has no id, and so is no resource.
        page = [study for study in found[: search.count] if _uid(study)]
        by_study = _by(tags.STUDY_INSTANCE_UID, await self._series_of(exchange, page))
        resources = [
            imaging_study(Study(study, by_study.get(_uid(study), ())), self._shape(release))
            for study in page
        ]
        has_more = len(found) > search.count
        return searchset(
            resources,
            base=base,
            links=_links(base, used, search, has_more=has_more),
            total=None if has_more else search.offset + len(page),
            remarks=[*ignored, *exchange.warnings],
        )

    async def _climb(self, exchange: Exchange, search: Search) -> None:
        """Make of demands on series and instances one on the studies that have them."""
        for key, level in _BELOW.items():
            value = search.keys.pop(key, "")
            if value and not search.is_empty:
                found = await self._found(exchange, level, {key: value}, SERIES_MAX)
                uids = sorted({_uid(one) for one in found})
                search.is_empty = not uids
                if uids:
                    search.put("StudyInstanceUID", ",".join(uids))

    async def _page(self, exchange: Exchange, search: Search) -> Sequence[DataSet]:
        """Give the studies of a page and one more, which tells that there are more."""
        if search.is_empty:
            return ()
        wanted = search.count + 1
        return await self._found(exchange, Level.STUDY, search.keys, wanted, search.offset)

    async def _count(self, exchange: Exchange, search: Search) -> int:
        if search.is_empty:
            return 0
        return len(await self._found(exchange, Level.STUDY, search.keys, COUNTED_MAX))

    async def _series_of(self, exchange: Exchange, page: Sequence[DataSet]) -> Sequence[DataSet]:
        if not page:
            return ()
        uids = ",".join([_uid(study) for study in page])
        limit = SERIES_MAX * len(page)
        return await self._found(exchange, Level.SERIES, {"StudyInstanceUID": uids}, limit)

    async def _found(
        self,
        exchange: Exchange,
        level: Level,
        keys: Mapping[str, str],
        limit: int,
        offset: int = 0,
    ) -> Sequence[DataSet]:
        """Ask the archive; answers of series and instances in the order of their numbers."""
        page = {"limit": str(limit), "offset": str(offset), "includefield": "all"}
        try:
            asked = query_of_parameters(
                level, [*keys.items(), *page.items()], resource={}, limit_max=limit
            )
        except BadParameter as error:
            raise Refused(400, "invalid", str(error)) from error
        # The question has a limit of its own, so its answer ends by itself.
        batches = self._archive.find(asked.query, exchange.origin())
        results: list[DataSet] = []
        async for batch in batches:
            exchange.warn(partial_warnings(batch.warnings))
            results += [match.attributes for match in batch.matches]
        if level is Level.STUDY:
            return results
        number = tags.SERIES_NUMBER if level is Level.SERIES else tags.INSTANCE_NUMBER
        return sorted(results, key=lambda one: one.integer(number) or 0)


def _release(exchange: Exchange) -> Release:
    formats = [value for name, value in exchange.parameters() if name == "_format"]
    return release_of(exchange.headers.get("accept", ""), formats)


async def _parameters(exchange: Exchange) -> list[tuple[str, str]]:
    """Give the parameters of the address and, of a search by POST, of the body."""
    parameters = list(exchange.parameters())
    if exchange.method != "POST":
        return parameters
    if not exchange.headers.get("content-type", "").startswith(_FORM):
        raise Refused(415, "not-supported", f"the body of _search is {_FORM}")
    body = await exchange.whole_body(bytes_max=FORM_BYTES_MAX)
    try:
        return parameters + parse_qsl(body.decode("utf-8", "replace"), max_num_fields=1000)
    except ValueError as error:
        raise Refused(400, "invalid", "the body has too many parameters") from error


def _links(
    base: str,
    parameters: Iterable[tuple[str, str]],
    search: Search | None = None,
    *,
    has_more: bool = False,
) -> list[tuple[str, str]]:
    """Give the addresses of this page and the next one."""
    kept = list(parameters)
    links = [("self", _address(base, kept))]
    if search is not None and has_more:
        rest = [one for one in kept if one[0] not in {"_offset", "_count"}]
        place = [("_count", str(search.count)), ("_offset", str(search.offset + search.count))]
        links.append(("next", _address(base, [*rest, *place])))
    return links


def _address(base: str, parameters: Sequence[tuple[str, str]]) -> str:
    query = urlencode(parameters)
    return f"{base}/ImagingStudy?{query}" if query else f"{base}/ImagingStudy"


def _by(tag: int, found: Iterable[DataSet]) -> dict[str, list[DataSet]]:
    sorted_out: dict[str, list[DataSet]] = {}
    for one in found:
        sorted_out.setdefault(one.text(tag), []).append(one)
    return sorted_out


def _uid(one: DataSet) -> str:
    return one.text(tags.STUDY_INSTANCE_UID)
