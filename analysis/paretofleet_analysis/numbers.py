"""Numbers as sentences hold them."""

from __future__ import annotations


def two_significant_digits(value: float, *, sign: str = "") -> str:
    """A `value` in a sentence to two digits, never with an exponent.

    `sign`: "+" shows that of a positive number too. What is below a thousandth is 0.

    >>> two_significant_digits(0.0234), two_significant_digits(304.6)
    ('0.023', '300')
    >>> two_significant_digits(-1.234, sign="+"), two_significant_digits(2e-5, sign="+")
    ('-1.2', '+0')
    """
    if abs(value) < 0.001:
        return f"{0:{sign}d}"
    rounded = float(f"{value:.2g}")
    return f"{rounded:{sign}.0f}" if abs(rounded) >= 100 else f"{rounded:{sign}.2g}"
