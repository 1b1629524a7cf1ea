"""What archives compute of a study and simple ones do not: summed up from its series. Pure."""

from collections.abc import Sequence
from typing import Final

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dataset import DataSet

MODALITIES_IN_STUDY: Final = 0x00080061
_STUDY_SERIES: Final = 0x00201206
_STUDY_INSTANCES: Final = 0x00201208
SERIES_INSTANCES: Final = 0x00201209


def lacks_modalities(study: DataSet) -> bool:
    """Tell whether a study does not say which modalities it has."""
    return not study.text(MODALITIES_IN_STUDY)


def summed_up(study: DataSet, series: Sequence[DataSet]) -> DataSet:
    """Say of a study what its series say: modalities, and numbers that it does not say itself."""
    modalities = sorted({one.text(tags.MODALITY) for one in series} - {""})
    builder = DataSetBuilder().texts(MODALITIES_IN_STUDY, *modalities)
    if not study.text(_STUDY_SERIES):
        builder.texts(_STUDY_SERIES, str(len(series)))
    counts = [one.text(SERIES_INSTANCES) for one in series]
    is_told = bool(counts) and all(count.isdecimal() for count in counts)
    if is_told and not study.text(_STUDY_INSTANCES):
        builder.texts(_STUDY_INSTANCES, str(sum(map(int, counts))))
    study.elements.update(builder.data_set.elements)
    return study
