"""Numbers as people read them."""

_STEPS = ("B", "kB", "MB", "GB", "TB")


def printable(text: str) -> str:
    """Escape what is no text: file names may hold any byte, and terminals obey some of them."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def count_of(number: int, noun: str) -> str:
    """Say `1 file`, `2 files`, `1,000 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size_of(number: float) -> str:
    """Say bytes in decimal units with three digits: `8.19 kB`, `526 MB`."""
    step = 0
    while number >= 999.5 and step < len(_STEPS) - 1:
        number /= 1000
        step += 1
    return f"{number:.3g} {_STEPS[step]}"


def duration_of(seconds: float) -> str:
    """Say `0.42 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
