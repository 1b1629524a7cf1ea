"""The DICOM Conformance Statement, section by section, read from the tables the gateway runs on."""
