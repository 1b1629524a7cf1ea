"""The folder a demonstration happens in: where everything lies, and the gateway's configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.kernel.errors import Misconfigured
from hilum.service.opening import DataFolder

# Everything that is not here has its default, as for any gateway.
_CONFIG: Final = """\
# What `hilum demo` runs: the defaults, but on ports and in a folder of its own.
[gateway]
data = "data"

[sources.dimse]
host = "127.0.0.1"
port = {dimse_port}

[sources.web]
port = {web_port}

# Asked sooner than others whether it is back: nobody watches for a minute.
[destinations.pacs]
type = "dimse"
host = "127.0.0.1"
port = {archive_port}
ae_title = "PACS"
retry = {{ first_seconds = 0.5, longest_seconds = 2 }}

[[routes]]
name = "everything"
to = ["pacs"]

[log]
format = "json"
"""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one root; a home that `stays` is not removed afterwards."""

    root: Path
    stays: bool

    @property
    def config(self) -> Path:
        """The configuration of the gateway."""
        return self.root / "hilum.toml"

    @property
    def data(self) -> DataFolder:
        """What the gateway keeps."""
        return DataFolder(self.root / "data")

    @property
    def log(self) -> Path:
        """What the gateway says."""
        return self.root / "gateway.log"

    @property
    def journal(self) -> Path:
        """What the modality remembers of its sending."""
        return self.root / "sent.journal"

    def studies(self, name: str) -> Path:
        """What the modality sends."""
        return self.root / name

    def write_config(self, *, archive_port: int, dimse_port: int = 0, web_port: int = 0) -> None:
        """Write the configuration; port 0 lets the system choose a free one."""
        text = _CONFIG.format(archive_port=archive_port, dimse_port=dimse_port, web_port=web_port)
        self.config.write_text(text, encoding="utf-8")


def settle(root: Path, *, stays: bool) -> Home:
    """Make `root` the home of a demonstration; it must be new or empty.

    Raises:
        Misconfigured: something is in it, or it cannot be made.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise Misconfigured(f"--data {root}: there is something in it; name a new folder")
    except OSError as error:
        raise Misconfigured(f"--data {root}: {error.strerror}") from error
    return Home(root.absolute(), stays)
