"""What is made from the settings types: the reference page and the JSON Schema."""

import importlib.util
from pathlib import Path

from hilum.service.config import json_schema
from hilum.service.config_options import option_at, section_at, sections
from hilum.service.config_settings import Config

ROOT = Path(__file__).parents[3]


def tool():
    path = ROOT / "tools/make_settings_reference.py"
    spec = importlib.util.spec_from_file_location("make_settings_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_up_to_date():
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")

    assert page == tool().reference(), "run: python tools/make_settings_reference.py"


def test_every_setting_is_described_in_a_line():
    for section in sections():
        assert section.description
        for option in section.options:
            assert 10 <= len(option.description) <= 220, option.key
            assert option.description.endswith((".", "?"))


def test_a_setting_that_may_be_absent_has_an_example():
    for section in sections():
        for option in section.options:
            assert option.default is not None or option.example is not None, option.key


def test_a_section_of_any_name_is_found():
    assert section_at(("peers", "whatever")).title == "[peers.<name>]"
    assert option_at(("peers", "whatever", "password")).is_secret
    assert option_at(("peers", "whatever", "nothing")) is None
    assert option_at(()) is None


def test_the_schema_speaks_toml():
    text = repr(json_schema())

    assert "null" not in text
    assert set(json_schema()["properties"]) == set(Config.model_fields)
