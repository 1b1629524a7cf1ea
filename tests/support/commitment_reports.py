"""Reports of storage commitment as an archive writes them."""

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.encode import encode_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.service.commitment import ALL_COMMITTED, SOME_FAILED

CLASS, INSTANCE, REASON = 0x00081150, 0x00081155, 0x00081197
TRANSACTION, REFERENCED, FAILED = 0x00081195, 0x00081199, 0x00081198


def report_on(request, syntax, *, failing=None, silent=()):
    """Report on a request as received: `failing` gives reasons, `silent` ones are not named."""
    failing = failing or {}
    asked = read_data_set(request, transfer_syntax(syntax))
    named = [(item.uid(CLASS), item.uid(INSTANCE)) for item in asked.items(REFERENCED)]
    builder = DataSetBuilder("").texts(TRANSACTION, asked.uid(TRANSACTION))
    good, bad = [], []
    for sop_class, uid in named:
        item = builder.item().texts(CLASS, sop_class).texts(INSTANCE, uid)
        if uid in failing:
            bad.append(item.numbers(REASON, failing[uid]).data_set)
        elif uid not in silent:
            good.append(item.data_set)
    builder.items(REFERENCED, *good)
    if bad:
        builder.items(FAILED, *bad)
    data = encode_data_set(builder.data_set, transfer_syntax(syntax))
    return (SOME_FAILED if bad else ALL_COMMITTED), data
