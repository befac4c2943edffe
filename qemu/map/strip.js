// SPDX-License-Identifier: MIT
// The address space to scale, through a window that reaches from all of it down to one page. The window is two BigInts,
// exact at every size; D3's zoom behaviour only says how a gesture changes it, relative to what it was before.
"use strict";

const STRIP_HEIGHT = 520;
const STRIP_LEFT = 122;  // where addresses end
const LEAST = 4096n;
const THIN = 4;  // pixels: below that, entries are drawn together

/** A BigInt times a number. */
function times(value, factor) {
  return value * BigInt(Math.round(factor * 2 ** 40)) >> 40n;
}

class Strip {
  /** `walk(va)` walks an address that a person chose here; `moved(words)` is told what the window shows. */
  constructor(svg, walk, moved) {
    this.svg = d3.select(svg);
    this.walk = walk;
    this.moved = moved;
    this.window = {start: 0n, size: SPACE_END};
    this.marked = null;
    this.before = d3.zoomIdentity;
    const pointer = () => d3.mouse(this.svg.node())[1];
    this.svg.call(d3.zoom().on("zoom", () => this.gesture(d3.event.transform)).on("end", () => this.gestureEnds()))
        .on("dblclick.zoom", null)
        .on("click", () => this.walk(this.addressAt(pointer())))
        .on("keydown", () => this.key(d3.event))
        .on("mousemove", () => showTip(this.tipAt(pointer()), d3.event))
        .on("mouseleave", hideTip);
  }

  set(space) {
    this.space = space;
    this.draw();
  }

  mark(va) {
    this.marked = va;
    this.draw();
  }

  // ---- The window ----

  move(start, size) {
    size = size < LEAST ? LEAST : size > SPACE_END ? SPACE_END : size;
    start = start < 0n ? 0n : start > SPACE_END - size ? SPACE_END - size : start;
    this.window = {start, size};
    this.draw();
  }

  /** Zooms around a height of the drawing. */
  scale(factor, y = STRIP_HEIGHT / 2) {
    const {start, size} = this.window;
    let next = times(size, 1 / factor);
    next = next < LEAST ? LEAST : next > SPACE_END ? SPACE_END : next;
    this.move(start + times(size - next, y / STRIP_HEIGHT), next);
  }

  pan(part) {
    this.move(this.window.start + times(this.window.size, part), this.window.size);
  }

  /** Goes there in one smooth movement, which keeps its eye on where it goes. */
  go(start, size) {
    const margin = size / 16n;
    const from = this.window, to = {start: start - margin, size: size + 2n * margin};
    if (document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return this.move(to.start, to.size);
    const steps = Math.log(Number(to.size) / Number(from.size));
    this.svg.transition().duration(650).tween("window", () => (t) => {
      if (t === 1) return this.move(to.start, to.size);
      const done = Math.abs(steps) < .01 ? t : (1 - Math.exp(steps * t)) / (1 - Math.exp(steps));
      this.move(from.start + times(to.start - from.start, done), times(from.size, Math.exp(steps * t)));
    });
  }

  gesture(now) {
    const factor = now.k / this.before.k;
    const shift = now.y - this.before.y * factor;
    this.before = now;
    if (Math.abs(factor - 1) < 1e-9) this.pan(-shift / STRIP_HEIGHT);
    else this.scale(factor, shift / (1 - factor));
  }

  /** The next gesture starts afresh, so that its numbers stay small however deep the window is. */
  gestureEnds() {
    this.before = this.svg.node().__zoom = d3.zoomIdentity;
  }

  key(event) {
    const larger = () => this.scale(2), smaller = () => this.scale(.5);
    const keys = {"+": larger, "=": larger, "-": smaller, "_": smaller,
                  ArrowUp: () => this.pan(-.1), ArrowDown: () => this.pan(.1),
                  PageUp: () => this.pan(-.9), PageDown: () => this.pan(.9), Home: () => this.move(0n, SPACE_END),
                  Enter: () => this.walk(this.addressAt(STRIP_HEIGHT / 2))};
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  visible(start, end) {
    return start < this.window.start + this.window.size && end > this.window.start;
  }

  // ---- Addresses and heights ----

  addressAt(y) {
    const va = this.window.start + times(this.window.size, Math.max(0, y) / STRIP_HEIGHT);
    return va < SPACE_END ? va : SPACE_END - 1n;
  }

  y(va) {
    return Number(va - this.window.start) / Number(this.window.size) * STRIP_HEIGHT;
  }

  /** What is visible of start to end, as attributes; at least a hairline. */
  extent(start, end) {
    const top = Math.max(0, this.y(start)), bottom = Math.min(STRIP_HEIGHT, this.y(end));
    return {y: top, height: Math.max(1.5, bottom - top)};
  }

  // ---- Drawing ----

  draw() {
    if (!this.space) return;
    this.width = innerWidthOf(this.svg.node().parentNode);
    this.svg.attr("viewBox", `0 0 ${this.width} ${STRIP_HEIGHT}`).attr("height", STRIP_HEIGHT);
    this.svg.selectAll("*").remove();
    addHatch(this.svg, "strip-hatch");
    const regions = this.space.regions.filter(({start, end}) => this.visible(start, end));
    this.drawRegions(regions);
    this.drawGrid();
    this.drawEntries();
    this.drawLabels(regions);
    if (this.marked !== null && this.visible(this.marked, this.marked + 1n)) {
      const y = this.y(this.marked);
      add(this.svg, "line", {class: "marker", x1: STRIP_LEFT, x2: this.width, y1: y, y2: y});
    }
    const {start, size} = this.window;
    this.moved(`${hex(start, 16)}–${hex(start + size - 1n, 16)}: ${sizeText(size)} of ${this.namesOf(regions, 3)}`);
  }

  namesOf(regions, most) {
    return regions.length > most ? plural(regions.length, "region") : regions.map(({title}) => title).join(", ");
  }

  drawRegions(regions) {
    for (const {start, end, kind} of regions)
      add(this.svg, "rect", {class: kind, x: STRIP_LEFT, width: this.width - STRIP_LEFT, ...this.extent(start, end),
                             style: kind === "hole" ? "fill: url(#strip-hatch)" : null});
  }

  /** Each region's name; those that are too thin for one are named together, beside the next that is not. */
  drawLabels(regions) {
    let thin = [];
    const thinText = () => {
      const size = thin[thin.length - 1].end - thin[0].start;
      return `${this.namesOf(thin, 2)}: a line, ${sizeText(size)}`;
    };
    for (const region of regions) {
      const {y, height} = this.extent(region.start, region.end);
      if (height < 40) {
        thin.push(region);
        continue;
      }
      this.drawLabel(`${region.title}, ${sizeText(region.end - region.start)}`, y + 20);
      if (thin.length) this.drawLabel(thinText(), y + 42);
      thin = [];
    }
    if (thin.length) this.drawLabel(thinText(), STRIP_HEIGHT - 12);
  }

  drawLabel(words, y) {
    const text = add(this.svg, "text", {class: "small end", x: this.width - 14, y,
                                        text: fitted(words, (this.width - STRIP_LEFT) * .4, 11.5, 400)}).node();
    const box = text.getBBox();
    this.svg.insert("rect", () => text).attr("class", "plate").attr("rx", 4).attr("x", box.x - 6).attr("y", box.y - 2)
        .attr("width", box.width + 12).attr("height", box.height + 4);
  }

  /** Lines at round addresses, not too many of them. */
  drawGrid() {
    const {start, size} = this.window;
    let step = 1n;
    while (size / step > 14n) step *= 2n;
    for (let va = (start + step - 1n) / step * step; va < start + size; va += step) {
      const y = this.y(va);
      add(this.svg, "line", {class: "grid", x1: STRIP_LEFT - 6, x2: this.width, y1: y, y2: y});
      add(this.svg, "text", {class: "address end", x: STRIP_LEFT - 8, text: hex(va, 16),
                             y: Math.min(STRIP_HEIGHT - 4, Math.max(11, y + 4))});
    }
  }

  /** Entries, as they are drawn: those too thin to be seen are one with their neighbours of the same colour. */
  visibleEntries() {
    const {start, size} = this.window;
    const found = [];
    for (const entry of this.space.entries(start, start + size, size / BigInt(STRIP_HEIGHT))) {
      const colour = entry.word.rights ?? "muted", last = found[found.length - 1];
      const thin = entry.span * BigInt(STRIP_HEIGHT) < BigInt(THIN) * size;
      if (thin && last?.thin && last.colour === colour && last.end === entry.va) last.end += entry.span;
      else found.push({start: entry.va, end: entry.va + entry.span, colour, thin, entry});
    }
    return found;
  }

  drawEntries() {
    const x = STRIP_LEFT + 1, width = Math.max(60, (this.width - STRIP_LEFT) * .56);
    for (const drawn of this.visibleEntries()) {
      const extent = this.extent(drawn.start, drawn.end);
      add(this.svg, "rect", {class: drawn.thin ? "leaf" : "leaf cell", x, width, ...extent, style: fill(drawn.colour)});
      if (extent.height < 16) continue;
      const lines = [this.shortText(drawn)];
      if (extent.height > 60 && !drawn.thin && drawn.entry.word.text) lines.push(drawn.entry.word.text);
      const ink = fill(drawn.colour === "muted" ? "paper" : `${drawn.colour}-ink`);
      lines.forEach((words, number) => {
        const weight = number ? 400 : 600;
        add(this.svg, "text", {x: x + 10, y: middleOf(extent) + 19 * (number - (lines.length - 1) / 2),
                               style: `${ink}; font-weight: ${weight}`, text: fitted(words, width - 20, 13, weight)});
      });
    }
  }

  shortText({start, end, thin, entry: {word, level, index, span, raw}}) {
    const rights = word.kind === "leaf" ? (word.user ? word.el0 : word.el1) : "";
    if (thin) return `${(end - start) / span} × ${word.what} ${rights}`;
    return `L${level}[${index}] ${word.what} ${hex(raw & OUTPUT)} ${rights}`;
  }

  /** What is at a height, in words. */
  tipAt(y) {
    const va = this.addressAt(y), region = this.space.regionOf(va);
    const near = times(this.window.size, 2 / STRIP_HEIGHT) + 1n;
    const found = this.visibleEntries().find(({start, end}) => start - near <= va && va < end + near);
    if (!found) {
      const why = region.kind === "hole" ? "no table is read: the top bits alone make it invalid"
                                         : "nothing is mapped here";
      return {title: region.title, lines: [address(va), why]};
    }
    const {start, end, entry} = found, output = hex(entry.raw & OUTPUT);
    const count = (end - start) / entry.span;
    const where = count > 1n ? `${count} entries of L${entry.level}, from ${output} on`
                             : `L${entry.level}[${entry.index}] ${hex(entry.raw, 16)} → ${output}`;
    return {title: `${region.title}: ${entry.word.what}`,
            lines: [`${hex(start, 16)}–${hex(end - 1n, 16)}`, where, entry.word.text]};
  }
}
