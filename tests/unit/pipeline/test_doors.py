import pytest

from hilum.pipeline.doors import door_of


@pytest.mark.parametrize(
    ("title", "association", "door"),
    [
        ("CT1", "a-1", "dimse"),
        ("", "folder inbox", "folder"),
        ("", "http-0123456789ab", "web"),
        ("", "", "folder"),
    ],
)
def test_a_door_is_known_again_by_what_is_kept(title, association, door):
    assert door_of(calling_ae_title=title, association_id=association) == door
