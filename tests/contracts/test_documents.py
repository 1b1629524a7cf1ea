"""What the documents tell a stranger to type, open or write is there and works."""

import re
import shlex
from functools import cache
from pathlib import Path
from re import DOTALL, MULTILINE

import pytest
from cyclopts import MissingArgumentError

from hilum.cli.app import build, run
from hilum.service.config import examine

ROOT = Path(__file__).parents[2]
LINES_MAX = {"README.md": 150, "CONTRIBUTING.md": 60, "docs/design.md": 200}
FOLDERS = ("", "docs", "docs/decisions", "docs/reference", "changelog.d")
DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).glob("*.md")
)
# What somebody types is in these, too.
TYPED = [*DOCUMENTS, "deploy/hilum.service", "deploy/Dockerfile", ".ci/run"]
# Folders that a path in a document may begin with; others are on the reader's machine.
OURS = re.compile(r"(src|tests|trials|bench|tools|docs|deploy|requirements|changelog\.d|\.ci)/")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", MULTILINE | DOTALL)


@cache
def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def shown_lines(name):
    """Give every line that can be typed: of a document what it shows as code, else all of it."""
    if not name.endswith(".md"):
        return [line.lstrip("# ") for line in text_of(name).splitlines()]
    shells = [block for language, block in FENCE.findall(text_of(name)) if not language]
    inline = re.findall(r"`([^`\n]+)`", FENCE.sub("", text_of(name)))
    return [line for block in shells for line in block.splitlines()] + inline


def uses_of(program):
    """Give (file, arguments) of each time a document has `program` typed with arguments."""
    use = re.compile(rf"(?:^|&& |=|max\" )(?:/\S+/bin/)?{program} ([^#&]+)")
    for name in TYPED:
        for line in shown_lines(name):
            yield from ((name, tuple(shlex.split(words))) for words in use.findall(line))


def slugs_of(name):
    """Give the anchors of a document's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", text_of(name), MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def make_targets():
    return dict(re.findall(r"^([a-z]+):(.*)$", text_of("Makefile"), MULTILINE))


@pytest.mark.parametrize("name", LINES_MAX)
def test_a_document_is_short_enough_to_be_read(name):
    assert len(text_of(name).splitlines()) <= LINES_MAX[name]


@pytest.mark.parametrize(("name", "tokens"), sorted(set(uses_of("hilum"))))
def test_a_command_that_is_shown_can_be_typed(name, tokens):  # noqa: ARG001 - name says where
    """It is parsed by the command line itself, options and all; nothing is run."""
    try:
        build().parse_args(tokens, exit_on_error=False, print_error=False)
    except MissingArgumentError:
        # What is only mentioned may lack what has to follow; but every word that is there is known.
        return


def test_make_targets_that_are_shown_exist():
    shown = {arguments[0] for _, arguments in uses_of("make")}

    assert {"demo", "test", "check"} <= shown <= set(make_targets())


def test_make_explains_every_target():
    targets = make_targets()
    phony = re.search(r"^\.PHONY: (.+)$", text_of("Makefile"), MULTILINE).group(1).split()

    assert sorted(phony) == sorted(targets)
    assert not [target for target, rest in targets.items() if "## " not in rest]


CONFIGURATIONS = [
    (name, block)
    for name in DOCUMENTS
    for language, block in FENCE.findall(text_of(name))
    if language == "toml"
]


def test_the_readme_shows_a_configuration():
    assert "README.md" in dict(CONFIGURATIONS)


@pytest.mark.parametrize(
    ("name", "block"), CONFIGURATIONS, ids=[name for name, _ in CONFIGURATIONS]
)
def test_a_configuration_that_is_shown_can_be_used(name, block, tmp_path, capsys):
    path = tmp_path / "hilum.toml"
    path.write_text(block, encoding="utf-8")

    found = examine(path, {})

    assert not found.errors, name
    assert not found.warnings, name
    assert run(["check", "-c", str(path)]) == 0
    assert "can be used" in capsys.readouterr().out


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
        path, _, anchor = target.partition("#")
        goal = (ROOT / name).parent / path if path else ROOT / name
        has_anchor = not anchor or (goal.is_file() and anchor in slugs_of(goal))
        if "://" not in target and not (goal.exists() and has_anchor):
            lost.append(target)

    assert not lost


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name):
    made = tuple(text_of(".gitignore").split())  # by a program that the document explains
    named = {word for word in re.findall(r"`([\w./*-]+)`", text_of(name)) if OURS.match(word)}
    expected = [word for word in named if "NNNN" not in word and not word.startswith(made)]

    assert not [word for word in expected if not list(ROOT.glob(word))]


def test_the_floors_that_are_drawn_are_the_floors_there_are():
    drawn = re.findall(r"^([a-z]+)(?: \| ([a-z]+))? {2,}", text_of("docs/design.md"), MULTILINE)
    rooms = {room for pair in drawn for room in pair if room}
    house = {path.parent.name for path in (ROOT / "src" / "hilum").glob("*/__init__.py")}

    assert rooms == house - {"testing"}
