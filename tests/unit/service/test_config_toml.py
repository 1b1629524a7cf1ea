"""The file as bytes and text: what cannot be read, and where things stand in what can."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hilum.service.config import InvalidConfig
from hilum.service.config_positions import spans_of
from hilum.service.config_toml import FILE_BYTES_MAX, read_document


def problem_of(path):
    with pytest.raises(InvalidConfig) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def file(tmp_path):
    return tmp_path / "hilum.toml"


def test_a_byte_order_mark_and_line_ends_of_windows_are_read(file):
    file.write_bytes("\ufeff[gateway]\r\nworkers = 1\r\n".encode())

    assert read_document(file).table == {"gateway": {"workers": 1}}


def test_a_file_that_does_not_exist_is_named(file):
    assert str(problem_of(file)) == (
        f"{file}: there is no such file. `hilum init` writes one to start from."
    )


def test_a_folder_is_not_a_file(tmp_path):
    assert str(problem_of(tmp_path)) == f"{tmp_path}: it cannot be read: Is a directory."


def test_text_that_is_not_utf_8_is_found(file):
    file.write_bytes(b"[gateway]\nae_title = 'KLINIK M\xfcNCHEN'\n")

    problem = problem_of(file)

    assert (problem.origin.line, problem.origin.column) == (2, 21)
    assert "0xFC is not UTF-8" in problem.message


def test_a_file_that_is_far_too_large_is_not_read_to_its_end(file):
    with file.open("wb") as stream:
        stream.truncate(FILE_BYTES_MAX * 1000)

    assert "Is it the right file?" in str(problem_of(file))


def test_a_file_that_is_nested_too_deep_is_refused(file):
    file.write_text("a = " + "[" * 100_000)

    assert "nested too deep" in str(problem_of(file))


def test_a_number_with_too_many_digits_is_refused(file):
    file.write_text("a = " + "9" * 5000)

    assert str(problem_of(file)).startswith(f"{file}:1:")


def test_a_very_long_line_is_not_quoted(file):
    file.write_text("a = " + " " * 1000 + "x")

    assert problem_of(file).origin.excerpt == ""


def test_a_line_in_the_middle_of_a_text_of_several_lines_is_not_quoted(file):
    file.write_text('password = """\nsecret\\q\n"""\n')

    assert problem_of(file).origin.excerpt == "(hidden)"


keys = st.text("abc-_1", min_size=1, max_size=3)
texts = st.text(st.characters(codec="ascii"), max_size=8) | st.text(max_size=4)
scalars = st.integers(-99, 99) | st.booleans() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
# Sections of sections of values: what a configuration looks like.
tables = st.dictionaries(keys, st.dictionaries(keys, values, max_size=4), max_size=4)


@settings(max_examples=50, deadline=None)
@given(tables, st.booleans())
@example({"a": {"b": 'x"#]\\', "c": ["]", {"a": "}"}]}}, True)
def test_every_value_is_found_where_it_is_written(table, spaced):
    text = written(table, "  # ] } ' \"\n" if spaced else "\n")
    assert tomllib.loads(text) == table

    spans = spans_of(text)

    for section, options in table.items():
        for path, value in leaves((section,), options):
            start, end = spans.values[path]
            assert tomllib.loads(f"value = {text[start:end]}") == {"value": value}
            if not isinstance(path[-1], int):
                start, end = spans.keys[path]
                assert text[start:end].strip('"') == path[-1]


def test_every_way_to_write_toml_is_followed():
    text = Path(__file__).with_name("config_positions.toml").read_text()

    spans = spans_of(text)

    for path, value in leaves((), tomllib.loads(text)):
        if path in spans.keys and path not in spans.values:
            continue  # an array of tables is written in many places
        start, end = spans.values[path]
        assert tomllib.loads(f"value = {text[start:end]}") == {"value": value}


def leaves(path, value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves((*path, key), inner)
    else:
        yield path, value
        for index, inner in enumerate(value if isinstance(value, list) else ()):
            yield from leaves((*path, index), inner)


def written(table, end):
    lines = [
        f"[{section}]{end}"
        + "".join(f"{key} = {as_toml(value)}{end}" for key, value in options.items())
        for section, options in table.items()
    ]
    return "".join(lines)


def as_toml(value):
    if isinstance(value, dict):
        pairs = ", ".join(f'"{key}" = {as_toml(inner)}' for key, inner in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list):
        return "[\n" + "".join(f"  {as_toml(inner)}, # , ]\n" for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
