"""Putting a rebuilt ledger in the place of a damaged one, which is kept aside."""

import sqlite3
from itertools import count
from pathlib import Path

from hilum.ledger.connection import connect, wal_path
from hilum.ledger.errors import explained
from hilum.ledger.lock import WriteLock
from hilum.ledger.opening import sync_folder
from hilum.ledger.paths import lock_path
