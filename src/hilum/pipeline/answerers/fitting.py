"""Whether what is here is what somebody can take, or the answerer has to be asked for it."""

from collections.abc import Collection

from hilum.dicom.syntaxes import UNCOMPRESSED


def fits(transfer_syntax_uid: str, syntaxes: Collection[str]) -> bool:
    """Tell whether a payload in one transfer syntax serves who takes some of them; none: any.

    Those without compression can all be made of each other (see `dicom.reencode`).
    """
    if not syntaxes or transfer_syntax_uid in syntaxes:
        return True
    return transfer_syntax_uid in UNCOMPRESSED and not frozenset(UNCOMPRESSED).isdisjoint(syntaxes)
