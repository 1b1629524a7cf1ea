"""`hilum routes`: try routes on files, and a new configuration against the one in use."""

import json as json_format
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter
from rich.console import Console
from rich.text import Text

from hilum.cli.queueing.opening import ConfigOption, read_config
from hilum.cli.queueing.paragraphs import show
from hilum.cli.sending.words import count_of, printable
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.inspection import inspect
from hilum.routing.facts import AssociationFacts
from hilum.routing.plan import Plan, plan
from hilum.routing.routes import Routes
from hilum.service.config_routes import routes_of
from hilum.service.time_zones import zone_of

routes = App(name="routes", help="Try routes on files.")

SAME: Final = 0
DIFFERENT: Final = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """A file and where it goes; `before` is by the configuration in use."""

    path: Path
    now: Plan
    before: Plan | None

    @property
    def changes(self) -> tuple[set[str], set[str]]:
        """Give the destinations that are new, and those it does not go to any more."""
        new, old = _targets(self.now), _targets(self.before) if self.before else set()
        return new - old, old - new


@routes.command(name="test")
def try_files(  # noqa: PLR0913 - one argument an option
    files: list[Path],
    *,
    config: ConfigOption = None,
    against: Path | None = None,
    calling: str = "",
    peer: str = "",
    host: str = "",
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Say where files would go; with `--against`, what changes against another configuration.

    Nothing is sent or written. Exit code 0: nothing changes; 1: something does, or a file is none.

    Parameters
    ----------
    files:
        DICOM files, and folders of them.
    config:
        The configuration to try.
    against:
        The configuration in use: only what differs from it is shown.
    calling:
        The AE title the files would come from.
    peer:
        The name of the peer they would come from.
    host:
        The address they would come from.
    json:
        Print one JSON object, for programs.
    """
    tried, title = _routes(config)
    used = _routes(against)[0] if against is not None else None
    association = AssociationFacts(
        calling_ae_title=calling, called_ae_title=title, peer=peer, host=host, source="dimse"
    )
    trials, bad = _try(_files(files), tried, used, association)
    changed = [one for one in trials if used is not None and any(one.changes)]
    if json:
        print(json_format.dumps(_as_json(trials, bad, compared=used is not None), indent=2))
    else:
        _show(Console(highlight=False), trials if used is None else changed, bad)
        if used is not None:
            print(f"{count_of(len(changed), 'file')} of {len(trials):,} would go elsewhere.")
    return DIFFERENT if changed or bad else SAME


def _routes(path: Path | None) -> tuple[Routes, str]:
    config = read_config(path)
    return routes_of(config, zone_of(config.gateway.time_zone)), config.gateway.ae_title


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.is_file())
        else:
            yield path


def _try(
    paths: Iterable[Path], tried: Routes, used: Routes | None, association: AssociationFacts
) -> tuple[list[Trial], list[tuple[Path, str]]]:
    trials, bad = [], []
    now = datetime.now(UTC)
    for path in paths:
        try:
            asked = plan(tried, inspect(path, tried).routing_facts(tried, association), now)
            before = None
            if used is not None:
                before = plan(used, inspect(path, used).routing_facts(used, association), now)
        except (CorruptPayload, OSError) as error:
            bad.append((path, str(error)))
        else:
            trials.append(Trial(path, asked, before))
    return trials, bad


def _targets(found: Plan) -> set[str]:
    return {str(one.target) for one in found.deliveries}


def _show(console: Console, trials: Sequence[Trial], bad: Sequence[tuple[Path, str]]) -> None:
    for one in trials:
        console.print(Text(printable(str(one.path)), style="bold"))
        goes = ", ".join(sorted(_targets(one.now))) or "nowhere"
        show(console, Text(f"goes to {goes}"), 2)
        for reason in one.now.reasons:
            show(console, Text(str(reason), style="dim"), 4)
        if one.before is not None:
            new, lost = one.changes
            for name in sorted(new):
                show(console, Text(f"+ {name}", style="green"), 2)
            for name in sorted(lost):
                show(console, Text(f"- {name}", style="red"), 2)
    for path, why in bad:
        console.print(Text(f"{printable(str(path))}: {why}", style="red"))


def _as_json(
    trials: Sequence[Trial], bad: Sequence[tuple[Path, str]], *, compared: bool
) -> dict[str, Any]:  # Any: JSON
    return {
        "files": [
            {
                "file": str(one.path),
                "goes_to": sorted(_targets(one.now)),
                "reasons": [str(reason) for reason in one.now.reasons],
                **(_changes_of(one) if compared else {}),
            }
            for one in trials
        ],
        "bad": [{"file": str(path), "reason": reason} for path, reason in bad],
    }


def _changes_of(one: Trial) -> dict[str, list[str]]:
    new, lost = one.changes
    return {"new": sorted(new), "lost": sorted(lost)}
