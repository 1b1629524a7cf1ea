from hilum.service.config_settings import Config
from hilum.service.viewing import other_roots


def test_every_entity_with_a_web_root_can_be_chosen_beside_the_default_one():
    config = Config.model_validate(
        {
            "gateway": {"ae_title": "HILUM"},
            "entities": {
                "HILUM": {},
                "OLDPACS": {},
                "TWO": {"ae_title": "MR 2"},
                "MUTE": {"services": ["echo", "find"]},
            },
        }
    )

    assert other_roots(config) == {"MR 2": "/aets/MR%202/rs", "OLDPACS": "/aets/OLDPACS/rs"}
