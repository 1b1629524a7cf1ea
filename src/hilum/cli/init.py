"""`hilum init`: write a configuration file in which every setting is explained."""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from hilum.kernel.errors import HilumError
from hilum.service.config_template import template

NAME: Final = "hilum.toml"


def init(
    path: Path = Path(NAME),
    /,
    *,
    force: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Write a configuration file that has every setting, commented out, with its default.

    Parameters
    ----------
    path:
        Where to write it; in a folder it is called hilum.toml.
    force:
        Write over a file that is there already.
    """
    target = path / NAME if path.is_dir() else path
    try:
        with target.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(template())
    except FileExistsError:
        raise HilumError(
            f"{target} exists already and was left alone; --force writes over it"
        ) from None
    except OSError as error:
        raise HilumError(f"cannot write {target}: {error.strerror}") from error
    print(f"Wrote {target}. Name your peers in it, then: hilum check -c {target}")
    return 0
