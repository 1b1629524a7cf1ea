"""The objects that are sent: made here, the same on every machine, with the headers scanners write.

One template a kind is rendered with pydicom; each instance is that template with other numbers in
its UIDs, patient and accession. Pixels are noise: no receiver here looks at them.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

ROOT: Final = "2.25.189371538312974838592744041217219385603"
# Written into the folder of a finished set; another number makes the set anew.
VERSION: Final = "2"

# These numbers stand in the template wherever a study or an instance is named, and nowhere else;
# an instance is the template with others of the same length (so no length field changes).
STUDY_TOKEN: Final = "7100000"
INSTANCE_TOKEN: Final = "7200000"

PIXEL_DATA_OW: Final = b"\xe0\x7f\x10\x00OW\x00\x00"
# So few different frames are enough: nobody compares them, they only must not be all zero.
FRAMES: Final = 4

CT: Final = "1.2.840.10008.5.1.4.1.1.2"
MR: Final = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_XA: Final = "1.2.840.10008.5.1.4.1.1.12.1.1"
ENHANCED_SR: Final = "1.2.840.10008.5.1.4.1.1.88.22"


@dataclass(frozen=True, slots=True)
class DataSetKind:
    """A set of equal objects under one name."""

    name: str
    label: str
    count: int
    instances_per_study: int
    make: Callable[[], Dataset]


def ensure(kind: DataSetKind, below: Path) -> Path:
    """Give the folder of `kind` below `below`; its files are made when they are not there yet."""
    folder = below / kind.name
    stamp = folder / ".complete"
    wanted = f"{VERSION} {kind.count}"
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(instances(kind)):
        (folder / f"{number:05d}.dcm").write_bytes(content)
    stamp.write_text(wanted)
    return folder


def instances(kind: DataSetKind) -> Iterator[bytes]:
    """Yield the Part 10 files of `kind`, one after the other."""
    template = _render(kind.make())
    start = template.find(PIXEL_DATA_OW)
    header, pixels = (template, b"") if start < 0 else (template[:start], template[start:])
    bodies = [_noisy(pixels, seed) for seed in range(FRAMES)]
    for number in range(kind.count):
        study = 7100000 + number // kind.instances_per_study
        named = header.replace(STUDY_TOKEN.encode(), str(study).encode())
        named = named.replace(INSTANCE_TOKEN.encode(), str(7200000 + number).encode())
        yield named + bodies[number % FRAMES]


def _noisy(pixels: bytes, seed: int) -> bytes:
    """Fill a pixel data element with 12-bit noise; its header stays."""
    if not pixels:
        return b""
    noise = random.Random(seed).randbytes(1 << 18)
    values = bytes(byte & 0x0F if index & 1 else byte for index, byte in enumerate(noise))
    length = len(pixels) - len(PIXEL_DATA_OW) - 4
    repeated = values * (length // len(values) + 1)
    return pixels[: len(PIXEL_DATA_OW) + 4] + repeated[:length]


def _render(dataset: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(f"{ROOT}.9")
    dataset.file_meta = meta
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _filled(**values: Any) -> Dataset:  # Any: pydicom takes what the VR of the keyword wants
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _code(value: str, meaning: str, scheme: str = "99LOCAL") -> list[Dataset]:
    return [_filled(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def _reference(sop_class: str, tail: str) -> Dataset:
    return _filled(
        ReferencedSOPClassUID=sop_class,
        ReferencedSOPInstanceUID=f"{ROOT}.{STUDY_TOKEN}.{tail}",
    )


def _base(sop_class: str, modality: str) -> Dataset:
    """Make what every object has: about eighty attributes of patient, study, series, equipment."""
    request = _filled(
        AccessionNumber=f"A{STUDY_TOKEN}",
        RequestedProcedureDescription="CT ABD/PEL",
        RequestedProcedureID="RP1",
        ScheduledProcedureStepDescription="CT ABD",
        ScheduledProcedureStepID="SPS1",
        ScheduledProtocolCodeSequence=_code("P1", "Abdomen"),
    )
    return _filled(
        SpecificCharacterSet="ISO_IR 100",
        ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
        InstanceCreationDate="20240312",
        InstanceCreationTime="101530.123000",
        SOPClassUID=sop_class,
        SOPInstanceUID=f"{ROOT}.{STUDY_TOKEN}.1.{INSTANCE_TOKEN}",
        StudyDate="20240312",
        SeriesDate="20240312",
        AcquisitionDate="20240312",
        ContentDate="20240312",
        StudyTime="101500.000000",
        SeriesTime="101520.000000",
        AcquisitionTime="101525.100000",
        ContentTime="101525.500000",
        AccessionNumber=f"A{STUDY_TOKEN}",
        Modality=modality,
        Manufacturer="ACME MEDICAL SYSTEMS",
        InstitutionName="University Hospital North",
        InstitutionAddress="Main Street 1, 12345 Springfield",
        ReferringPhysicianName="REFERRER^ALICE^^DR",
        StationName="CT01STATION",
        ProcedureCodeSequence=_code("CTABDP", "CT abdomen and pelvis"),
        StudyDescription="CT ABDOMEN PELVIS WITH CONTRAST",
        SeriesDescription="ABD PORTAL 1.0 B30f",
        InstitutionalDepartmentName="Radiology",
        PerformingPhysicianName="PERFORMER^BOB",
        OperatorsName="OPERATOR^CAROL",
        ManufacturerModelName="Scanner Plus 64",
        ReferencedStudySequence=[_reference("1.2.840.10008.3.1.2.3.1", "9.1")],
        ReferencedPerformedProcedureStepSequence=[_reference("1.2.840.10008.3.1.2.3.3", "9.2")],
        PatientName=f"MUELLER{STUDY_TOKEN}^ANNA",
        PatientID=f"PID{STUDY_TOKEN}",
        IssuerOfPatientID="HOSPITAL",
        PatientBirthDate="19460217",
        PatientSex="F",
        PatientAge="056Y",
        PatientSize="1.78",
        PatientWeight="81.5",
        OtherPatientIDsSequence=[_filled(PatientID=f"ALT{STUDY_TOKEN}", IssuerOfPatientID="R")],
        AdditionalPatientHistory="Follow-up examination after therapy, compare with prior study.",
        PatientComments="none",
        BodyPartExamined="ABDOMEN",
        DeviceSerialNumber="123456",
        SoftwareVersions=["VA48A", "PATCH7"],
        ProtocolName="Abdomen^Portal (Adult)",
        PatientPosition="HFS",
        StudyInstanceUID=f"{ROOT}.{STUDY_TOKEN}",
        SeriesInstanceUID=f"{ROOT}.{STUDY_TOKEN}.1",
        StudyID=STUDY_TOKEN,
        SeriesNumber=1,
        AcquisitionNumber=1,
        InstanceNumber=INSTANCE_TOKEN,
        FrameOfReferenceUID=f"{ROOT}.{STUDY_TOKEN}.9",
        PositionReferenceIndicator="",
        RequestingPhysician="REQUESTER^DAVE",
        RequestedProcedureDescription="CT ABD/PEL",
        RequestedProcedureCodeSequence=_code("CTABDP", "CT abdomen and pelvis"),
        PerformedProcedureStepStartDate="20240312",
        PerformedProcedureStepStartTime="101500",
        PerformedProcedureStepID="PPS1",
        PerformedProcedureStepDescription="CT ABD",
        RequestAttributesSequence=[request],
    )


def _add_vendor_blocks(dataset: Dataset, *, binary_bytes: int) -> None:
    """Add private blocks as real scanners write them: many small values and a binary header."""
    values: list[tuple[str, Any]] = [
        ("DS", "1.25"), ("LO", "PRIVATE VALUE TEXT"), ("SL", 42), ("FD", 3.14159),
    ]  # fmt: skip
    block = dataset.private_block(0x0019, "ACME HEADER", create=True)
    for number in range(20):
        representation, value = values[number % len(values)]
        block.add_new(0x10 + number, representation, value)
    binary = dataset.private_block(0x0029, "ACME CSA HEADER", create=True)
    binary.add_new(0x10, "OB", bytes(range(256)) * (binary_bytes // 256))


def _add_image(dataset: Dataset, rows: int, columns: int, frames: int = 1) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = rows
    dataset.Columns = columns
    dataset.PixelSpacing = ["0.742", "0.742"]
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.add_new("PixelData", "OW", bytes(rows * columns * 2 * frames))


def _ct() -> Dataset:
    dataset = _base(CT, "CT")
    acquisition = {
        "ScanOptions": "HELICAL MODE", "SliceThickness": "1.0", "KVP": "120",
        "DataCollectionDiameter": "500", "ReconstructionDiameter": "380",
        "DistanceSourceToDetector": "1085.6", "DistanceSourceToPatient": "595",
        "GantryDetectorTilt": "0", "TableHeight": "150", "RotationDirection": "CW",
        "ExposureTime": "500", "XRayTubeCurrent": "240", "Exposure": "120",
        "FilterType": "WEDGE_3", "GeneratorPower": "36", "FocalSpots": "1.2",
        "ConvolutionKernel": "B30f", "SpiralPitchFactor": 0.9, "CTDIvol": 8.25,
        "ContrastBolusAgent": "IOMERON 400", "ContrastBolusRoute": "IV",
        "SingleCollimationWidth": 0.6, "TotalCollimationWidth": 38.4, "TableSpeed": 46.0,
        "TableFeedPerRotation": 23.0, "ExposureModulationType": "XYZ_EC",
        "ImagePositionPatient": ["-190.0", "-340.5", "-500.0"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"], "SliceLocation": "-500.0",
        "WindowCenter": ["50", "300"], "WindowWidth": ["350", "1500"],
        "WindowCenterWidthExplanation": ["WINDOW1", "WINDOW2"],
        "RescaleIntercept": "-1024", "RescaleSlope": "1", "RescaleType": "HU",
    }  # fmt: skip
    dataset.update(_filled(**acquisition))
    dataset.ReferencedImageSequence = [_reference(CT, f"8.{number}") for number in (1, 2)]
    _add_vendor_blocks(dataset, binary_bytes=2048)
    _add_image(dataset, 512, 512)
    return dataset


def _mr(rows: int) -> Dataset:
    dataset = _base(MR, "MR")
    acquisition = {
        "ScanningSequence": "SE", "SequenceVariant": "SK", "ScanOptions": "FS",
        "MRAcquisitionType": "2D", "SequenceName": "tse2d1_11", "SliceThickness": "3",
        "RepetitionTime": "3500", "EchoTime": "92", "NumberOfAverages": "2",
        "ImagingFrequency": "63.67", "ImagedNucleus": "1H", "EchoNumbers": "1",
        "MagneticFieldStrength": "1.5", "SpacingBetweenSlices": "3.3", "EchoTrainLength": "11",
        "PixelBandwidth": "130", "FlipAngle": "150", "SAR": "0.8",
        "ImagePositionPatient": ["-120", "-120", "3.3"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"], "SliceLocation": "3.3",
        "WindowCenter": "600", "WindowWidth": "1300",
    }  # fmt: skip
    dataset.update(_filled(**acquisition))
    _add_vendor_blocks(dataset, binary_bytes=6144 if rows > 200 else 1024)
    _add_image(dataset, rows, rows)
    return dataset


def _multi_frame() -> Dataset:
    """Make an angiographic run: 100 frames of 1024 x 1024, with functional groups a frame."""
    dataset = _base(ENHANCED_XA, "XA")
    dataset.NumberOfFrames = 100
    dataset.SharedFunctionalGroupsSequence = [
        _filled(PixelMeasuresSequence=[_filled(PixelSpacing=["0.2", "0.2"])])
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        _filled(
            FrameContentSequence=[
                _filled(FrameAcquisitionNumber=frame + 1, DimensionIndexValues=[1, frame + 1])
            ],
            FrameVOILUTSequence=[_filled(WindowCenter="2000", WindowWidth="4000")],
        )
        for frame in range(100)
    ]
    _add_image(dataset, 1024, 1024, frames=100)
    return dataset


def _report() -> Dataset:
    """Make a structured report of 8 KB: no pixels, many short sequences."""
    dataset = _base(ENHANCED_SR, "SR")
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.ValueType = "CONTAINER"
    dataset.ContinuityOfContent = "SEPARATE"
    dataset.ConceptNameCodeSequence = _code("126000", "Imaging Measurement Report", "DCM")
    dataset.ContentSequence = [
        _filled(
            RelationshipType="CONTAINS",
            ValueType="TEXT",
            ConceptNameCodeSequence=_code(f"1210{number:02d}", "Finding", "DCM"),
            TextValue="No abnormality detected; comparison with prior study unremarkable.",
        )
        for number in range(32)
    ]
    return dataset


KINDS: Final = {
    kind.name: kind
    for kind in (
        DataSetKind("ct", "CT 0.5 MB", 1000, 200, _ct),
        DataSetKind("mr", "MR 0.13 MB", 2000, 200, lambda: _mr(256)),
        DataSetKind("8kb", "8 KB", 8000, 20, _report),
        DataSetKind("40kb", "40 KB", 800, 100, lambda: _mr(136)),
        # So many that a queue has time to grow.
        DataSetKind("18kb", "18 KB", 20000, 250, lambda: _mr(96)),
        DataSetKind("200mb", "200 MB", 3, 1, _multi_frame),
    )
}
