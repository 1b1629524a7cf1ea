"""The delivery state machine: a model in plain Python beside the ledger, any order of calls."""

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hilum.dicom.facts import InstanceFacts
from hilum.kernel.names import UID
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.ledger.delivery import PlannedDelivery, Priority, Selection, Settlement, State
from hilum.ledger.entry import OURSELVES, Entry, Origin, Verdict
from hilum.ledger.ledger import Ledger

START = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
LEASE = timedelta(seconds=30)
DESTINATIONS = ("a", "b")
OWNERS = ("w1", "w2")
OPEN = {"waiting", "active", "deferred", "held", "refused"}
NUMBERS = {"series_number", "instance_number", "rows", "columns", "bits_allocated"}


@dataclass
class Owed:
    """What the model knows of a delivery."""

    uid: str
    destination: str
    priority: int
    due: datetime
    state: str = "waiting"
    attempts: int = 0
    owner: str = ""
    until: datetime | None = None


def facts(uid):
    numbers = NUMBERS | {"number_of_frames"}
    values = {name: None if name in numbers else "" for name in InstanceFacts.__dataclass_fields__}
    places = {"series_instance_uid": "1.2", "study_instance_uid": "1", "sop_class_uid": "1.9"}
    return InstanceFacts(**values | places | {"sop_instance_uid": uid})


class Deliveries(RuleBasedStateMachine):
    template = None

    @initialize()
    def open(self):
        self.folder = Path(tempfile.mkdtemp())
        path = self.folder / "ledger.db"
        if Deliveries.template is not None:
            path.write_bytes(Deliveries.template)
        self.ledger = Ledger.open(path, durability="process")
        if Deliveries.template is None:
            self.ledger.close()
            Deliveries.template = path.read_bytes()
        self.now = START
        self.model = {}
        self.leases = []  # (owner, claimed), also those that were lost
        self.held_uids = {}

    def teardown(self):
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)

    @rule(
        number=st.integers(0, 7),
        wanted=st.lists(
            st.tuples(st.sampled_from(DESTINATIONS), st.sampled_from(Priority)), max_size=2
        ),
    )
    def record(self, number, wanted):
        uid = f"1.2.{number + 1}"
        entry = Entry(
            facts=facts(uid),
            transfer_syntax_uid=UID("1.2.840.10008.1.2"),
            path=self.held_uids.get(uid) or f"{uid}-{self.now.timestamp()}-{len(self.model)}",
            size=10,
            digest=uid.encode(),
            verdict=Verdict.KEPT_BESIDE,
            origin=Origin("", "", "", "", "", "x"),
            received_at=self.now,
            deliveries=[PlannedDelivery(d, "r", priority=p) for d, p in wanted],
        )
        [recorded] = self.ledger.record([entry])
        self.held_uids[uid] = recorded.path
        key = f"{uid}/{recorded.version}"
        for destination, priority in wanted:
            if not any(o.uid == key and o.destination == destination for o in self.model.values()):
                owed = Owed(key, destination, int(priority), self.now)
                self.model[len(self.model) + 1] = owed

    @rule(
        destination=st.sampled_from(DESTINATIONS),
        owner=st.sampled_from(OWNERS),
        limit=st.integers(1, 4),
    )
    def claim(self, destination, owner, limit):
        claimed = self.ledger.deliveries.claim(
            destination,
            owner=owner,
            limit=limit,
            bytes_max=10**6,
            now=self.now,
            leased_until=self.now + LEASE,
        )
        due = sorted(
            (owed.priority, owed.due, number)
            for number, owed in self.model.items()
            if owed.destination == destination
            and owed.state in {"waiting", "deferred"}
            and owed.due <= self.now
        )
        alive = [number for *_, number in due if self._has_payload(number)]
        assert [one.delivery_id for one in claimed] == alive[:limit]
        # Those on the way that have lost their payload are refused, as many as were met.
        for delivery in self.ledger.queue.find(Selection(states=(State.REFUSED,))):
            if not self._has_payload(delivery.delivery_id):
                self.model[delivery.delivery_id].state = "refused"
        for one in claimed:
            owed = self.model[one.delivery_id]
            owed.state, owed.owner, owed.until = "active", owner, self.now + LEASE
            assert one.attempts == owed.attempts
            self.leases.append((owner, one.delivery_id))

    def _has_payload(self, number):
        uid, _, version = self.model[number].uid.partition("/")
        return any(p.version == int(version) for p in self.ledger.find([uid])[uid])

    @precondition(lambda self: getattr(self, "leases", None))
    @rule(data=st.data(), what=st.sampled_from(["delivered", "deferred", "refused", "untried"]))
    def settle(self, data, what):
        owner, number = data.draw(st.sampled_from(self.leases))
        later = self.now + timedelta(seconds=data.draw(st.integers(0, 60)))
        outcome = {
            "delivered": Delivered(),
            "deferred": Deferred("busy"),
            "refused": Refused("no", 0x0110),
            "untried": Deferred("", failing=Failing.UNTRIED),
        }[what]
        due = later if what == "deferred" else None
        changed = self.ledger.deliveries.settle(
            [Settlement(number, owner, outcome, due)], now=self.now
        )
        owed = self.model[number]
        is_leased = owed.state == "active" and owed.owner == owner
        counts = owed.state != "delivered" if what == "delivered" else is_leased
        assert changed == counts
        if not counts:
            return
        owed.state = "waiting" if what == "untried" else what
        owed.owner, owed.until = "", None
        owed.attempts += what != "untried"
        owed.due = later if what == "deferred" else owed.due

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(dead=st.sets(st.sampled_from(OWNERS)))
    def reclaim(self, dead):
        count = 0
        for owed in self.model.values():
            if owed.state == "active" and (owed.until <= self.now or owed.owner in dead):
                owed.state, owed.owner = "waiting", ""
                owed.attempts += 1
                count += 1
        assert self.ledger.deliveries.reclaim(expired_by=self.now, now=self.now, dead=dead) == count

    @rule(owner=st.sampled_from(OWNERS))
    def renew(self, owner):
        mine = [owed for owed in self.model.values() if owed.owner == owner]
        for owed in mine:
            owed.until = self.now + LEASE
        assert self.ledger.deliveries.renew(owner, until=self.now + LEASE) == len(mine)

    @rule(owner=st.sampled_from(OWNERS))
    def leave(self, owner):
        mine = [owed for owed in self.model.values() if owed.owner == owner]
        for owed in mine:
            owed.state, owed.owner = "waiting", ""
        assert self.ledger.deliveries.release_owner(owner) == len(mine)

    @precondition(lambda self: getattr(self, "model", None))
    @rule(data=st.data(), what=st.sampled_from(["hold", "release", "retry", "drop"]))
    def decide(self, data, what):
        ids = data.draw(st.lists(st.sampled_from(sorted(self.model)), min_size=1, unique=True))
        among, state, reason = {
            "hold": ({"waiting", "deferred"}, "held", {"reason": "x"}),
            "release": ({"held"}, "waiting", {}),
            "retry": ({"deferred", "refused"}, "waiting", {}),
            "drop": (OPEN - {"active"}, "dropped", {"reason": "x"}),
        }[what]
        meant = [self.model[number] for number in ids if self.model[number].state in among]
        for owed in meant:
            owed.state = state
            if state == "waiting":
                owed.due = min(owed.due, self.now)
        act = getattr(self.ledger.queue, what)
        assert act(Selection(ids=ids), by=OURSELVES, now=self.now, **reason) == len(meant)

    @precondition(lambda self: getattr(self, "held_uids", None))
    @rule(data=st.data(), is_lost=st.booleans())
    def let_go(self, data, is_lost):
        uid = data.draw(st.sampled_from(sorted(self.held_uids)))
        path = self.held_uids[uid]
        [held] = self.ledger.find([uid])[uid]
        owed = [o for o in self.model.values() if o.uid == f"{uid}/{held.version}"]
        if is_lost:
            assert self.ledger.forget([path]) == 1
            for one in owed:
                if one.state in OPEN:
                    one.state, one.owner = "refused", ""
        else:
            gone = self.ledger.removals.remove([path], reason="x", by=OURSELVES, now=self.now)
            assert bool(gone) == (not any(one.state in OPEN for one in owed))
            if not gone:
                return
        del self.held_uids[uid]

    @invariant()
    def ledger_and_model_agree(self):
        if not hasattr(self, "model"):
            return
        found = {
            one.delivery_id: (one.state.value, one.attempts, one.lease_owner)
            for one in self.ledger.queue.find(Selection(), limit=1000)
        }
        assert found == {n: (o.state, o.attempts, o.owner) for n, o in self.model.items()}

    @invariant()
    def depths_are_counts(self):
        if not hasattr(self, "model"):
            return
        counts = {}
        for owed in self.model.values():
            if owed.state in OPEN:
                key = owed.destination, owed.state
                counts[key] = counts.get(key, 0) + 1
        depths = self.ledger.deliveries.depths()
        assert {(d.destination, d.state.value): d.count for d in depths} == counts


Deliveries.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestDeliveries = Deliveries.TestCase
