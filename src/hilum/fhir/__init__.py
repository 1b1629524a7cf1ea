"""FHIR R4 and R5: what we hold as resources, and searches as DICOM keys. Values only, as JSON."""
