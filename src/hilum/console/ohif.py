"""OHIF, a viewer for the browser, from its npm package: unpacked, put under a path, configured.

The package is built to live at the root of a host. What it says of its own addresses is rewritten
once, when it is installed; its configuration is made anew for each start.
"""

import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from hilum.console.files import Files
from hilum.kernel.errors import Misconfigured

PACKAGE: Final = "@ohif/app"
VERSION: Final = "3.13.2"
PATH: Final = "/ohif"
FOLDER: Final = "ohif"
# The package has 160 MB in 250 files; anything much larger is something else.
UNPACKED_BYTES_MAX: Final = 512 * 1024 * 1024
FILES_MAX: Final = 5000

_INSIDE: Final = PurePosixPath("package/dist")
_INDEX: Final = "index.html"
_CONFIG: Final = "app-config.js"
# Its worker would keep old pages after an update, and speaks for the whole host.
_WORKER: Final = "init-service-worker.js"
_LEFT_OUT: Final = frozenset(("sw.js", "google.js", "_headers", "_redirects", "serve.json"))
_REWRITTEN: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    ".html": (('="/"', f'="{PATH}/"'), ('href="/', f'href="{PATH}/'), ('src="/', f'src="{PATH}/')),
    ".js": (('__webpack_require__.p = "/"', f'__webpack_require__.p = "{PATH}/"'),),
    ".css": (("url(/", f"url({PATH}/"),),
}
# Decoders are WebAssembly, workers come as blobs, and the page has scripts and styles in itself.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-inline' "
    "'unsafe-eval' blob:; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src "
    "'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; manifest-src "
    "'self'; base-uri 'self'; frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def install(package: Path, folder: Path) -> int:
    """Unpack the package into `folder`, in place of what is there; give how many files it has.

    Raises:
        Misconfigured: it is not the package, or far too large.
        OSError: it cannot be read, or the folder not be written.
    """
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        count = _unpack(package, fresh)
        if not (fresh / _INDEX).is_file():
            raise Misconfigured(f"{package.name} has no {_INSIDE}/{_INDEX}: is it {PACKAGE}?")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return count


def _unpack(package: Path, fresh: Path) -> int:
    count = size = 0
    try:
        with tarfile.open(package, "r:gz") as archive:
            for member, name in _members(archive):
                count, size = count + 1, size + member.size
                if count > FILES_MAX or size > UNPACKED_BYTES_MAX:
                    raise Misconfigured(f"{package.name} is far larger than {PACKAGE} should be")
                source = archive.extractfile(member)
                if source is not None:
                    target = fresh / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(_rewritten(name, source.read()))
    except (tarfile.TarError, EOFError) as error:
        raise Misconfigured(f"{package.name} is no npm package (.tgz): {error}") from error
    return count


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Give the plain files of the viewer by their names below its folder; nothing leaves it."""
    for member in archive:
        path = PurePosixPath(member.name)
        if not member.isfile() or ".." in path.parts or not path.is_relative_to(_INSIDE):
            continue
        name = path.relative_to(_INSIDE)
        if name.name not in _LEFT_OUT:
            yield member, name


def _rewritten(name: PurePosixPath, content: bytes) -> bytes:
    for old, new in _REWRITTEN.get(name.suffix, ()):
        content = content.replace(old.encode(), new.encode())
    return content


def application(folder: Path, *, dicomweb: str, others: Mapping[str, str]) -> Files | None:
    """Serve the viewer that is installed in `folder`; None: there is none."""
    if not (folder / _INDEX).is_file():
        return None
    replaced = {_CONFIG: configuration(dicomweb, others), _WORKER: b"// Not used here.\n"}
    return Files(folder, headers=HEADERS, replaced=replaced, is_one_page=True)


def configuration(dicomweb: str, others: Mapping[str, str]) -> bytes:
    """Write the configuration: ourselves as the data source, and each of `others`, to choose."""
    sources = [_source("hilum", "Hilum", dicomweb, wadoUriRoot="/wado")]
    sources += [_source(name, name, root) for name, root in others.items()]
    config = {
        "routerBasename": PATH,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": True,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        "defaultDataSourceName": "hilum",
        "dataSources": sources,
    }
    return f"window.config = {json.dumps(config, indent=2)};\n".encode()


def _source(name: str, label: str, root: str, **more: str) -> dict[str, object]:
    """Write one data source; what it is asked for is what every root of ours has."""
    return {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": name,
        "configuration": {
            "friendlyName": label,
            "name": name,
            "qidoRoot": root,
            "wadoRoot": root,
            **more,
            "qidoSupportsIncludeField": True,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "supportsFuzzyMatching": True,
            "supportsWildcard": True,
            "singlepart": "bulkdata,video,pdf",
            "bulkDataURI": {"enabled": True},
            "omitQuotationForMultipartRequest": True,
        },
    }
