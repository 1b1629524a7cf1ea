"""What of bridges a changed configuration changes, and what stays as it was."""

import asyncio
from types import SimpleNamespace

import pytest

from hilum.kernel.errors import Misconfigured
from hilum.pipeline.answerers.bridged import BridgedArchive
from hilum.pipeline.answerers.telling import late
from hilum.pipeline.prefetch.watching import WatchedArchive
from hilum.service import readings
from hilum.service.checks import answering_of
from hilum.service.config_settings import Config
from hilum.service.house import House
from hilum.service.opening import DataFolder
from hilum.service.telemetry import live_telemetry

CLOUD = {"type": "dicomweb", "url": "http://127.0.0.1:9/rs"}
PACS = {"type": "dimse", "host": "127.0.0.1", "port": 9, "ae_title": "PACS"}


def configured(entities=None, cloud=CLOUD, **others):
    places = {"cloud": cloud, "pacs": PACS, "pacs2": PACS}
    return Config.model_validate({"destinations": places, "entities": entities or {}, **others})


@pytest.fixture
def used(tmp_path):
    """Have a house use configurations, one after the other; give what `look` makes of each."""

    def runner(look, *configs):
        with live_telemetry(Config().log) as telemetry:
            house = House(configs[0], DataFolder(tmp_path), telemetry)

            async def main():
                house.intake.start(asyncio.get_running_loop())
                house.passing.start(asyncio.get_running_loop())
                house.bridging.start()
                seen = []
                for config in configs:
                    await house.reload(config)
                    seen.append(look(house.bridging))
                await house.bridging.look()
                await house.close()
                return seen

            return asyncio.run(main())

    return runner


BRIDGE = {"BRIDGE": {"answers": "cloud", "stores": {"through": "cloud"}}}


def test_without_entities_there_is_the_default_one_which_is_ours(used):
    [(entities, local)] = used(lambda it: (it.entities, it.local), configured())

    assert list(entities.by_title) == ["HILUM"]
    assert entities.default.archive is local
    assert entities.of("ANYTHING") is entities.default
    assert len(entities.default.services) == 7


def test_an_entity_has_the_archive_of_its_answerers(used):
    [entities] = used(lambda it: it.entities, configured(BRIDGE))

    bridge = entities.of("BRIDGE")
    assert isinstance(bridge.archive, BridgedArchive)
    assert (bridge.name, bridge.through) == ("BRIDGE", "cloud")


def test_an_entity_with_our_title_is_the_default_one(used):
    entities = {"main": {"ae_title": "HILUM", "services": ["echo"], "answers": ["pacs"]}}

    [found] = used(lambda it: it.entities, configured(entities))

    assert found.default.name == "main"
    assert found.default.services == {"echo"}


def test_a_reload_keeps_what_is_as_it_was(used):
    first, second = used(
        lambda it: (it.answerers.asked["cloud"], it.entities.of("BRIDGE").archive),
        configured(BRIDGE),
        configured({**BRIDGE, "OTHER": {"answers": "pacs"}}),
    )

    assert first == second


def test_a_changed_destination_has_another_answerer(used):
    changed = {**CLOUD, "url": "http://127.0.0.1:9/other"}
    first, second = used(
        lambda it: (it.answerers.asked["cloud"], it.entities.of("BRIDGE").archive),
        configured(BRIDGE),
        configured(BRIDGE, changed),
    )

    assert first[0] is not second[0]
    assert first[1] is not second[1]


def test_archives_of_a_kind_share_studies_as_one(used):
    group = {"one_of": ["pacs", "pacs2"], "weights": {"pacs": 2}}
    first, second = used(
        lambda it: it.entities.of("ALL").archive,
        configured({"ALL": {"answers": ["local", group]}}),
        configured({"ALL": {"answers": ["local", group]}, **BRIDGE}),
    )

    assert first is second


def test_the_archive_of_a_destination_can_be_had_for_work_of_our_own(used):
    [(cloud, bridge, nothing)] = used(
        lambda it: (it.source("cloud"), it.source("BRIDGE"), it.source("nothing")),
        configured(BRIDGE),
    )

    assert isinstance(cloud, BridgedArchive)
    assert cloud is bridge
    assert nothing is None


def test_archives_are_watched_while_rules_of_prefetching_want_it(used):
    rule = {"name": "r", "from": "cloud"}
    watched, not_watched = used(
        lambda it: (it.local, it.entities.default.archive, it.source("BRIDGE")),
        configured(BRIDGE, prefetch=[rule]),
        configured(BRIDGE, prefetch=[{**rule, "on": ["api"]}]),
    )

    assert isinstance(watched[0], WatchedArchive)
    assert watched[0] is watched[1]  # doors know our own archive by that
    assert isinstance(watched[2], BridgedArchive)
    assert not isinstance(not_watched[0], WatchedArchive)


def test_what_can_be_fetched_from_and_to_is_known_by_name(used):
    [(sources, goals)] = used(lambda it: it.places(), configured(BRIDGE))

    assert sources == {"cloud", "pacs", "pacs2", "BRIDGE", "HILUM", "local"}
    assert goals == {"cloud", "pacs", "pacs2", "local"}


def test_a_certificate_that_is_none_changes_nothing(used, tmp_path):
    broken = {**CLOUD, "url": "https://127.0.0.1:9/rs", "ca": str(tmp_path / "none.crt")}

    with pytest.raises(Misconfigured):
        used(lambda it: it.entities, configured(BRIDGE), configured(BRIDGE, broken))


def test_an_archive_that_is_away_degrades_and_does_not_unready():
    away = SimpleNamespace(guarded=SimpleNamespace(is_well=False, last_failure="nobody answers"))
    bridging = SimpleNamespace(answerers=SimpleNamespace(asked={"cloud": away}))

    finding = answering_of(bridging)()

    assert finding.status.value == "degraded"
    assert finding.message == "Archives that do not answer: cloud (nobody answers)."


def test_whether_a_worker_does_not_ask_an_archive_is_a_figure(used):
    """Health is as one worker finds it; an alert has to know of all."""
    watched = {}
    metrics = SimpleNamespace(watch=lambda *_: None, watch_all=watched.__setitem__)

    def look(bridging):
        bridging.show(metrics)
        before = watched[readings.ANSWERER_BREAKER_OPEN]()
        for _ in range(10):
            bridging.answerers.asked["cloud"].guarded._wellness.failed(late("cloud", 5.0))
        return before, watched[readings.ANSWERER_BREAKER_OPEN]()

    [(before, after)] = used(look, configured(BRIDGE))

    assert (before[("cloud",)], after[("cloud",)]) == (False, True)
