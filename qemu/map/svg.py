# SPDX-License-Identifier: MIT
"""The picture: one moment of a model (model.py) as an SVG without scripts or fonts of its own. It says nothing that
changes with every build of the kernel, such as how long its text is: so a picture can be kept, and checked."""

from xml.sax.saxutils import escape

from palette import OWNERS, RIGHTS, owner_colour, resolved

WIDTH, HEIGHT = 1200, 1080
TOP = 118
ADDRESS, SPACE, ROWS, FRAMES, ZONES = 140, (150, 346), (426, 706), (866, 1056), 1070
WALK = 878
RULES = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: var(--ink) }
.title { font-size: 25px; font-weight: 650 }
.column { font-size: 14px; font-weight: 650 }
.small, .small tspan { font-size: 11.5px; fill: var(--muted) }
.mono { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, monospace; font-size: 11.5px }
.muted { fill: var(--muted) }
.name { font-weight: 600 }
.right { text-anchor: end } .middle { text-anchor: middle }
.paper { fill: var(--paper) }
.panel { fill: var(--panel); stroke: var(--line) }
.low { fill: var(--low) } .high { fill: var(--high) } .idle { fill: var(--idle) }
.hole { fill: url(#hatch) } .hatch { stroke: var(--hole); stroke-width: 1.5 } .hatched { fill: var(--paper) }
.edge { fill: none; stroke: var(--line) }
.link { fill: var(--link); opacity: .22 }
.bracket { fill: none; stroke: var(--muted) }
.arrow { fill: none; stroke: var(--muted); stroke-width: 1.5 }
""" + "".join(f".{name} {{ fill: var(--{name}) }} .{name}-ink {{ fill: var(--{name}-ink); font-weight: 600 }}\n"
              for name in (*RIGHTS, *OWNERS))


class Drawing:
    """The elements of an SVG, in order."""

    def __init__(self):
        self._lines = []

    def add(self, line):
        self._lines.append(line)

    def text(self, x, y, words, style):
        self.add(f'<text x="{x:g}" y="{y:g}" class="{style}">{escape(words)}</text>')

    def box(self, x, y, width, height, style, radius=0, title=None):
        inner = f"><title>{escape(title)}</title></rect>" if title else "/>"
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self.add(f'<rect {place} rx="{radius:g}" class="{style}"{inner}')

    def path(self, data, style):
        self.add(f'<path d="{data}" class="{style}"/>')

    def ribbon(self, start, end, style):
        """From (x, top, bottom) to (x, top, bottom), bent."""
        (x0, a0, b0), (x1, a1, b1) = start, end
        middle = (x0 + x1) / 2
        self.path(f"M{x0:g} {a0:g}C{middle:g} {a0:g} {middle:g} {a1:g} {x1:g} {a1:g}V{b1:g}"
                  f"C{middle:g} {b1:g} {middle:g} {b0:g} {x0:g} {b0:g}Z", style)

    def finish(self, width, height, label):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
                f'aria-label="{escape(label)}">\n<style>{resolved(RULES)}</style>\n'
                '<defs><pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" '
                'patternTransform="rotate(45)"><rect width="9" height="9" class="hatched"/>'
                '<path d="M0 0V9" class="hatch"/></pattern></defs>\n')
        return head + "\n".join(self._lines) + "\n</svg>\n"


def style_of(region):
    return {"user": "low", "kernel": "high"}.get(region["kind"], region["kind"])


def draw_space(drawing, regions):
    left, right = SPACE
    for region in regions:
        y, height = TOP + region["y"], region["height"]
        drawing.box(left, y, right - left, height, style_of(region), title=region["name"])
        drawing.text(ADDRESS, y + 11, region["first"], "mono muted right")
        if region["kind"] == "hole":
            drawing.box(left + 40, y + height / 2 - 20, right - left - 80, 40, "paper", 6)
            drawing.text((left + right) / 2, y + height / 2 - 2, region["title"], "name middle")
            drawing.text((left + right) / 2, y + height / 2 + 13, region["size"], "small middle")
        else:
            style = "small" if region["kind"] == "idle" else "name"
            drawing.text(left + 10, y + height / 2 + 4, region["title"], style)
            if 8 * len(region["title"]) + 7 * len(region["size"]) < right - left - 36:
                drawing.text(right - 10, y + height / 2 + 4, region["size"], "small right")
        drawing.path(f"M{left} {y:g}H{right}", "edge")
    bottom = TOP + regions[-1]["y"] + regions[-1]["height"]
    if regions[-1]["height"] > 23:
        drawing.text(ADDRESS, bottom, regions[-1]["last"], "mono muted right")
    drawing.box(left, TOP, right - left, bottom - TOP, "edge", 3)


def draw_links(drawing, regions, segments):
    """From each region to the rows of what is mapped in it."""
    for number, region in enumerate(regions):
        rows = [segment for segment in segments if segment["region"] == number]
        if rows:
            top, bottom = TOP + rows[0]["y"], TOP + rows[-1]["y"] + rows[-1]["height"]
            y = TOP + region["y"]
            drawing.ribbon((SPACE[1], y + 2, y + region["height"] - 2), (ROWS[0] - 4, top, bottom), style_of(region))


def leaves_text(leaves):
    return " ".join(size for size in ("1G", "2M", "4K") if size in leaves)


def draw_rows(drawing, segments):
    left, right = ROWS
    for segment in segments:
        y, height = TOP + segment["y"], segment["height"]
        middle = y + height / 2
        drawing.box(left, y, right - left, height, "panel", 4)
        drawing.box(left, y, 46, height, segment["rights"], 4)
        drawing.text(left + 23, middle + 4, segment["may"], f"mono middle {segment['rights']}-ink")
        drawing.text(left + 56, middle + 4.5, segment["name"], "name")
        drawing.text(right - 9, middle + 4.5, leaves_text(segment["leaves"]), "small right")


def draw_ribbons(drawing, segments):
    """From what is mapped to the frames behind it: wide ones first, so that narrow ones stay visible."""
    pairs = [(segment, target) for segment in segments for target in segment["targets"]]
    for segment, (y, height) in sorted(pairs, key=lambda pair: -pair[1][1]):
        top = TOP + segment["y"]
        drawing.add(f'<g opacity="{.14 if height > 200 else .34:g}">')
        drawing.ribbon((ROWS[1], top + 3, top + segment["height"] - 3), (FRAMES[0], TOP + y + 1, TOP + y + height - 1),
                       segment["rights"])
        drawing.add("</g>")


def draw_physical(drawing, physical):
    left, right = FRAMES
    for item in physical:
        for stripe in item["stripes"]:
            colour = owner_colour(stripe["owner"])
            y, height = TOP + stripe["y"], stripe["height"]
            drawing.box(left, y, right - left, height, colour)
            if height >= 13:
                drawing.text(left + 10, y + height / 2 + 4.5, stripe["owner"], f"{colour}-ink")
        drawing.box(left, TOP + item["y"], right - left, item["height"], "edge", 2)
    zones = list(dict.fromkeys(item["zone"] for item in physical))
    for zone in zones:
        items = [item for item in physical if item["zone"] == zone]
        top, bottom = TOP + items[0]["y"], TOP + items[-1]["y"] + items[-1]["height"]
        drawing.path(f"M{ZONES - 6} {top + 2:g}h6V{bottom - 2:g}h-6", "bracket")
        if zone == "device":
            drawing.text(ZONES + 10, (top + bottom) / 2 + 4, "devices", "name")
            continue
        if bottom - top > 56:
            drawing.text(ZONES + 10, top + 12, f"{int(items[0]['first'], 16):x}", "mono muted")
        drawing.text(ZONES + 10, (top + bottom) / 2 + 4, zone, "name")
        if zone == zones[-1]:
            drawing.text(ZONES + 10, bottom - 3, f"{int(items[-1]['last'], 16):x}", "mono muted")


def draw_legend(drawing, x, y, title, entries):
    drawing.text(x, y, title, "small")
    x += 58
    for colour, words in entries.items():
        drawing.box(x, y - 10, 13, 13, colour, 3)
        drawing.box(x, y - 10, 13, 13, "edge", 3)
        drawing.text(x + 19, y, words, "small")
        x += 34 + 6.4 * len(words)


def draw_walk(drawing, shown):
    """The bits of one address, and what each group of them finds."""
    drawing.text(24, WALK, "One walk", "column")
    drawing.text(104, WALK, f"{shown['va']}: {shown['what']}, level by level", "small")
    steps = shown["steps"]
    boxes = [(f"bits 63:{shown['bits']}", shown["top"], shown["root"], "chooses the root")]
    boxes += [(f"bits {step['high']}:{step['low']}", f"L{step['level']}[{step['index']}]", step["what"], step["note"])
              for step in steps]
    boxes.append((f"bits {steps[-1]['low'] - 1}:0", shown["offset"], "the byte in it", f"physical {shown['physical']}"))
    gap = 22
    width = (WIDTH - 48 - gap * (len(boxes) - 1)) / len(boxes)
    for number, (bits, value, what, note) in enumerate(boxes):
        x = 24 + number * (width + gap)
        drawing.box(x, WALK + 14, width, 92, "panel", 5)
        drawing.text(x + 12, WALK + 33, bits, "small")
        drawing.text(x + 12, WALK + 53, value, "mono name")
        drawing.text(x + 12, WALK + 74, what, "name")
        drawing.text(x + 12, WALK + 92, note, "small")
        if number:
            drawing.path(f"M{x - gap + 3:g} {WALK + 60}h{gap - 8}m-5 -4l5 4l-5 4", "arrow")


def draw(model, moment_id):
    moment = next(moment for moment in model["moments"] if moment["id"] == moment_id)
    regions, segments = model["regions"], moment["segments"]
    drawing = Drawing()
    drawing.box(0, 0, WIDTH, HEIGHT, "paper")
    drawing.text(24, 44, "All of a 64-bit address space, and the memory behind it", "title")
    drawing.text(24, 68, f"Meridian under layout {model['layout']}, {moment['title']}: {model['machine']}. "
                 "Read from the running machine; sizes by their logarithm.", "small")
    drawing.text(SPACE[0], TOP - 12, "Virtual addresses", "column")
    drawing.text(ROWS[0], TOP - 12, "What is mapped", "column")
    drawing.text(FRAMES[0], TOP - 12, "Physical memory", "column")
    drawing.text(ZONES + 10, TOP - 12, "Zones", "column")
    draw_links(drawing, regions, segments)
    draw_ribbons(drawing, segments)
    draw_space(drawing, regions)
    draw_rows(drawing, segments)
    draw_physical(drawing, moment["physical"])
    draw_walk(drawing, model["shown"])
    draw_legend(drawing, 24, HEIGHT - 50, "Mapped", RIGHTS)
    draw_legend(drawing, 24, HEIGHT - 24, "Frames", OWNERS)
    return drawing.finish(WIDTH, HEIGHT, f"Virtual and physical memory of Meridian under layout {model['layout']}")
