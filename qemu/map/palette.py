# SPDX-License-Identifier: MIT
"""The colours of all pictures, in light and in dark. Rights have the hues of Okabe and Ito, owners those of Paul Tol's
muted set: both can be told apart by people who see fewer colours, and nothing is said by colour alone."""

import re

# name: (light, dark). A name with "-ink" is the text on it.
COLOURS = {
    "paper": ("#f6f7f9", "#12151a"),
    "panel": ("#ffffff", "#1b2028"),
    "ink": ("#1c2026", "#e7eaee"),
    "ink-ink": ("#ffffff", "#12151a"),
    "muted": ("#59626e", "#9ba6b4"),
    "line": ("#cfd5dc", "#39424e"),
    "accent": ("#0b5cad", "#7dbdf5"),
    "low": ("#dbe7f6", "#21334d"),
    "high": ("#f1e6d0", "#40341f"),
    "idle": ("#eceef1", "#242a33"),
    "hole": ("#b4bcc6", "#4a5462"),
    "link": ("#aeb7c2", "#465161"),
    # rights
    "rx": ("#c94f00", "#f08a45"), "rx-ink": ("#ffffff", "#1a0d02"),
    "rw": ("#0068a8", "#58aee6"), "rw-ink": ("#ffffff", "#04121d"),
    "ro": ("#e69f00", "#f2bd4b"), "ro-ink": ("#241900", "#241900"),
    "dev": ("#c66a9c", "#e095bf"), "dev-ink": ("#1f0714", "#1f0714"),
    # owners
    "free": ("#ffffff", "#1b2028"), "free-ink": ("#59626e", "#9ba6b4"),
    "fixed": ("#9499a6", "#79838f"), "fixed-ink": ("#0d1014", "#0b0d10"),
    "table": ("#117733", "#6d9e6d"), "table-ink": ("#ffffff", "#04140a"),
    "slab": ("#ddcc77", "#ddcc77"), "slab-ink": ("#262106", "#262106"),
    "vmalloc": ("#332288", "#a79cf0"), "vmalloc-ink": ("#ffffff", "#0d0830"),
    "user": ("#882255", "#da80b6"), "user-ink": ("#ffffff", "#24071a"),
    "cache": ("#3da674", "#3fd39a"), "cache-ink": ("#04201b", "#04201b"),
}

RIGHTS = {"rx": "executable", "ro": "read-only", "rw": "writable", "dev": "device"}
OWNERS = {"free": "free", "fixed": "fixed at boot", "table": "page tables", "slab": "slab, kmalloc",
          "vmalloc": "vmalloc, stacks", "user": "programs", "cache": "page cache"}
# How the kernel calls an owner, and the colour for it; whatever else there is was fixed at boot.
OWNER_COLOURS = {"free": "free", "table": "table", "slab": "slab", "kmalloc": "slab", "kernel": "slab",
                 "vmalloc": "vmalloc", "user": "user", "page cache": "cache"}


def owner_colour(owner):
    return OWNER_COLOURS.get(owner, "fixed")


def variables():
    """CSS variables for a page that follows what the reader prefers."""
    def block(theme):
        return "".join(f"  --{name}: {pair[theme]};\n" for name, pair in COLOURS.items())

    return (f":root {{\n  color-scheme: light dark;\n{block(0)}}}\n"
            f"@media (prefers-color-scheme: dark) {{\n:root {{\n{block(1)}}}\n}}\n")


def resolved(rules):
    """The rules with every var(--name) replaced, once for light and once for dark: for readers of SVG that know no
    variables."""
    def theme(number):
        return re.sub(r"var\(--([a-z-]+)\)", lambda found: COLOURS[found[1]][number], rules)

    return f"{theme(0)}\n@media (prefers-color-scheme: dark) {{\n{theme(1)}\n}}"
