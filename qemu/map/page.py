# SPDX-License-Identifier: MIT
"""The pages: each its own words, models of recordings, our scripts and D3, made one file that needs nothing else."""

import json
import os

import palette

HERE = os.path.dirname(os.path.abspath(__file__))
D3 = "/usr/share/nodejs/d3/dist/d3.min.js"  # Debian's node-d3; BSD 3-clause, its notice is the file's first line
SHOWN = "program"  # the action that a reader sees first


def text_of(path):
    with open(os.path.join(HERE, path), encoding="utf-8") as file:
        return file.read()


def embedded(value):
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def colours(models):
    """{owner: the colour for it}, of all owners of all moments."""
    owners = {stripe["owner"] for model in models for moment in model["moments"] for item in moment["physical"]
              for stripe in item["stripes"]}
    return {owner: palette.owner_colour(owner) for owner in sorted(owners)}


def filled(title, body, scripts, data):
    parts = {"@TITLE@": title, "@BODY@": text_of(body), "@PALETTE@": palette.variables(),
             "@CSS@": text_of("page.css"), "@D3@": text_of(D3),
             "@JS@": "\n".join(text_of(script) for script in scripts), "@DATA@": embedded(data)}
    html = text_of("page.html")
    for name, text in parts.items():
        html = html.replace(name, text, 1)
    return html


def page(models):
    return filled("Meridian: the address space, live", "map.html", ("draw.js", "space.js", "glance.js", "strip.js", "page.js"), {
        "models": models, "colours": colours(models), "shown": SHOWN,
        "legend": [{"title": "Mapped", "entries": palette.RIGHTS}, {"title": "Frames", "entries": palette.OWNERS}]})


def compare_page(data):
    return filled("Meridian: address spaces side by side", "compare.html", ("draw.js", "compare.js"), data)
