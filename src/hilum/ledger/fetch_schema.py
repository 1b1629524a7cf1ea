"""The table of requests to bring something from one archive to another place; see `schema`."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, literal_column

from hilum.ledger.schema import METADATA

_MOMENTS: Final = ("began_at", "settled_at", "leased_until")
_COUNTS: Final = ("expected", "fetched", "held", "failed", "bytes", "is_cancelled")

# Kept while they are open, and some days after. `wanted`: what is to be brought, as JSON.
FETCH_REQUEST: Final = Table(
    "fetch_request",
    METADATA,
    Column("fetch_id", Text, primary_key=True),
    *[
        Column(name, Text, nullable=False)
        for name in ("wanted", "source", "target", "study_instance_uid")
    ],
    *[Column(name, Text, nullable=False) for name in ("rule", "asker", "host", "state")],
    Column("priority", Integer, nullable=False),
    Column("created_at_microseconds", BigInteger, nullable=False),
    *[Column(f"{name}_microseconds", BigInteger) for name in _MOMENTS],
    *[Column(name, Text, nullable=False, server_default="") for name in ("lease_owner", "reason")],
    Column("failures", Text, nullable=False, server_default="[]"),
    *[Column(name, BigInteger, nullable=False, server_default="0") for name in _COUNTS],
    Index(
        "ix_fetch_request_open",
        *("priority", "created_at_microseconds"),
        sqlite_where=literal_column("state IN ('waiting', 'active')"),
    ),
    Index(None, "settled_at_microseconds"),
    sqlite_with_rowid=False,
)
