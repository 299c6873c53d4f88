"""Sizes in bytes, as people write and read them: `1.5 GiB`, `20 kB`. Exact: no floating point on the way in."""

import re
from fractions import Fraction

_UNITS = {"B": 1}
_UNITS.update({f"{prefix}B": 1000**power for power, prefix in enumerate("kMGTPE", start=1)})
_UNITS.update({f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTPE", start=1)})

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def parse_size(text: str) -> int:
    """Bytes. Raises ValueError for what is no size, or no whole number of bytes."""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get((match.group(2) or "B") if match else "")
    if match is None or unit is None:
        raise ValueError(f"got {text!r}, want a number and one of {', '.join(_UNITS)}")
    size = Fraction(match.group(1)) * unit
    if size.denominator != 1:
        raise ValueError(f"got {text!r}, want whole bytes")
    return int(size)


def format_size(size: int) -> str:
    """At most four digits and a binary unit, rounded half to even: `1.5 GiB`."""
    if size < 0:
        raise ValueError(f"got {size}, want no negative size")
    units = [unit for unit in _UNITS if unit == "B" or unit.endswith("iB")]
    for unit in units:
        number = Fraction(size, _UNITS[unit])
        if round(number, 1) < 1024 or unit == units[-1]:
            break
    digits = f"{float(round(number, 1)):.1f}".removesuffix(".0")
    return f"{digits} {unit}"
