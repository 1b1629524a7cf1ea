"""Workers of one gateway ask each other over sockets of their own; who is silent is named."""

import asyncio
import stat
from datetime import UTC, datetime
from time import perf_counter

import pytest

from hilum.console.api.answerers import AnswererRow
from hilum.console.api.live import LiveRow
from hilum.service.workers import asking
from hilum.service.workers.among import Among
from hilum.service.workers.live import LiveEverywhere

NOW = datetime(2026, 1, 2, 12, 30, 1, 5, tzinfo=UTC)


class View:
    """What a worker sees."""

    def __init__(self, worker):
        self.worker = worker
        self.open = {f"a-{worker}": "C-GET"}

    def rows(self):
        return [
            LiveRow(i, "in", "dimse", "WS", "HILUM", "", "::1", "", NOW, what, 1, 2, self.worker)
            for i, what in self.open.items()
        ]

    def abort(self, live_id):
        found = [row for row in self.rows() if row.id == live_id]
        self.open.pop(live_id, None)
        return found[0] if found else None

    def answerers(self):
        return [AnswererRow("c", "dimse", True, "", 1, 0, 4, self.worker, 2, 0, ["B"], self.worker)]


@pytest.fixture
def among(tmp_path):
    """Run a scenario with two workers of three; the third is not there."""
    # Longer than the address of a socket may be.
    folder = tmp_path / ("long" * 20) / "workers"

    def run(scenario, present=(1, 2)):
        async def main():
            views = {number: View(number) for number in (1, 2)}
            workers = {number: Among(folder, worker=number, workers=3) for number in present}
            for number, one in workers.items():
                one.show(views[number])
                await one.look()
            try:
                colleagues = workers[1].colleagues
                return await scenario(LiveEverywhere(views[1], colleagues), views, folder, workers)
            finally:
                for one in workers.values():
                    one.close()

        return asyncio.run(main())

    return run


def test_what_is_open_in_other_workers_is_seen(among):
    async def scenario(everywhere, *_):
        return await everywhere.rows()

    seen = among(scenario)

    assert [row.id for row in seen.rows] == ["a-1", "a-2"]
    assert seen.rows[1].since == NOW
    assert [(one.worker, one.reason) for one in seen.silent] == [(3, "it is not running now")]


def test_what_another_worker_has_is_ended_there(among):
    async def scenario(everywhere, views, *_):
        return await everywhere.abort("a-2"), views

    ended, views = among(scenario)

    assert (ended.row.id, ended.row.worker) == ("a-2", 2)
    assert views[2].open == {}


def test_what_nobody_has_is_not_ended(among):
    async def scenario(everywhere, views, *_):
        return await everywhere.abort("a-9"), views

    ended, views = among(scenario)

    assert ended.row is None
    assert [one.worker for one in ended.silent] == [3]
    assert views[1].open
    assert views[2].open


def test_answerers_are_seen_as_each_worker_sees_them(among):
    async def scenario(everywhere, *_):
        return await everywhere.answerers()

    assert [(row.worker, row.busy) for row in among(scenario).rows] == [(1, 1), (2, 2)]


def test_a_worker_that_hangs_costs_half_a_second_at_most_and_is_named(among, monkeypatch):
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.02)

    async def scenario(everywhere, _views, _folder, workers):
        with workers[1]._meeting.listen(2) as hung:  # connections wait there, nobody answers
            hung.listen()
            began = perf_counter()
            return await everywhere.rows(), perf_counter() - began

    seen, seconds = among(scenario, present=(1,))

    assert [row.id for row in seen.rows] == ["a-1"]
    assert seen.silent[0].worker == 2
    assert "did not answer within" in seen.silent[0].reason
    assert seconds < 0.5


def test_the_patience_of_all_is_below_half_a_second():
    assert asking.PATIENCE_SECONDS <= 0.5


def test_a_worker_that_dies_while_it_answers_is_named(among):
    async def scenario(everywhere, _views, _folder, workers):
        async def cut(_reader, writer):
            writer.write(b'[{"id')
            writer.close()

        dying = await asyncio.start_unix_server(cut, sock=workers[1]._meeting.listen(2))
        seen = await everywhere.rows()
        dying.close()
        return seen

    assert [one.worker for one in among(scenario, present=(1,)).silent] == [2, 3]


def test_a_socket_that_was_taken_away_is_made_again(among):
    async def scenario(everywhere, _views, folder, workers):
        (folder / "2").unlink()
        lost = await everywhere.rows()
        await workers[2].look()
        return len(lost.rows), len((await everywhere.rows()).rows)

    assert among(scenario) == (1, 2)


def test_only_our_own_user_reaches_the_sockets(among):
    async def scenario(_everywhere, _views, folder, _workers):
        return stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE((folder / "1").stat().st_mode)

    assert among(scenario) == (0o700, 0o600)


def test_nonsense_is_answered_by_the_end_and_the_next_question_is(among):
    async def scenario(everywhere, _views, _folder, workers):
        answers = []
        for line in (b"\n", b'{"ask": "x", "of": ""}\n', b"[]\n", b"x" * 9000 + b"\n"):
            address = workers[1]._meeting.address_of(2)
            reader, writer = await asyncio.open_unix_connection(address)
            writer.write(line)
            answers.append(await reader.read())
            writer.close()
        return answers, len((await everywhere.rows()).rows)

    assert among(scenario) == ([b"", b"", b"", b""], 2)


def test_one_process_alone_asks_nobody_and_makes_no_folder(tmp_path):
    alone = Among(tmp_path / "workers", worker=1, workers=1)

    assert asyncio.run(alone.colleagues.ask("rows")) == []
    assert not (tmp_path / "workers").exists()
    alone.close()
