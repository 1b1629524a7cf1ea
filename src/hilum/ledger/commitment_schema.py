"""The tables of storage commitment that others ask us for; see `schema`."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from hilum.ledger.schema import METADATA, ORIGIN, ROW

# Storage commitments that others asked us for: kept while their reports are owed, and some days
# after. `due_at_microseconds`: when to try to report next; who tries puts it off first.
COMMITMENT: Final = Table(
    "commitment",
    METADATA,
    Column("id", ROW, primary_key=True),
    *[Column(name, Text, nullable=False) for name in ("transaction_uid", *ORIGIN, "state")],
    Column("asked_at_microseconds", BigInteger, nullable=False),
    Column("due_at_microseconds", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("settled_at_microseconds", BigInteger),
    Column("reason", Text, nullable=False, server_default=""),
    UniqueConstraint("calling_ae_title", "transaction_uid"),
    Index(
        "ix_commitment_due",
        "due_at_microseconds",
        sqlite_where=literal_column("state = 'asked'"),
    ),
    Index(None, "settled_at_microseconds"),
)

# The instances that a storage commitment is asked for: also a list of what a study has.
COMMITMENT_REFERENCE: Final = Table(
    "commitment_reference",
    METADATA,
    Column(
        "commitment_row", ROW, ForeignKey("commitment.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("sop_instance_uid", Text, primary_key=True),
    Column("sop_class_uid", Text, nullable=False),
    Index(None, "sop_instance_uid"),
    sqlite_with_rowid=False,
)
