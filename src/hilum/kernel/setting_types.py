"""The kinds of value a setting can have: how each is written in TOML, and what is wrong with it.

A message says what was expected and what to write instead; the key and the line are added by
whoever reads the file.
"""

import re
from fractions import Fraction
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from hilum.kernel.names import AETitle, ae_title

PATH_BYTES_MAX: Final = 4095  # PATH_MAX of Linux without its closing zero

_UNITS: Final = {
    "": 1,
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("KMGTPE", 1)},
    **{f"{prefix}IB": 1024**power for power, prefix in enumerate("KMGTPE", 1)},
}
_BYTES: Final = r"([0-9]{1,20}(?:\.[0-9]{1,20})?) *([A-Za-z]*)"
_TIME_UNITS: Final = {
    **dict.fromkeys(("", "s", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
_DURATION: Final = r"([0-9]{1,12}(?:\.[0-9]{1,6})?) *([A-Za-z]*)"

# RFC 1123 §2.1; an underscore is not legal in a host name, but is in use in many hospitals.
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?\Z"
)


def byte_count(value: object) -> object:
    """Read `"64 KiB"` or `"1 GB"` as a number of bytes; leave anything but text as it is."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(_BYTES, value.strip())
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise ValueError(
            f'{value!r} is not a size; write a number of bytes or a text such as "64 KiB" or "1 GB"'
        )
    return round(Fraction(found[1]) * unit)  # exact: a float is not, above 8 PiB


def duration(value: object) -> object:
    """Read `"30 min"` or `"3 d"` as a number of seconds; leave anything but text as it is."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(_DURATION, value.strip())
    unit = _TIME_UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(
            f"{value!r} is not a time; write a number of seconds or a text such as "
            '"30 min", "12 h" or "3 d"'
        )
    return float(found[1]) * unit


def host_name(text: str) -> str:
    """Check that `text` is an IP address or could be the name of a host."""
    if re.fullmatch(r"[0-9.]+", text) or ":" in text:
        return str(_ip_address(text))
    if _HOST_NAME.match(text) is None:
        raise ValueError(f"{text!r} is neither an IP address nor a host name")
    return text


def address(text: str) -> str:
    """Check that `text` names one host or a network: an IP address, a CIDR range, a host name."""
    if "/" in text:
        return _network(text)
    if re.fullmatch(r"[0-9.]*\*", text):
        raise ValueError(f"{text!r} has a wildcard; write the network as CIDR, like 10.1.2.0/24")
    return host_name(text)


def _ip_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if re.fullmatch(r"[^:]+:[0-9]+", text):
            raise ValueError(
                f"{text!r} has a port in it; the port goes in a key of its own"
            ) from None
        raise ValueError(f"{text!r} is not an IP address") from None


def _network(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a network; write it as CIDR, like 10.1.2.0/24 or fd00::/8"
        ) from None
    if str(network.network_address) != text.partition("/")[0].lower() and ":" not in text:
        # 10.1.2.3/24 may mean the host or its network: the two differ by 255 hosts that may call.
        raise ValueError(
            f"{text!r} is a host and a network at once; write {str(network)!r} for the network "
            f"or {text.partition('/')[0]!r} for the host"
        )
    return str(network)


def local_path(path: Path, info: ValidationInfo) -> Path:
    """Make a relative path start at the folder of the configuration file, when there is one.

    The same file then means the same files wherever the command is typed.
    """
    if "\0" in str(path):
        raise ValueError(f"{str(path)!r} has a character that no path can have")
    if len(bytes(path)) > PATH_BYTES_MAX:
        raise ValueError(f"this path has more than {PATH_BYTES_MAX} bytes")
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError(f"'{path}' starts at a home folder that is not known") from None
    folder = info.context.get("folder") if info.context else None
    return folder / path if isinstance(folder, Path) else path


class OneOrMore:
    """Marks a tuple whose setting may be written as one value or as a list of them."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap a lone value before the tuple is checked."""
        return core_schema.no_info_before_validator_function(_as_tuple, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tell editors about both spellings."""
        listed = handler(schema)
        return {"anyOf": [listed["items"], listed]}


def _as_tuple(value: object) -> object:
    if isinstance(value, str | dict):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class _SizeSchema:
    """Tells editors that a size may be a number or a text with a unit."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string", "pattern": f"^{_BYTES}$"}]}


class _DurationSchema:
    """Tells editors that a time may be a number of seconds or a text with a unit."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string", "pattern": f"^{_DURATION}$"}]}


# The formats are words of ours: JSON Schema lets unknown ones pass, our own pages explain them.
Title = Annotated[
    AETitle,
    AfterValidator(ae_title),
    WithJsonSchema({"type": "string", "format": "ae-title"}),
]
HostName = Annotated[
    str, AfterValidator(host_name), WithJsonSchema({"type": "string", "format": "host"})
]
Address = Annotated[
    str, AfterValidator(address), WithJsonSchema({"type": "string", "format": "address"})
]
LocalPath = Annotated[Path, AfterValidator(local_path)]
ByteCount = Annotated[int, BeforeValidator(byte_count), _SizeSchema()]
Port = Annotated[int, Field(ge=1, le=65535)]
# 0 lets the system choose a free port: for tests, which must not fight over one.
ListenPort = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
# For what takes days: ten years are longer than any gateway waits.
Duration = Annotated[
    float,
    BeforeValidator(duration),
    Field(ge=0, le=315_360_000, allow_inf_nan=False),
    _DurationSchema(),
]
