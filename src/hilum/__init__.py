"""Hilum: a DICOM gateway that answers success only for what is safely on disk."""

__version__ = "0.1.0"
