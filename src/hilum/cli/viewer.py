"""`hilum viewer`: install OHIF, a full viewer for the browser, beside the quick look of our own."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from hilum.cli.queueing.opening import ConfigOption, read_config
from hilum.console import ohif
from hilum.kernel.errors import Misconfigured, Unreachable

viewer = App(name="viewer", help="Install or remove OHIF.")

# 50 MB: a slow line takes some minutes.
_FETCH_SECONDS_MAX: Final = 900


@viewer.command(name="install")
def install(
    *,
    package: Annotated[Path | None, Parameter(name=["--package", "-p"])] = None,
    config: ConfigOption = None,
) -> int:
    """Unpack OHIF's npm package into the data folder; the gateway serves it under /ohif/.

    Without `--package`, npm fetches it from the registry it is set up for.

    Parameters
    ----------
    package:
        The package as a file, for machines without a way to a registry.
    config:
        The configuration of the gateway, as for `hilum serve`.
    """
    folder = read_config(config).gateway.data
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    target = folder / ohif.FOLDER
    with tempfile.TemporaryDirectory(prefix="hilum-viewer-") as scratch:
        found = package if package is not None else _fetched(Path(scratch))
        try:
            count = ohif.install(found, target)
        except OSError as error:
            raise Misconfigured(f"cannot install into {target}: {error}") from error
    print(f"OHIF is installed in {target} ({count} files).")
    print(f"The gateway serves it under {ohif.PATH}/ from its next start on.")
    return 0


@viewer.command(name="remove")
def remove(*, config: ConfigOption = None) -> int:
    """Remove OHIF from the data folder.

    Parameters
    ----------
    config:
        The configuration of the gateway, as for `hilum serve`.
    """
    target = read_config(config).gateway.data / ohif.FOLDER
    if not target.exists():
        print(f"OHIF is not installed: there is no {target}.")
        return 0
    shutil.rmtree(target)
    print("OHIF is removed. A gateway that runs offers it until it is started again.")
    return 0


def _fetched(scratch: Path) -> Path:
    """Have npm fetch the package. Raises Misconfigured, Unreachable."""
    npm = shutil.which("npm")
    wanted = f"{ohif.PACKAGE}@{ohif.VERSION}"
    if npm is None:
        raise Misconfigured(
            f"npm is not installed, which fetches {wanted}. Install it, or fetch the package "
            "elsewhere (`npm pack`) and name the file: hilum viewer install --package FILE"
        )
    command = [npm, "pack", "--silent", "--pack-destination", str(scratch), wanted]
    try:
        done = subprocess.run(  # noqa: S603 - npm by its path, with words of ours
            command, check=False, capture_output=True, text=True, timeout=_FETCH_SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(f"npm did not fetch {wanted} in {_FETCH_SECONDS_MAX} seconds") from None
    found = next(iter(sorted(scratch.glob("*.tgz"))), None)
    if done.returncode or found is None:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Unreachable(f"npm could not fetch {wanted}; it said: {said}")
    return found
