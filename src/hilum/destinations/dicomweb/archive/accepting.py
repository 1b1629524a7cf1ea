"""Which media types instances are asked for in, in the order in which it is tried. Pure.

Servers differ in what of PS3.18 §8.7.3 they read; what worked is remembered (`Manner.forms`).
"""

from typing import Final

from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.dicomweb.media_types import DICOM
from hilum.kernel.names import UID

# What a server answers that does not know a form; 400 is Orthanc's word for it.
REFUSED: Final = frozenset((400, 406, 415))
# What a server may answer that cannot put an instance into another syntax; Orthanc says 500.
CANNOT_CONVERT: Final = frozenset((500, 501))
_QUOTED: Final = f'multipart/related; type="{DICOM}"'
_UNQUOTED: Final = f"multipart/related; type={DICOM}"
_AS_STORED: Final = "; transfer-syntax=*"
_PLAIN: Final = EXPLICIT_VR_LITTLE_ENDIAN.uid
_SYNTAXES_MAX: Final = 16  # an Accept header is a line of some 8 KiB


def forms_of(syntaxes: tuple[UID, ...], *, is_single: bool) -> tuple[str, ...]:
    """Give the Accept headers to try; `is_single`: one instance is asked for."""
    forms = [
        *_asking_for(syntaxes),
        _QUOTED + _AS_STORED,
        _UNQUOTED + _AS_STORED,
        _QUOTED,
        _UNQUOTED,
    ]
    if is_single:
        forms += [DICOM + _AS_STORED, DICOM]
    return tuple(dict.fromkeys(forms))


def _asking_for(syntaxes: tuple[UID, ...]) -> list[str]:
    """Ask for transfer syntaxes, explicit little endian last; where one is all, for that alone."""
    if not syntaxes:
        return []
    wanted = [uid for uid in syntaxes[:_SYNTAXES_MAX] if uid != _PLAIN]
    listed = [f"{_QUOTED}; transfer-syntax={uid}" for uid in wanted]
    last = f"{_QUOTED}; transfer-syntax={_PLAIN}"
    if not listed:
        return [last]
    return [", ".join([*listed, f"{last}; q=0.5"])]


def asks_for_another(form: str) -> bool:
    """Tell whether a form may have the server put instances into another transfer syntax."""
    return "transfer-syntax=" in form and _AS_STORED not in form


def kind_of(syntaxes: tuple[UID, ...], *, is_single: bool) -> str:
    """Name what a form is remembered for."""
    return f"{'one' if is_single else 'many'} {' '.join(syntaxes[:_SYNTAXES_MAX])}"
