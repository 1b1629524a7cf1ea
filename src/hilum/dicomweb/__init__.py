"""DICOMweb as values: multipart bodies, media types, answers, status tables. No I/O, no clock."""
