"""Nonsense in every place of a configuration is told, each where it stands, and never raises."""

import pytest

from hilum.service.config import examine
from hilum.service.config_errors import Place
from hilum.service.config_options import sections
from hilum.service.config_template import example_name

NONSENSE = {
    "empty text": '""',
    "text": '"\u00fc nonsense \\u0000"',
    "long text": '"' + "x" * 12_000 + '"',
    "long path": f'"{"x/" * 1000}{"x" * 300}"',
    "number below": "-1",
    "number above": "9" * 30,
    "fraction": "-1.5",
    "nan": "nan",
    "infinity": "-inf",
    "date": "2026-02-03",
    "time": "10:11:12",
    "empty list of lists": "[[]]",
    "list of everything": '["", 1, 2.5, true, [[]], {}, 2026-02-03]',
    "table": "{ a = { b = [1] } }",
    "list of tables": "[{}, { a = 1 }]",
}


def everywhere(value):
    """Set every option of every section to `value`, but what says which section it is."""
    for section in sections():
        if section.options:
            name = example_name(section)
            yield section.title.replace("<name>", name)
            is_kind = section.variant and len(section.path) == 2
            yield from (
                f'{option.key} = "{section.variant}"'
                if is_kind and option.key == "type"
                else f"{option.key} = {value}"
                for option in section.options
            )


@pytest.mark.parametrize("value", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_in_the_file_is_told_where_it_stands(value, tmp_path):
    path = tmp_path / "hilum.toml"
    path.write_text("\n".join(everywhere(value)))

    found = examine(path, {})

    assert found.errors
    assert all(isinstance(problem.origin, Place) for problem in found.errors)
    # Only a path is told in full, and that ends at PATH_MAX.
    assert all(len(str(problem)) < 500 for problem in found.errors if "/x/x/" not in str(problem))


@pytest.mark.parametrize(
    "value",
    [*NONSENSE.values(), "", "[", '"', "'", "a = 1\nb = 2"],
    ids=[*NONSENSE, "nothing", "bracket", "quote", "apostrophe", "lines"],
)
def test_nonsense_in_the_environment_is_told_with_the_variable(value):
    names = [
        "__".join(["HILUM", *section.path, option.key])
        .replace("<name>", example_name(section))
        .upper()
        for section in sections()
        for option in section.options
        if section.path[:1] != ("routes",)  # a list: it is set as a whole
    ]

    found = examine(None, dict.fromkeys(names, value))

    assert found.errors
    assert all(str(problem.origin).startswith("HILUM__") for problem in found.errors)


@pytest.mark.parametrize("value", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize(
    "name",
    [
        "gateway",
        "sources",
        "peers",
        "sources.dimse.tls",
        "peers.ct1",
        "destinations",
        "destinations.pacs",
        "routes",
    ],
)
def test_nonsense_for_a_section_is_told(name, value, tmp_path):
    path = tmp_path / "hilum.toml"
    path.write_text(f"{name} = {value}")

    assert examine(path, {"HILUM__PEERS__CT1__HOST": "10.1.2.3"}).errors
