"""Where each setting came from: a line of the file, or an environment variable that overrides it.

Pure: the environment comes in as a mapping. The only files it reads are those named by the keys
that end in `_file`, for a secret that must not stand in the configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hilum.service.config_errors import Place, Variable
from hilum.service.config_positions import KeyPath
from hilum.service.config_toml import Document


@dataclass(frozen=True, slots=True)
class Source:
    """The settings as written, file and environment together, before anybody judged them."""

    document: Document
    variables: Mapping[KeyPath, str]
    table: Mapping[str, Any]

    def variable_of(self, path: KeyPath) -> Variable | None:
        """Name the environment variable that set what is at `path` or round it."""
        lengths = range(len(path), 0, -1)
        name = next((self.variables[path[:n]] for n in lengths if path[:n] in self.variables), None)
        return Variable(name) if name else None

    def origin_of_key(self, path: KeyPath) -> Place | Variable | None:
        """Say where the key at `path`, or the table it is missing from, was written."""
        return self.variable_of(path) or self.document.place_of_key(path)

    def origin_of_value(self, path: KeyPath) -> Place | Variable | None:
        """Say where the value at `path` was written."""
        return self.variable_of(path) or self.document.place_of_value(path)

    def value_at(self, path: KeyPath) -> Any:
        """Give what was written at `path`; any TOML value."""
        value: Any = self.table
        for key in path:
            value = value[key]
        return value

    def has(self, path: KeyPath) -> bool:
        """Tell whether anything was written at `path`; if not, it has its default."""
        value: Any = self.table
        for key in path:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return False
        return True

    def written_path(self, path: KeyPath, *, is_missing: bool) -> KeyPath:
        """Say where in the file stands what the validator calls `path`.

        It names the kind of a table as if that were a key, and the first of a list where one value
        was written without brackets. Only of a key that `is_missing` the last one is not there.
        """
        found: KeyPath = ()
        value: Any = self.table
        for depth, key in enumerate(path, start=1):
            is_named = is_missing and depth == len(path)
            if is_named or key == "[key]" or _holds(value, key):
                found += (key,)
                value = _inside(value, key)
        return found


def _holds(value: Any, key: str | int) -> bool:
    if isinstance(key, int):
        return isinstance(value, list)
    return isinstance(value, Mapping) and key in value


def _inside(value: Any, key: str | int) -> Any:
    """Give what is inside, or nothing when it is not there."""
    try:
        return value[key]
    except (LookupError, TypeError):
        return None
