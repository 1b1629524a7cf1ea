"""A DICOMweb server as a destination: instances are stored by STOW-RS (PS3.18 §10.5)."""
