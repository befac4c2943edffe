# SPDX-License-Identifier: MIT
"""Sizes in words, and places from top to bottom. All columns of a drawing share HEIGHT units; what is in them is as
high as the logarithm of its size, so that a guard page can be seen beside 16 EiB."""

import math

HEIGHT = 720


def size_text(size):
    """A size in the largest unit that it has at least one of; "~" before it if it is rounded."""
    unit = min((size.bit_length() - 1) // 10, 6)
    value = size / (1 << 10 * unit)
    number = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{'' if value.is_integer() else '~'}{number}{'BKMGTPE'[unit]}"


def place(heights, gap=0):
    """[(y, height)] of things one under the other, stretched in proportion to fill HEIGHT."""
    factor = (HEIGHT - gap * (len(heights) - 1)) / sum(heights)
    places, y = [], 0
    for height in heights:
        places.append((round(y, 1), round(height * factor, 1)))
        y += height * factor + gap
    return places


def magnitude(size, unit):
    """How many times `size` is twice `unit`, roughly: pictures must not change with every byte of the kernel."""
    return max(0, round(math.log2(size / unit)))
