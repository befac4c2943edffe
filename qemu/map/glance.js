// SPDX-License-Identifier: MIT
// The whole space at a glance: regions, what is mapped in them, physical memory, and ribbons from one to the other.
// Where things stand from top to bottom comes with the data; this decides only what stands beside what.
"use strict";

const GLANCE_TOP = 30;
const WIDE_RIBBON = 200;  // from this height on it would hide what is behind it
const BASELINE = 4.5;  // from the middle of a line of text

/** Columns for a drawing of so many pixels. Where it is narrow, addresses and zones are left to the tips. */
function columnsFor(width) {
  const wide = width >= 700;
  const address = wide ? 130 : 0, zones = wide ? 96 : 0;
  const inner = width - address - zones;
  const part = (share, least, most) => Math.max(least, Math.min(most, inner * share));
  const space = part(.23, 78, 230), rows = part(.36, 112, 340), frames = part(.19, 74, 230);
  const gap = (inner - space - rows - frames) / 3;
  const rowsAt = address + space + gap, framesAt = rowsAt + rows + 2 * gap;
  return {wide, size: wide ? 13 : 11, space: [address, address + space], rows: [rowsAt, rowsAt + rows],
          frames: [framesAt, framesAt + frames], zones: framesAt + frames};
}

/** A band from (x, top, bottom) to (x, top, bottom). */
function ribbon([x0, top0, bottom0], [x1, top1, bottom1]) {
  const middle = (x0 + x1) / 2;
  return `M${x0} ${top0}C${middle} ${top0} ${middle} ${top1} ${x1} ${top1}V${bottom1}` +
         `C${middle} ${bottom1} ${middle} ${bottom0} ${x0} ${bottom0}Z`;
}

const plural = (count, noun, nouns = noun + "s") => `${count} ${count === 1 ? noun : nouns}`;
const leafSizes = (leaves) => ["1G", "2M", "4K"].filter((size) => size in leaves);
const leavesText = (leaves) => leafSizes(leaves).map((size) => `${leaves[size]} × ${size}`).join(", ");
const middleOf = ({y, height}) => y + height / 2 + BASELINE;
const fill = (name) => `fill: var(--${name})`;

function segmentTip(segment) {
  const frames = segment.frames.slice(0, 4).map(([first, last]) => `${first}–${last}`).join(", ");
  const more = segment.frames.length > 4 ? `, and ${segment.frames.length - 4} more runs` : "";
  return {title: segment.name, lines: [
    `${segment.first}–${segment.last}`, `${segment.bytes}: ${leavesText(segment.leaves)}`, segment.text,
    `frames ${frames}${more}`, segment.caller && `made by ${segment.caller}`]};
}

function regionTip(region) {
  return {title: region.name, lines: [`${region.first}–${region.last}`, region.size]};
}

function stripeTip({item, stripe}) {
  const zone = item.zone === "device" ? "device registers" : `zone ${item.zone}`;
  const free = item.free && stripe.owner !== "free" ? `; ${plural(item.free, "frame")} between them free` : "";
  return {title: stripe.owner, lines: [
    `${item.first}–${item.last}, ${zone}`, `${plural(stripe.frames, "frame")} here${free}`]};
}

class Glance {
  /** `go(start, size)` takes a person to these addresses. */
  constructor(svg, go) {
    this.svg = d3.select(svg);
    this.go = go;
  }

  /** Draws a moment, `stretch` times as high as the data says. `marks` says of a segment whether it is "new" or "gone",
   *  `colours` in which colour an owner is drawn. */
  draw(space, stretch, colours, marks) {
    const width = innerWidthOf(this.svg.node().parentNode);
    this.columns = columnsFor(width);
    this.stretch = stretch;
    this.height = space.model.height * stretch;
    const height = this.height + GLANCE_TOP + 6;
    this.svg.attr("viewBox", `0 0 ${width} ${height}`).attr("height", height).classed("narrow", !this.columns.wide);
    this.svg.selectAll("*").remove();
    addHatch(this.svg, "hatch");
    this.plot = add(this.svg, "g", {transform: `translate(0 ${GLANCE_TOP})`});
    const {regions, segments, physical} = this.stretched(space);
    this.drawHeads();
    this.drawLinks(regions, segments);
    this.drawRibbons(segments);
    this.drawSpace(regions);
    this.drawRows(segments, marks);
    this.drawPhysical(physical, colours);
    if (this.columns.wide) this.drawZones(physical);
  }

  /** The things of a moment, with their heights stretched. */
  stretched({regions, moment}) {
    const one = (thing) => ({...thing, y: thing.y * this.stretch, height: thing.height * this.stretch});
    const segment = (thing) => ({...one(thing),
                                 targets: thing.targets.map((target) => target.map((place) => place * this.stretch))});
    return {regions: regions.map(one), segments: moment.segments.map(segment),
            physical: moment.physical.map((item) => ({...one(item), stripes: item.stripes.map(one)}))};
  }

  drawHeads() {
    const {space, rows, frames, zones, wide} = this.columns;
    const places = [space[0], rows[0], frames[0], zones + 19];
    const heads = wide ? ["Virtual addresses", "What is mapped", "Physical memory", "Zones"]
                       : ["Virtual", "Mapped", "Physical"];
    heads.forEach((text, number) => add(this.svg, "text", {class: "column", x: places[number], y: 16, text}));
  }

  /** From each region to the rows of what is mapped in it. */
  drawLinks(regions, segments) {
    regions.forEach((region, number) => {
      const rows = segments.filter((segment) => segment.region === number), last = rows[rows.length - 1];
      if (!last) return;
      const from = [this.columns.space[1], region.y + 2, region.y + region.height - 2];
      const to = [this.columns.rows[0] - 3, rows[0].y, last.y + last.height];
      add(this.plot, "path", {class: region.kind, d: ribbon(from, to)});
    });
  }

  /** From what is mapped to the frames behind it: wide ones first, so that narrow ones stay visible. */
  drawRibbons(segments) {
    const pairs = segments.flatMap((segment) => segment.targets.map(([y, height]) => ({segment, y, height})));
    pairs.sort((a, b) => b.height - a.height);
    add(this.plot.selectAll("path.ribbon").data(pairs).enter(), "path", {
      class: ({height}) => height > WIDE_RIBBON * this.stretch ? "ribbon wide" : "ribbon",
      style: ({segment}) => fill(segment.rights),
      d: ({segment, y, height}) => ribbon([this.columns.rows[1], segment.y + 3, segment.y + segment.height - 3],
                                          [this.columns.frames[0], y + 1, y + height - 1])});
  }

  /** Groups that say what they are, light their ribbons (those for which `lights` is true), and take a person to the
   *  addresses that `place` gives. */
  groupsOf(kind, data, tipOf, lights, place) {
    const groups = add(this.plot.selectAll(`g.${kind}`).data(data).enter(), "g", {
      class: kind, role: place ? "button" : "img"});
    const light = (test) => {
      this.plot.classed("dim", test !== null).selectAll("path.ribbon").classed("lit", test ?? false);
    };
    tells(groups, tipOf)
        .on("mouseenter.light focus.light", (datum) => light((pair) => lights(datum, pair)))
        .on("mouseleave.light blur.light", () => light(null));
    if (place)
      groups.on("click", (datum) => this.go(...place(datum))).on("keydown", (datum) => {
        if (d3.event.key !== "Enter" && d3.event.key !== " ") return;
        d3.event.preventDefault();
        this.go(...place(datum));
      });
    return groups;
  }

  drawSpace(regions) {
    const {space: [left, right], wide, size} = this.columns, width = right - left;
    const inset = (region) => region.kind === "hole" ? 20 : 9;
    const room = (region) => width - 2 * inset(region);
    const groups = this.groupsOf("region", regions, regionTip,
                                 (region, pair) => regions[pair.segment.region] === region,
                                 (region) => [region.start, region.end - region.start]);
    add(groups, "rect", {class: ({kind}) => `band ${kind}`, x: left, width, y: ({y}) => y,
                         height: ({height}) => height});
    add(groups.filter(({kind}) => kind === "hole"), "rect", {
      class: "plate", rx: 5, x: left + 12, width: width - 24, y: (region) => middleOf(region) - 18, height: 28});
    add(groups, "text", {class: ({kind}) => kind === "idle" ? "small" : "name", x: (region) => left + inset(region),
                         y: middleOf, text: (region) => fitted(region.title, room(region), size)});
    add(groups, "path", {class: "edge", d: ({y}) => `M${left} ${y}H${right}`});
    add(this.plot, "rect", {class: "edge", x: left, width, height: this.height});
    if (wide) this.drawSizesAndAddresses(groups, regions, left, (region) => right - inset(region), room);
  }

  drawSizesAndAddresses(groups, regions, left, end, room) {
    const sizeIfItFits = (region) => {
      const both = `${region.title}   ${region.size}`;
      return fitted(both, room(region)) === both ? region.size : "";
    };
    add(groups, "text", {class: "small end", x: end, y: middleOf, text: sizeIfItFits});
    add(groups, "text", {class: "address end", x: left - 8, y: ({y}) => y + 10, text: ({first}) => first});
    const last = regions[regions.length - 1];
    if (last.height > 23)
      add(this.plot, "text", {class: "address end", x: left - 8, y: this.height, text: last.last});
  }

  drawRows(segments, marks) {
    const {rows: [left, right], wide, size} = this.columns, chip = wide ? 44 : 30;
    const groups = this.groupsOf("row", segments, segmentTip, (segment, pair) => pair.segment === segment,
                                 ({first, last}) => [big(first), big(last) + 1n - big(first)]);
    groups.attr("class", (segment) => `row ${marks(segment)}`);
    const place = {rx: 4, x: left, y: ({y}) => y, height: ({height}) => height};
    add(groups, "rect", {...place, class: "back", width: right - left});
    add(groups, "rect", {...place, width: chip, style: ({rights}) => fill(rights)});
    add(groups, "text", {class: "address middle", x: left + chip / 2, y: middleOf, text: ({may}) => may,
                         style: ({rights}) => `${fill(`${rights}-ink`)}; font-weight: 600`});
    const sizes = ({leaves}) => wide && leafSizes(leaves).join(" ") !== "4K" ? leafSizes(leaves).join(" ") : "";
    const name = (segment) => {
      const note = {new: " (new)", gone: " (goes)"}[wide && marks(segment)] ?? "";
      return fitted(segment.name + note, right - left - chip - 16 - 8 * sizes(segment).length, size);
    };
    add(groups, "text", {class: "name", x: left + chip + 8, y: middleOf, text: name});
    add(groups, "text", {class: "small end", x: right - 8, y: middleOf, text: sizes});
  }

  drawPhysical(items, colours) {
    const {frames: [left, right], size} = this.columns, width = right - left;
    const stripes = items.flatMap((item) => item.stripes.map((stripe) => (
        {item, stripe, colour: colours[stripe.owner] ?? "fixed"})));
    const groups = this.groupsOf("item", stripes, stripeTip, ({stripe}, pair) =>
        pair.y < stripe.y + stripe.height - 1 && stripe.y < pair.y + pair.height - 1);
    add(groups, "rect", {class: "frame", x: left, width, y: ({stripe}) => stripe.y, height: ({stripe}) => stripe.height,
                         style: ({colour}) => fill(colour)});
    add(groups.filter(({stripe}) => stripe.height >= 13), "text", {
      x: left + 8, y: ({stripe}) => middleOf(stripe), style: ({colour}) => fill(`${colour}-ink`),
      text: ({stripe}) => fitted(stripe.owner, width - 12, size, 400)});
    add(this.plot.selectAll("rect.whole").data(items).enter(), "rect", {
      class: "edge", rx: 2, x: left, width, y: ({y}) => y, height: ({height}) => height});
  }

  drawZones(items) {
    const x = this.columns.zones + 6;
    for (const {key, values} of d3.nest().key(({zone}) => zone).entries(items)) {
      const last = values[values.length - 1], top = values[0].y, bottom = last.y + last.height;
      add(this.plot, "path", {class: "bracket", d: `M${x} ${top + 2}h5V${bottom - 2}h-5`});
      add(this.plot, "text", {class: "name", x: x + 13, y: (top + bottom) / 2 + BASELINE,
                              text: key === "device" ? "devices" : key});
      if (bottom - top > 56) add(this.plot, "text", {class: "address", x: x + 13, y: top + 12, text: values[0].first});
    }
  }
}
