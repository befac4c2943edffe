# SPDX-License-Identifier: MIT
"""qemu/map/palette.py: text can be read on its ground in both schemes, and colours that mean something can be told
apart by people who see fewer of them. Contrast is WCAG 2.2's; the sight of others is simulated as Machado, Oliveira and
Fernandes do it ("A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, severity 1.0)."""

import itertools

import pytest

from palette import COLOURS, OWNERS, RIGHTS, resolved

MATRICES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour):
    parts = (int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5))
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour):
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(colour)))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def seen(colour, matrix):
    """As CIE L*a*b*, by somebody whose sight the matrix describes."""
    r, g, b = (min(1, max(0, sum(weight * part for weight, part in zip(row, linear(colour))))) for row in matrix)
    xyz = ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b,
           (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    x, y, z = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one, other, matrix):
    return sum((a - b) ** 2 for a, b in zip(seen(one, matrix), seen(other, matrix))) ** 0.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read(scheme):
    colour = {name: pair[scheme] for name, pair in COLOURS.items()}
    grounds = [(name.removesuffix("-ink"), name) for name in COLOURS if name.endswith("-ink") and name != "ink-ink"]
    grounds += [(ground, ink) for ground in ("paper", "panel", "low", "high", "idle") for ink in ("ink", "muted")]
    for ground, ink in grounds:
        assert contrast(colour[ground], colour[ink]) >= 4.5, (ground, ink)


@pytest.mark.parametrize("sight", MATRICES)
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("legend", [RIGHTS, OWNERS], ids=["rights", "owners"])
def test_colours_can_be_told_apart(legend, scheme, sight):
    for one, other in itertools.combinations(legend, 2):
        assert distance(COLOURS[one][scheme], COLOURS[other][scheme], MATRICES[sight]) > 10, (one, other)


def test_variables_are_resolved_for_both_schemes():
    light, dark = (f"a {{ fill: {colour} }}" for colour in COLOURS["paper"])
    assert resolved("a { fill: var(--paper) }") == f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
