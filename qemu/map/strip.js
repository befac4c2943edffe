// SPDX-License-Identifier: MIT
// The address space to scale, through a window that reaches from all of it down to one page. The window is two BigInts,
// exact at every size; D3's zoom behaviour only says how a gesture changes it, relative to what it was before.
"use strict";

const STRIP_HEIGHT = 520;
const LEAST = 4096n;

/** A BigInt times a number. */
function times(value, factor) {
  return value * BigInt(Math.round(factor * 2 ** 40)) >> 40n;
}

class Strip {
  /** `actions` has show(tip, event), hide(), walk(va) and moved(window, text). */
  constructor(svg, actions) {
    this.svg = d3.select(svg);
    this.actions = actions;
    this.window = {start: 0n, size: SPACE_END};
    this.marked = null;
    this.before = d3.zoomIdentity;
    const zoom = d3.zoom().on("zoom", () => this.gesture(d3.event.transform)).on("end", () => this.gestureEnds());
    this.svg.call(zoom).on("dblclick.zoom", null)
        .on("click", () => this.actions.walk(this.addressAt(d3.mouse(this.svg.node())[1])))
        .on("keydown", () => this.key(d3.event))
        .on("mousemove", () => this.point(d3.mouse(this.svg.node())[1], d3.event)).on("mouseleave", () => this.actions.hide());
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
    const to = {start: start - margin, size: size + 2n * margin};
    const from = this.window;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (calm || document.hidden) return this.move(to.start, to.size);
    const steps = Math.log(Number(to.size < LEAST ? LEAST : to.size) / Number(from.size));
    this.svg.transition().duration(650).tween("window", () => (t) => {
      if (t === 1) return this.move(to.start, to.size);
      const size = times(from.size, Math.exp(steps * t));
      const done = Math.abs(steps) < .01 ? t : (1 - Math.exp(steps * t)) / (1 - Math.exp(steps));
      this.move(from.start + times(to.start - from.start, done), size);
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
    const keys = {"+": () => this.scale(2), "=": () => this.scale(2), "-": () => this.scale(.5), "_": () => this.scale(.5),
      ArrowUp: () => this.pan(-.1), ArrowDown: () => this.pan(.1), PageUp: () => this.pan(-.9), PageDown: () => this.pan(.9),
      Home: () => this.move(0n, SPACE_END), Enter: () => this.actions.walk(this.addressAt(STRIP_HEIGHT / 2))};
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  // ---- Addresses and heights ----

  addressAt(y) {
    const va = this.window.start + times(this.window.size, Math.max(0, y) / STRIP_HEIGHT);
    return va < SPACE_END ? va : SPACE_END - 1n;
  }

  y(va) {
    return Number(va - this.window.start) / Number(this.window.size) * STRIP_HEIGHT;
  }

  /** [top, height] of what is visible of start to end; at least a hairline. */
  extent(start, end) {
    const top = Math.max(0, this.y(start)), bottom = Math.min(STRIP_HEIGHT, this.y(end));
    return [top, Math.max(1.5, bottom - top)];
  }

  // ---- Drawing ----

  draw() {
    if (!this.space) return;
    this.width = innerWidthOf(this.svg.node().parentNode);
    this.left = 122;
    this.svg.attr("viewBox", `0 0 ${this.width} ${STRIP_HEIGHT}`).attr("height", STRIP_HEIGHT);
    this.svg.selectAll("*").remove();
    addHatch(this.svg, "strip-hatch");
    this.drawRegions();
    this.drawGrid();
    this.drawEntries();
    if (this.marked !== null && this.visible(this.marked, this.marked + 1n))
      this.svg.append("line").attr("class", "marker").attr("x1", this.left).attr("x2", this.width)
          .attr("y1", this.y(this.marked)).attr("y2", this.y(this.marked));
    const {start, size} = this.window;
    const regions = this.space.regions.filter((region) => this.visible(region.start, region.end)).map((region) => region.title);
    const names = regions.length > 3 ? plural(regions.length, "region") : regions.join(", ");
    this.actions.moved(this.window, `${hex(start, 16)}–${hex(start + size - 1n, 16)}: ${sizeText(size)} of ${names}`);
  }

  visible(start, end) {
    return start < this.window.start + this.window.size && end > this.window.start;
  }

  drawRegions() {
    let thin = [];
    for (const region of this.space.regions.filter(({start, end}) => this.visible(start, end))) {
      const [top, height] = this.extent(region.start, region.end);
      this.svg.append("rect").attr("class", region.kind).style("fill", region.kind === "hole" ? "url(#strip-hatch)" : null)
          .attr("x", this.left).attr("width", this.width - this.left).attr("y", top).attr("height", height);
      if (height < 40) {
        thin.push(region);
        continue;
      }
      this.drawLabel(`${region.title}, ${sizeText(region.end - region.start)}`, top + 20);
      if (thin.length) this.drawLabel(this.thinText(thin), top + 42);
      thin = [];
    }
    if (thin.length) this.drawLabel(this.thinText(thin), STRIP_HEIGHT - 12);
  }

  /** Regions that are too thin for words of their own. */
  thinText(regions) {
    const size = regions[regions.length - 1].end - regions[0].start;
    return `${regions.length > 2 ? plural(regions.length, "region") : regions.map(({title}) => title).join(", ")}: a line, ${sizeText(size)}`;
  }

  drawLabel(words, y) {
    const text = this.svg.append("text").attr("class", "small end").attr("x", this.width - 14).attr("y", y)
        .text(fitted(words, (this.width - this.left) * .4, 11.5, 400));
    const box = text.node().getBBox();
    this.svg.insert("rect", () => text.node()).attr("class", "plate").attr("rx", 4).attr("x", box.x - 6).attr("width", box.width + 12)
        .attr("y", box.y - 2).attr("height", box.height + 4);
  }

  /** Lines at round addresses, not too many of them. */
  drawGrid() {
    const {start, size} = this.window;
    let step = 1n;
    while (size / step > 14n) step *= 2n;
    for (let va = (start + step - 1n) / step * step; va < start + size; va += step) {
      const y = this.y(va);
      this.svg.append("line").attr("class", "grid").attr("x1", this.left - 6).attr("x2", this.width).attr("y1", y).attr("y2", y);
      this.svg.append("text").attr("class", "address end").attr("x", this.left - 8)
          .attr("y", Math.min(STRIP_HEIGHT - 4, Math.max(11, y + 4))).text(hex(va, 16));
    }
  }

  /** Entries that are too thin to be seen are drawn as one with their neighbours of the same colour. */
  visibleEntries() {
    const {start, size} = this.window;
    const found = [];
    for (const entry of this.space.entries(start, start + size, size / BigInt(STRIP_HEIGHT))) {
      const colour = entry.word.rights ?? "below", last = found[found.length - 1];
      const thin = entry.span * BigInt(STRIP_HEIGHT) < 4n * size;
      if (last && thin && last.thin && last.colour === colour && last.end === entry.va) last.end += entry.span;
      else found.push({start: entry.va, end: entry.va + entry.span, colour, thin, entry});
    }
    return found;
  }

  drawEntries() {
    const x = this.left + 1, width = Math.max(60, (this.width - this.left) * .56);
    for (const drawn of this.visibleEntries()) {
      const [top, height] = this.extent(drawn.start, drawn.end);
      this.svg.append("rect").attr("class", drawn.thin ? "leaf" : "leaf cell").attr("x", x).attr("width", width).attr("y", top)
          .attr("height", height).style("fill", drawn.colour === "below" ? "var(--muted)" : `var(--${drawn.colour})`);
      if (height < 16) continue;
      const lines = height > 60 && !drawn.thin && drawn.entry.word.text ? [this.shortText(drawn), drawn.entry.word.text] : [this.shortText(drawn)];
      const ink = `var(--${drawn.colour === "below" ? "paper" : drawn.colour + "-ink"})`;
      lines.forEach((words, number) => this.svg.append("text").style("fill", ink).style("font-weight", number ? 400 : 600)
          .attr("x", x + 10).attr("y", top + height / 2 + 4.5 + 19 * (number - (lines.length - 1) / 2))
          .text(fitted(words, width - 20, 13, number ? 400 : 600)));
    }
  }

  shortText({start, end, thin, entry: {word, level, index, span, raw}}) {
    const rights = word.kind === "leaf" ? (word.user ? word.el0 : word.el1) : "";
    if (thin) return `${plural(Number((end - start) / span), word.what)} ${rights}`;
    return `L${level}[${index}] ${word.what} ${hex(raw & OUTPUT)} ${rights}`;
  }

  /** What is under the pointer, in words. */
  point(y, event) {
    const va = this.addressAt(y), region = this.space.regionOf(va);
    const pixel = times(this.window.size, 2 / STRIP_HEIGHT) + 1n;
    const near = this.visibleEntries().find(({start, end}) => start - pixel <= va && va < end + pixel);
    if (!near) return this.actions.show({title: region.title, lines: [address(va), region.kind === "hole"
      ? "no table is read: the top bits alone make it invalid" : "nothing is mapped here"]}, event);
    const {entry} = near, output = hex(entry.raw & OUTPUT);
    const many = near.thin && near.end - near.start > entry.span;
    this.actions.show({title: `${region.title}: ${entry.word.what}${many ? "s" : ""}`, lines: [
      `${hex(near.start, 16)}–${hex(near.end - 1n, 16)}`,
      many ? `${(near.end - near.start) / entry.span} entries of L${entry.level}, from ${output} on`
           : `L${entry.level}[${entry.index}] ${hex(entry.raw, 16)} → ${output}`, entry.word.text]}, event);
  }
}
