"""Write docs/reference/settings.md from the settings types.

python tools/make_settings_reference.py [FILE]
"""
# ruff: noqa: INP001 -- a script that developers run, not part of a package

import sys
from pathlib import Path
from typing import Final

from hilum.service.config import FILE_VARIABLE, FILES
from hilum.service.config_options import Option, Section, sections
from hilum.service.config_template import written

REFERENCE: Final = Path(__file__).parents[1] / "docs/reference/settings.md"

HEAD: Final = f"""\
# Settings

Made by `tools/make_settings_reference.py` from the settings types; do not edit.

**The file** is TOML. `hilum init` writes one with every setting in it, commented out; `hilum check`
names every error with its line and its remedy, or says what the gateway will do. Hilum takes the
first of: `--config`, `${FILE_VARIABLE}`, {", ".join(f"`{path}`" for path in FILES)}; without any of
them the defaults hold. A key that is not below is an error: a setting with a typing mistake in it
would be one that nobody made.

**Paths** that are relative start at the folder of the file, wherever the command is typed; without
a file, at the working folder. `~` is a home folder.

**Sizes** are numbers of bytes or texts: `65536`, `"64 KiB"` (1024), `"1 GB"` (1000).

**Times** of settings without a unit in their name are numbers of seconds or texts: `90`,
`"30 min"`, `"12 h"`, `"7 d"`. **Calendars** are `"07:00-19:00"`, `"mon-fri 18:00-07:00"`,
`"sat,sun"`, or a list of such texts.

**The environment** goes before the file. `HILUM__SECTION__KEY` sets one setting, a double
underscore for each dot: `HILUM__SOURCES__DIMSE__PORT=104`, `HILUM__PEERS__CT1__MAY=["echo"]`.
Capital letters do not matter, and a hyphen of a peer's name is an underscore. Text is taken as it
is; lists are written as in TOML.

**Secrets** better stay out of the file. `password_file`, or `HILUM__PEERS__CT1__PASSWORD_FILE`,
names a file whose content is the password; the last line break is dropped. Secrets are never
printed, not even the line of the file on which one stands.

**Editors** complete and check the file with the JSON Schema that `hilum check --schema` prints.

"""


def reference() -> str:
    """Make the whole page."""
    return HEAD + "\n".join(_section(section) for section in sections() if section.options)


def _section(section: Section) -> str:
    kind = f' with `type = "{section.variant}"`' if section.variant else ""
    lines = [f"## `{section.title}`{kind}", "", section.description]
    if section.is_optional:
        lines[-1] += " Not there unless it is written."
    rows = (_row(option) for option in section.options)
    return "\n".join(
        [*lines, "", "| setting | default | value | meaning |", "|---|---|---|---|", *rows, ""]
    )


def _row(option: Option) -> str:
    return f"| `{option.key}` | {_default(option)} | {option.expected} | {option.description} |"


def _default(option: Option) -> str:
    if option.is_required:
        return "**required**"
    return "none" if option.default is None else f"`{written(option.default, option)}`"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else REFERENCE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(), encoding="utf-8")
