"""What entities are by their settings; what is said of mistakes is in tests/golden/config."""

import pytest

from hilum.cli.entity_words import entity_words
from hilum.service.config_entities import (
    EntitySettings,
    Through,
    members_of,
    title_of,
    titles_of,
    weights_of,
)
from hilum.service.config_settings import Config
from hilum.service.neighbours import rulebook_of

CLOUD = {"type": "dicomweb", "url": "https://cloud.example.com/rs"}
PACS = {"type": "dimse", "host": "10.1.2.9", "ae_title": "PACS"}


def config_of(**entities):
    return Config.model_validate(
        {"destinations": {"cloud": CLOUD, "pacs": PACS}, "entities": entities}
    )


def test_an_entity_without_settings_is_about_what_is_held_here():
    entity = EntitySettings()

    assert entity.is_local
    assert entity.through == ""
    assert entity.names == frozenset()
    assert len(entity.services) == 7


def test_an_entity_is_called_by_its_name_unless_it_has_a_title():
    config = config_of(BRIDGE={}, second={"ae_title": "OTHER ONE"})

    assert titles_of(config.entities) == {"BRIDGE", "OTHER ONE"}
    assert title_of("BRIDGE", EntitySettings()) == "BRIDGE"


def test_stores_are_kept_or_go_through_a_destination():
    assert EntitySettings(stores="keep").through == ""
    assert EntitySettings(stores={"through": "cloud"}).stores == Through("cloud")


@pytest.mark.parametrize(
    "value", ["forward", {"trough": "cloud"}, {"through": 3}, {"through": "a", "b": 1}, 3, None]
)
def test_another_way_to_store_is_refused(value):
    with pytest.raises(ValueError, match="a store is either"):
        EntitySettings(stores=value)


def test_everybody_who_answers_is_named():
    entity = EntitySettings(answers=["local", "cloud", {"one_of": ["a", "b"], "weights": {"b": 2}}])

    assert entity.names == {"cloud", "a", "b"}
    assert not entity.is_local
    assert members_of(entity.answers[2]) == ("a", "b")
    assert weights_of(entity.answers[2]) == (1.0, 2.0)
    assert weights_of("cloud") == (1.0,)


def test_what_cannot_be_read_names_nobody():
    assert members_of({"one_of": 3}) == ()
    assert members_of({"oneof": ["a"]}) == ()
    assert members_of(7) == ()


def test_callers_may_call_every_entity():
    config = config_of(BRIDGE={"answers": "cloud"})

    rules = rulebook_of(config, lambda *_: None).rules

    assert rules.own_titles == {"HILUM", "BRIDGE"}


def test_check_says_who_answers_and_what_becomes_of_stores():
    config = config_of(
        BRIDGE={"answers": "cloud", "stores": {"through": "cloud"}},
        ALL={"answers": ["pacs", "local"], "services": ["get"]},
        look={"services": ["find"], "status_profile": "harmony"},
        HILUM={"services": ["store"]},
        shut={"services": []},
    )

    assert list(entity_words(config)) == [
        "BRIDGE: answers from cloud (DICOMweb, https://cloud.example.com/rs); stores through cloud",
        "ALL: answers from pacs (DIMSE, PACS at 10.1.2.9:104), then what is held here; only get",
        "look: answers from what is held here; only find; statuses by the profile harmony",
        "HILUM (the default entity): keeps what is stored; only store",
        "shut: nothing is open",
    ]
