"""Status codes of PS3.7 Annex C and PS3.4, one line a code or range; `status` reads the table."""

from enum import Enum, StrEnum
from typing import Final, NamedTuple


class Category(Enum):
    """What a status means for the operation (PS3.7 Annex C)."""

    SUCCESS = "Success"
    WARNING = "Warning"
    FAILURE = "Failure"
    CANCEL = "Cancel"
    PENDING = "Pending"


class Service(StrEnum):
    """Whose codes they are; those of GENERAL hold for every service."""

    GENERAL = "general"
    STORE = "C-STORE"
    FIND = "C-FIND"
    MOVE = "C-MOVE"
    GET = "C-GET"
    WORKLIST = "C-FIND MWL"
    PROCEDURE_STEP = "MPPS"
    UNIFIED_STEP = "UPS"
    RELEVANT_PATIENT = "Relevant Patient"
    PRINT = "Print"
    NON_PATIENT_STORAGE = "Non-Patient Object Storage"


class StatusCodes(NamedTuple):
    """One line of the table: a code, or a range of them, of one service."""

    service: Service
    first: int
    last: int
    category: Category
    meaning: str


# Meanings are the standard's, the longest of them shortened.
_TABLE: Final = """\
[general]
0000      Success  Success
0105      Failure  No Such Attribute
0106      Failure  Invalid Attribute Value
0107      Warning  Attribute List Error
0110      Failure  Processing Failure
0111      Failure  Duplication SOP Instance
0112      Failure  No Such SOP Instance
0113      Failure  No Such Event Type
0114      Failure  No Such Argument
0115      Failure  Invalid Argument Value
0116      Warning  Attribute Value Out of Range
0117      Failure  Invalid Object Instance
0118      Failure  No Such SOP Class
0119      Failure  Class-Instance Conflict
0120      Failure  Missing Attribute
0121      Failure  Missing Attribute Value
0122      Failure  Refused: SOP Class Not Supported
0123      Failure  No Such Action
0124      Failure  Refused: Not Authorised
0210      Failure  Duplicate Invocation
0211      Failure  Unrecognised Operation
0212      Failure  Mistyped Argument
0213      Failure  Resource Limitation
FE00      Cancel   Cancel

[C-STORE]
A700-A7FF Failure  Refused: Out of Resources
A900-A9FF Failure  Data Set Does Not Match SOP Class
B000      Warning  Coercion of Data Elements
B006      Warning  Element Discarded
B007      Warning  Data Set Does Not Match SOP Class
C000-CFFF Failure  Cannot Understand

[C-FIND]
A700      Failure  Refused: Out of Resources
A710      Failure  Invalid Prior Record Key
A900      Failure  Identifier Does Not Match SOP Class
B001      Warning  Matching reached response limit, subsequent request may return additional matches
C000-CFFF Failure  Unable to Process
FF00      Pending  Matches are continuing, current match supplied
FF01      Pending  Matches are continuing, warning

[C-MOVE]
A701      Failure  Refused: Out of resources, unable to calculate number of matches
A702      Failure  Refused: Out of resources, unable to perform sub-operations
A801      Failure  Move destination unknown
A900      Failure  Identifier does not match SOP class
AA00      Failure  None of the frames requested were found in the SOP instance
AA01      Failure  Unable to create new object for this SOP class
AA02      Failure  Unable to extract frames
AA03      Failure  Time-based request received for a non-time-based original SOP Instance
AA04      Failure  Invalid request
B000      Warning  Sub-operations completed, one or more failures
C000-CFFF Failure  Unable to Process
FF00      Pending  Sub-operations are continuing

[C-GET]
A701      Failure  Refused: Out of resources, unable to calculate number of matches
A702      Failure  Refused: Out of resources, unable to perform sub-operations
A900      Failure  Identifier does not match SOP class
AA00      Failure  None of the frames requested were found in the SOP instance
AA01      Failure  Unable to create new object for this SOP class
AA02      Failure  Unable to extract frames
AA03      Failure  Time-based request received for a non-time-based original SOP Instance
AA04      Failure  Invalid request
B000      Warning  Sub-operations complete, one or more failures or warnings
C000-CFFF Failure  Unable to Process
FF00      Pending  Sub-operations are continuing

[C-FIND MWL]
A700      Failure  Refused: Out of resources
A900      Failure  Identifier does not match SOP class
C000-CFFF Failure  Unable to Process
FF00      Pending  Matches are continuing, Optional Keys supported as Required Keys are
FF01      Pending  Matches are continuing, some Optional Keys not supported

[MPPS]
0001      Warning  Requested optional attributes are not supported

[UPS]
0001      Warning  Requested optional attributes are not supported
A700      Failure  Out of resources
A900      Failure  Identifier doesn't match SOP Class
B300      Warning  The UPS was created with modifications
B301      Warning  Deletion lock not granted
B304      Warning  The UPS is already in the requested state of CANCELED
B305      Warning  Coerced invalid values to valid values
B306      Warning  The UPS is already in the requested state of COMPLETED
C000-C2FF Failure  Unable to Process
C300      Failure  The UPS may no longer be updated
C301      Failure  The correct Transaction UID was not provided
C302      Failure  The UPS is already IN PROGRESS
C303      Failure  The UPS may only become SCHEDULED via N-CREATE, not N-SET or N-ACTION
C304      Failure  The UPS has not met final state requirements for the requested state change
C305-C306 Failure  Unable to Process
C307      Failure  SOP Instance UID does not exist or is not a UPS managed by this SCP
C308      Failure  Receiving AE-TITLE is unknown to this SCP
C309      Failure  The provided value of UPS State was not SCHEDULED
C30A-C30F Failure  Unable to Process
C310      Failure  The UPS is not yet in the IN PROGRESS state
C311      Failure  The UPS is already COMPLETED
C312      Failure  The performer cannot be contacted
C313      Failure  Performer chooses not to cancel
C314      Failure  Specified action is not appropriate for specified instance
C315      Failure  SCP does not support Event Reports
C316-CFFF Failure  Unable to Process
FF00      Pending  Matches are continuing, Optional Keys supported as Required Keys are
FF01      Pending  Matches are continuing, some Optional Keys not supported

[Relevant Patient]
A700      Failure  Out of resources
A900      Failure  Identifier doesn't match SOP Class
C000      Failure  Unable to process
C100      Failure  More than one match found
C200      Failure  Unable to support requested template
FF00      Pending  Current match is supplied

[Print]
B600      Warning  Memory allocation not supported
B601      Warning  Film session printing (collation) is not supported
B602      Warning  Film Session hierarchy does not contain Image Box SOP Instances (empty page)
B603      Warning  Film Box hierarchy does not contain Image Box SOP Instances (empty page)
B604      Warning  Image size is larger than image box size, the image has been demagnified
B605      Warning  Requested density outside the printer's range, its own limit is used instead
B609      Warning  Image size is larger than the image box size, the image has been cropped to fit
B60A      Warning  Image or combined print image is larger than the image box, decimated to fit
C600      Failure  Film Session SOP Instance hierarchy does not contain Film Box SOP Instances
C601      Failure  Unable to create Print Job SOP Instance; print queue is full
C602      Failure  Unable to create Print Job SOP instance; print queue is full
C603      Failure  Image size is larger than image box size
C605      Failure  Insufficient memory in printer to store the image
C613      Failure  Combined print image size is larger than the image box size
C616      Failure  A film box is not printed yet and N-ACTION at film session level is not supported

[Non-Patient Object Storage]
A700      Failure  Out of resources
A900      Failure  Data set doesn't match SOP Class
C000      Failure  Cannot understand
"""


def _read(table: str) -> tuple[StatusCodes, ...]:
    codes: list[StatusCodes] = []
    service = Service.GENERAL
    for line in table.splitlines():
        if line.startswith("["):
            service = Service(line.strip("[]"))
        elif line:
            numbers, category, meaning = line.split(maxsplit=2)
            first, _, last = numbers.partition("-")
            low = int(first, 16)
            high = int(last, 16) if last else low
            codes.append(StatusCodes(service, low, high, Category(category), meaning))
    return tuple(codes)


STATUS_CODES: Final = _read(_TABLE)
