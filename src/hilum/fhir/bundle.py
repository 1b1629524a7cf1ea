"""The answer to a search: a page of resources, with the way to the next one."""

from collections.abc import Sequence
from typing import Any

from hilum.fhir.outcome import outcome


def searchset(
    resources: Sequence[dict[str, Any]],
    *,
    base: str,
    links: Sequence[tuple[str, str]],
    total: int | None = None,
    remarks: Sequence[str] = (),
) -> dict[str, Any]:
    """Give a Bundle; `links`: relation and address; `remarks`: what the client should know."""
    entries: list[dict[str, Any]] = [
        {
            "fullUrl": f"{base}/{one['resourceType']}/{one['id']}",
            "resource": one,
            "search": {"mode": "match"},
        }
        for one in resources
    ]
    if remarks:
        told = outcome("warning", "not-supported", *remarks)
        entries.append({"resource": told, "search": {"mode": "outcome"}})
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": relation, "url": url} for relation, url in links],
    }
    if total is not None:
        bundle["total"] = total
    return bundle | ({"entry": entries} if entries else {})
