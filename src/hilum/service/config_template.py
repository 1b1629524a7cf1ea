"""The text of a new configuration file: every setting there is, with its default and its reason.

Settings stand behind a bare "#", explanations behind "# ": to change a setting, remove its "#".
"""

import json
import textwrap
from collections.abc import Iterator
from typing import Final

from hilum import __version__
from hilum.service.config_options import (
    ANY_NAME,
    Option,
    Section,
    duration_text,
    sections,
    size_text,
)

WIDTH: Final = 98
# Names that stand for one of the user's own: of a peer, and of each kind of destination.
EXAMPLE_NAMES: Final = {
    "": "ct1",
    "dimse": "pacs",
    "dicomweb": "cloud",
    "folder": "export",
    "webhook": "portal",
}

_HEAD: Final = f"""\
Configuration of Hilum {__version__}.

Every setting there is stands here with its default. To change one, remove the "#" in front of it. \
Then look what Hilum makes of it:

    hilum check

Sizes are numbers of bytes or texts such as "64 KiB" and "1 GB". Relative paths start at the \
folder of this file. The environment goes before the file: HILUM__GATEWAY__AE_TITLE=CLINIC sets \
ae_title in [gateway]."""


def template() -> str:
    """Write the file."""
    lines = list(_prose(_HEAD))
    for section in sections():
        if section.options:
            lines += ["", *_section(section)]
    return "\n".join([*lines, ""])


def _section(section: Section) -> Iterator[str]:
    mark = "#" if section.is_optional else ""
    yield "#" * WIDTH
    yield from _prose(section.description)
    yield f"{mark}{section.title.replace(ANY_NAME, example_name(section))}"
    for option in section.options:
        yield ""
        yield from _prose(f"{option.description}{_choices(option)}")
        yield f"#{option.key} = {_example(option)}"


def example_name(section: Section) -> str:
    """Give a name for a section that the user names."""
    if section.path[:2] == ("sources", "folder"):
        return "scans"
    if section.path[0] == "entities":
        return "BRIDGE"
    return EXAMPLE_NAMES.get(section.variant, section.variant)


def _choices(option: Option) -> str:
    return f" {option.expected[:1].upper()}{option.expected[1:]}." if option.choices else ""


def _example(option: Option) -> str:
    """Write the default, or an example when the default is to be absent."""
    value = option.example if option.example is not None and not option.default else option.default
    return written(value, option)


def written(value: object, option: Option) -> str:
    """Write `value` as TOML, sizes and long times with their unit."""
    if isinstance(value, int) and {"integer", "string"} <= option.kinds:
        text = size_text(value)
        return text if text.isdecimal() else f'"{text}"'
    if isinstance(value, int | float) and {"number", "string"} <= option.kinds:
        return f'"{duration_text(value)}"'
    return inline(value)


def inline(value: object) -> str:
    """Write `value` as TOML on one line."""
    if isinstance(value, dict):
        members = ", ".join(f"{key} = {inline(inner)}" for key, inner in value.items())
        return f"{{ {members} }}" if members else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value)


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.split("\n"):
        for line in textwrap.wrap(paragraph, WIDTH - 2, break_on_hyphens=False) or [""]:
            yield f"# {line}".rstrip()
