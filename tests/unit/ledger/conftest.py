import pytest

from hilum.ledger.ledger import Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path):
    ledger = Ledger.open(path, durability="process")
    yield ledger
    ledger.close()
