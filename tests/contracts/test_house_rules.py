"""What ruff, mypy and import-linter cannot see: the rules of CONTRIBUTING.md, read from the files.

An exception is an entry with its reason in a table here, never a silence; one that is no longer
needed fails too.
"""

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ("requirements/", "tests/peers/package-lock.json")

FILE_LINES_QUESTIONED = 400
FILE_LINES_REFUSED = 600
FUNCTION_LINES_REFUSED = 70
# Tests come in rows of cases: only the hard limit is theirs.
LONG_FILES = {}
LONG_FUNCTIONS = {
    "bench/datasets.py:_base": "the eighty attributes of an object, one a line",
}

# A sync says "durable", and only the keepers may say so of what was stored.
SYNCS = {
    "src/hilum/vault/disk.py": "payloads, behind the Disk port",
    "src/hilum/ledger/files.py": "the ledger's folder",
    "src/hilum/cli/sending/journal.py": "what a peer confirmed to `hilum send --resume`",
}

# What is installed under another name than it is imported by.
DISTRIBUTIONS = {"PIL": "pillow"}

# Names of files that say nothing (design: vocabulary).
EMPTY_NAMES = re.compile(
    r"(^|_)(helpers?|utils?|common|managers?|handlers?|data|info|process|misc)$"
)

# A repetition or a group that gives nothing back, when what is escaped or in [...] is away.
POSSESSIVE = re.compile(r"[*+?}]\+|\(\?>")
SINGLES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")

# Written in two parts, so that this file does not name them.
MACHINE_PATHS = re.compile(r"(?<![\w.~$}/-])/(?:wo" r"rk|ro" r"ot|ho" r"me)(?:/|\b)")
# Hosts that a file may name: none of them is asked for packages.
KNOWN_HOSTS = re.compile(
    r"127\.0\.0\.1|localhost|\[::1|\{|(www\.)?apache\.org|json-schema\.org|([\w-]+\.)*example\.(com|org)"
    r"|login\.microsoftonline\.com|dicom\.healthcareapis\.azure\.com|www\.googleapis\.com"
    r"|ct1|keepachangelog\.com|([\w-]+\.)*dicomstandard\.org|dicom\.nema\.org"
    # Namespaces of XML and of codes.
    r"|(\w+\.)?hl7\.org|snomed\.info|wadl\.dev\.java\.net|www\.w3\.org"
    # One word alone is a host of a test: no registry is called so.
    r"|[\w|-]+(:\d+)?$"
)


@cache
def files():
    """Give every file that is or may become part of the project, as paths from its root."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout: nobody knows what belongs to it", allow_module_level=True)
    return sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def written_files():
    return [name for name in files() if not name.startswith(GENERATED)]


def python_files(*folders):
    return [name for name in files() if name.endswith(".py") and name.startswith(folders)]


@cache
def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


@cache
def tree_of(name):
    return ast.parse(text_of(name))


def dotted(node):
    """Give `a.b.c` for an expression of names and dots, or ''."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(name):
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def texts(call):
    """Give the texts in the first argument of a call."""
    for node in ast.walk(ast.Tuple(call.args[:1])):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield os.fsdecode(node.value)


def imports(name):
    """Give the first names of everything a file imports absolutely."""
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def lines_of(function):
    """Count the lines of a function; its docstring is a manual, not code."""
    count = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        text = function.body[0]
        count -= text.end_lineno - text.lineno + 1
    return count


def test_files_are_short():
    house = python_files("src/", "bench/", "trials/", "tools/")
    long = {name for name in house if text_of(name).count("\n") > FILE_LINES_QUESTIONED}
    too_long = {name for name in python_files("") if text_of(name).count("\n") > FILE_LINES_REFUSED}

    assert not too_long
    assert long == set(LONG_FILES)


def test_functions_are_short():
    long = {
        f"{name}:{node.name}"
        for name in python_files("")
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > FUNCTION_LINES_REFUSED
    }

    assert long == set(LONG_FUNCTIONS)


def test_files_are_named_for_what_is_in_them():
    assert not [name for name in python_files("src/") if EMPTY_NAMES.search(Path(name).stem)]


def test_nothing_in_the_gateway_runs_what_it_was_given():
    running = {"os.system", "os.popen", "eval", "exec", "__import__", "yaml.load"}
    loading = {"pickle", "marshal", "shelve", "dill", "yaml"}
    offences = [
        f"{name}:{node.lineno} {what}"
        for name in python_files("src/")
        for node, what in calls(name)
        if what in running or any(keyword.arg == "shell" for keyword in node.keywords)
    ]

    assert not offences
    assert not [name for name in python_files("src/") if loading & set(imports(name))]


def test_no_expression_is_possessive():
    """Debian 12's Python (3.11.2) makes mistakes with those, and the gateway runs on it."""
    offences = [
        f"{name}:{node.lineno} {text}"
        for name in python_files("src/")
        for node, what in calls(name)
        if what.startswith("re.")
        for text in texts(node)
        if POSSESSIVE.search(SINGLES.sub("x", text))
    ]

    assert not offences


def test_only_keepers_sync():
    syncing = {
        name
        for name in python_files("src/")
        if any(what in ("os.fsync", "os.fdatasync", "os.sync") for _, what in calls(name))
    }

    assert syncing == set(SYNCS)


def test_only_doors_open_connections_through_the_event_loop():
    """import-linter sees `socket`; asyncio can do without it."""
    ways = re.compile(
        r"\.(start_server|start_unix_server|open_connection|open_unix_connection"
        r"|create_(unix_)?(server|connection)|create_datagram_endpoint|sock_\w+|add_reader)$"
    )
    doors = ("src/hilum/sources/", "src/hilum/destinations/", "src/hilum/testing/")
    # Workers of one gateway ask each other; nobody outside it can connect. And the bell of the disk
    # is no connection.
    house = (*doors, "src/hilum/service/workers/", "src/hilum/pipeline/overlapping.py")
    users = {
        name for name in python_files("src/") if any(ways.search(what) for _, what in calls(name))
    }

    assert not [name for name in users if not name.startswith(house)]


def test_no_clock_is_read_below_the_ledger_and_the_vault():
    """`datetime` is a value there, but not its `now`."""
    below = python_files(
        *(
            f"src/hilum/{room}/"
            for room in ("kernel", "dicom", "dimse", "query", "routing", "imaging")
        )
    )
    reading = {
        name
        for name in below
        if any(what.endswith((".now", ".utcnow", ".today")) for _, what in calls(name))
    }

    assert not reading


def test_log_lines_are_events():
    """`structlog` and `print` have no place in the gateway: a line is an event class."""
    gateway = [name for name in python_files("src/") if not name.startswith("src/hilum/cli/")]

    assert not [name for name in gateway if "structlog" in set(imports(name))]
    assert not [name for name in gateway if "print" in {what for _, what in calls(name)}]
    for name in ("pyproject.toml", "requirements/run.lock", "requirements/dev.lock"):
        assert "structlog" not in text_of(name)


def test_what_is_imported_is_declared_and_what_is_declared_is_used():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {re.split(r"[^\w-]", line)[0] for line in [*project["dependencies"], *extras]}
    used = {
        DISTRIBUTIONS.get(name, name).replace("_", "-")
        for path in python_files("src/")
        for name in imports(path)
        if name not in sys.stdlib_module_names | {"hilum", "pydantic_core"}  # part of pydantic
    }

    assert declared == used


def test_locks_have_a_hash_for_everything_declared():
    project = tomllib.loads(text_of("pyproject.toml"))
    wanted = project["project"]["dependencies"]
    dev = project["dependency-groups"]["dev"]
    for lock, lines in (("run.lock", wanted), ("dev.lock", [*wanted, *dev])):
        text = text_of(f"requirements/{lock}")
        locked = set(re.findall(r"^([\w.-]+)==\S+ \\\n +--hash=sha256:", text, re.MULTILINE))
        pinned = set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))

        assert pinned == locked
        assert {re.split(r"[^\w.-]", line)[0].lower() for line in lines} <= locked


def test_decisions_are_numbered_each_once():
    """Gaps are of those that are being written beside each other."""
    names = [Path(name).name for name in files() if name.startswith("docs/decisions/")]

    numbers = [int(name[:4]) for name in names]
    assert numbers == sorted(set(numbers))
    for name in names:
        assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", name)
        assert text_of(f"docs/decisions/{name}").startswith(f"# {name[:4]} · ")


def test_no_file_names_a_place_on_somebodys_machine():
    assert not [name for name in files() if MACHINE_PATHS.search(text_of(name))]


def test_no_file_names_a_place_to_get_packages_from():
    strange = [
        f"{name}: {host}"
        for name in written_files()
        for host in re.findall(r"\b(?:https?|ftp|file)://([^/\s\"'`)>]*)", text_of(name))
        if not KNOWN_HOSTS.match(host)
    ]

    assert not strange
    for name in set(files()) - set(written_files()):
        assert not re.search(
            r'"resolved"|--[\w-]*(index-url|find-links)|^-', text_of(name), re.MULTILINE
        )


def test_unfinished_business_has_a_number():
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b(?!.*#\d)")

    assert not [name for name in python_files("") if marks.search(text_of(name))]


@pytest.mark.parametrize(("shell", "name"), [("bash", ".ci/run"), ("sh", "tests/peers/install.sh")])
def test_a_script_can_be_read_by_its_shell(shell, name):
    done = subprocess.run([shell, "-n", ROOT / name], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr


def test_ci_can_be_run():
    assert os.access(ROOT / ".ci/run", os.X_OK)
