"""Storage commitment that others ask us for: promised, judged, and reported until it is heard."""
