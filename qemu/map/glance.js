// SPDX-License-Identifier: MIT
// The whole space at a glance: regions, what is mapped in them, physical memory, and ribbons from one to the other.
// Where things stand from top to bottom comes with the data; this decides only what stands beside what.
"use strict";

const GLANCE_TOP = 30;

/** Columns for a drawing of so many pixels. Where it is narrow, addresses and zones are left to the tips. */
function columnsFor(width) {
  const wide = width >= 700;
  const address = wide ? 130 : 0, zones = wide ? 96 : 0;
  const inner = width - address - zones;
  const part = (share, least, most) => Math.max(least, Math.min(most, inner * share));
  const space = part(.23, 78, 230), rows = part(.36, 112, 340), frames = part(.19, 74, 230);
  const gap = (inner - space - rows - frames) / 3;
  const rowsAt = address + space + gap, framesAt = rowsAt + rows + 2 * gap;
  return {wide, space: [address, address + space], rows: [rowsAt, rowsAt + rows], frames: [framesAt, framesAt + frames],
          zones: framesAt + frames};
}

function ribbon([x0, top0, bottom0], [x1, top1, bottom1]) {
  const middle = (x0 + x1) / 2;
  return `M${x0} ${top0}C${middle} ${top0} ${middle} ${top1} ${x1} ${top1}V${bottom1}` +
         `C${middle} ${bottom1} ${middle} ${bottom0} ${x0} ${bottom0}Z`;
}

const plural = (count, noun, nouns = noun + "s") => `${count} ${count === 1 ? noun : nouns}`;
const leavesText = (leaves) => Object.entries(leaves).map(([size, count]) =>
    plural(count, size === "4K" ? "page" : `${size} block`)).join(", ");

function segmentTip(segment) {
  const frames = segment.frames.slice(0, 4).map(([first, last]) => `${first}–${last}`).join(", ");
  const more = segment.frames.length > 4 ? `, and ${segment.frames.length - 4} more runs` : "";
  return {title: segment.name, lines: [`${segment.first}–${segment.last}`,
    `${segment.bytes}: ${leavesText(segment.leaves)}`, segment.text, `frames ${frames}${more}`,
    segment.caller && `made by ${segment.caller}`]};
}

function regionTip(region) {
  return {title: region.name, lines: [`${region.first}–${region.last}`, region.size]};
}

function itemTip(item, stripe) {
  const zone = item.zone === "device" ? "device registers" : `zone ${item.zone}`;
  const free = item.free && stripe.owner !== "free" ? `; ${plural(item.free, "frame")} between them free` : "";
  return {title: stripe.owner, lines: [`${item.first}–${item.last}, ${zone}`, `${plural(stripe.frames, "frame")} here${free}`]};
}

class Glance {
  /** `actions` has show(tip, event), hide() and go(start, size). */
  constructor(svg, actions) {
    this.svg = d3.select(svg);
    this.actions = actions;
  }

  /** Draws a moment, so many times as high as the data says; `marks` says for a segment whether it is "new" or "gone". */
  draw(space, stretch, colours, marks) {
    const width = innerWidthOf(this.svg.node().parentNode);
    this.stretch = stretch;
    this.height = space.model.height * stretch;
    const height = this.height + GLANCE_TOP + 6;
    const {regions, segments, physical} = this.stretched(space);
    this.columns = columnsFor(width);
    this.svg.attr("viewBox", `0 0 ${width} ${height}`).attr("height", height).classed("narrow", !this.columns.wide);
    this.svg.selectAll("*").remove();
    addHatch(this.svg, "hatch");
    this.plot = this.svg.append("g").attr("transform", `translate(0 ${GLANCE_TOP})`);
    this.drawHeads();
    this.drawLinks(regions, segments);
    this.drawRibbons(segments);
    this.drawSpace(regions);
    this.drawRows(segments, marks);
    this.drawPhysical(physical, colours);
  }

  /** The things of a moment, with their heights stretched. */
  stretched({regions, moment}) {
    const one = (thing) => ({...thing, y: thing.y * this.stretch, height: thing.height * this.stretch});
    return {regions: regions.map(one),
            segments: moment.segments.map((segment) => ({...one(segment),
              targets: segment.targets.map((target) => target.map((place) => place * this.stretch))})),
            physical: moment.physical.map((item) => ({...one(item), stripes: item.stripes.map(one)}))};
  }

  drawHeads() {
    const {space, rows, frames, zones, wide} = this.columns;
    const heads = wide ? ["Virtual addresses", "What is mapped", "Physical memory", "Zones"] : ["Virtual", "Mapped", "Physical"];
    this.svg.selectAll("text.column").data(heads).enter().append("text").attr("class", "column")
        .attr("x", (_, i) => [space[0], rows[0], frames[0], zones + 19][i]).attr("y", 16).text((head) => head);
  }

  drawLinks(regions, segments) {
    const links = regions.map((region, number) => ({region, rows: segments.filter((segment) => segment.region === number)}));
    this.plot.selectAll("path.link").data(links.filter((link) => link.rows.length)).enter().append("path")
        .attr("class", ({region}) => region.kind).attr("d", ({region, rows}) => {
          const last = rows[rows.length - 1];
          return ribbon([this.columns.space[1], region.y + 2, region.y + region.height - 2],
                        [this.columns.rows[0] - 3, rows[0].y, last.y + last.height]);
        });
  }

  drawRibbons(segments) {
    const pairs = segments.flatMap((segment) => segment.targets.map(([y, height]) => ({segment, y, height})));
    pairs.sort((a, b) => b.height - a.height);
    this.plot.selectAll("path.ribbon").data(pairs).enter().append("path")
        .attr("class", ({height}) => height > 200 * this.stretch ? "ribbon wide" : "ribbon")
        .style("fill", ({segment}) => `var(--${segment.rights})`)
        .attr("d", ({segment, y, height}) => ribbon([this.columns.rows[1], segment.y + 3, segment.y + segment.height - 3],
                                                    [this.columns.frames[0], y + 1, y + height - 1]));
  }

  /** Makes a group of elements say what they are, and take a person there. */
  speaks(groups, kind, tip, go, light) {
    const {show, hide, go: zoom} = this.actions;
    const lit = (test) => {
      this.plot.classed("dim", Boolean(test)).selectAll("path.ribbon").classed("lit", test ?? false);
    };
    const enter = (datum) => { show(tip(datum), d3.event); lit(light && ((pair) => light(datum, pair))); };
    const leave = () => { hide(); lit(null); };
    const act = (datum) => { if (go(datum)) zoom(...go(datum)); };
    groups.attr("class", kind).attr("tabindex", 0).attr("role", "button")
        .attr("aria-label", (datum) => [tip(datum).title, ...tip(datum).lines].filter(Boolean).join(", "))
        .on("mouseenter mousemove focus", enter).on("mouseleave blur", leave).on("click", act)
        .on("keydown", (datum) => {
          if (d3.event.key !== "Enter" && d3.event.key !== " ") return;
          d3.event.preventDefault();
          act(datum);
        });
  }

  drawSpace(regions) {
    const [left, right] = this.columns.space, wide = this.columns.wide;
    const groups = this.plot.selectAll("g.region").data(regions).enter().append("g");
    this.speaks(groups, "region", regionTip, (region) => [region.start, region.end - region.start],
                (region, pair) => regions[pair.segment.region] === region);
    groups.append("rect").attr("class", (region) => `band ${region.kind}`).attr("x", left).attr("width", right - left)
        .attr("y", (region) => region.y).attr("height", (region) => region.height);
    const inset = (region) => region.kind === "hole" ? 20 : 9, middle = (region) => region.y + region.height / 2 + 4.5;
    groups.filter((region) => region.kind === "hole").append("rect").attr("class", "plate").attr("rx", 5)
        .attr("x", left + 12).attr("width", right - left - 24).attr("y", (region) => middle(region) - 18).attr("height", 28);
    groups.append("text").attr("class", (region) => region.kind === "idle" ? "small" : "name").attr("x", (region) => left + inset(region))
        .attr("y", middle).text((region) => fitted(region.title, right - left - 2 * inset(region), wide ? 13 : 11));
    groups.append("path").attr("class", "edge").attr("d", (region) => `M${left} ${region.y}H${right}`);
    this.plot.append("rect").attr("class", "edge").attr("x", left).attr("width", right - left).attr("height", this.height);
    if (!wide) return;
    groups.append("text").attr("class", "small end").attr("x", (region) => right - inset(region)).attr("y", middle)
        .text((region) => {
          const {size} = region, both = `${region.title}   ${size}`;
          return fitted(both, right - left - 2 * inset(region)) === both ? size : "";
        });
    groups.append("text").attr("class", "address end").attr("x", left - 8).attr("y", (region) => region.y + 10).text((region) => region.first);
    this.plot.append("text").attr("class", "address end").attr("x", left - 8).attr("y", this.height).text("f".repeat(16));
  }

  drawRows(segments, marks) {
    const [left, right] = this.columns.rows, wide = this.columns.wide, chip = wide ? 44 : 30;
    const groups = this.plot.selectAll("g.row").data(segments).enter().append("g");
    this.speaks(groups, "row", segmentTip,
                (segment) => [big(segment.first), big(segment.last) + 1n - big(segment.first)],
                (segment, pair) => pair.segment === segment);
    groups.attr("class", (segment) => `row ${marks(segment)}`);
    groups.append("rect").attr("class", "back").attr("x", left).attr("width", right - left).attr("rx", 4)
        .attr("y", (s) => s.y).attr("height", (s) => s.height);
    groups.append("rect").attr("x", left).attr("width", chip).attr("rx", 4).attr("y", (s) => s.y)
        .attr("height", (s) => s.height).style("fill", (s) => `var(--${s.rights})`);
    const middle = (s) => s.y + s.height / 2 + 4.5;
    groups.append("text").attr("class", "address middle").attr("x", left + chip / 2).attr("y", middle)
        .style("fill", (s) => `var(--${s.rights}-ink)`).style("font-weight", 600).text((s) => s.may);
    const sizes = (s) => Object.keys(s.leaves).length > 1 || !("4K" in s.leaves) ? ["1G", "2M", "4K"].filter((size) => size in s.leaves).join(" ") : "";
    groups.append("text").attr("class", "name").attr("x", left + chip + 8).attr("y", middle).text((s) => {
      const note = wide && marks(s) ? ` (${marks(s) === "gone" ? "goes" : "new"})` : "";
      return fitted(s.name + note, right - left - chip - 12 - (wide ? 12 + 8 * sizes(s).length : 0), wide ? 13 : 11);
    });
    if (wide)
      groups.append("text").attr("class", "small end").attr("x", right - 8).attr("y", middle).text(sizes);
  }

  drawPhysical(items, colours) {
    const [left, right] = this.columns.frames, wide = this.columns.wide;
    const stripes = items.flatMap((item) => item.stripes.map((stripe) => ({item, stripe, colour: colours[stripe.owner] ?? "fixed"})));
    const groups = this.plot.selectAll("g.item").data(stripes).enter().append("g");
    this.speaks(groups, "item", ({item, stripe}) => itemTip(item, stripe), () => null,
                ({stripe}, pair) => pair.y < stripe.y + stripe.height - 1 && stripe.y < pair.y + pair.height - 1);
    groups.append("rect").attr("class", "frame").attr("x", left).attr("width", right - left)
        .attr("y", ({stripe}) => stripe.y).attr("height", ({stripe}) => stripe.height).style("fill", ({colour}) => `var(--${colour})`);
    groups.filter(({stripe}) => stripe.height >= 13).append("text").attr("x", left + 8).attr("y", ({stripe}) => stripe.y + stripe.height / 2 + 4.5)
        .style("fill", ({colour}) => `var(--${colour}-ink)`)
        .text(({stripe}) => fitted(stripe.owner, right - left - 12, wide ? 13 : 11, 400));
    this.plot.selectAll("rect.whole").data(items).enter().append("rect").attr("class", "edge").attr("rx", 2)
        .attr("x", left).attr("width", right - left).attr("y", (item) => item.y).attr("height", (item) => item.height);
    if (wide) this.drawZones(items);
  }

  drawZones(items) {
    const x = this.columns.zones + 6;
    const zones = d3.nest().key((item) => item.zone).entries(items).map(({key, values}) => ({
      name: key === "device" ? "devices" : key, first: values[0].first, last: values[values.length - 1].last,
      top: values[0].y, bottom: values[values.length - 1].y + values[values.length - 1].height}));
    const groups = this.plot.selectAll("g.zone").data(zones).enter().append("g");
    groups.append("path").attr("class", "bracket").attr("d", ({top, bottom}) => `M${x} ${top + 2}h5V${bottom - 2}h-5`);
    groups.append("text").attr("class", "name").attr("x", x + 13).attr("y", ({top, bottom}) => (top + bottom) / 2 + 4.5).text(({name}) => name);
    groups.filter(({top, bottom}) => bottom - top > 56).append("text").attr("class", "address").attr("x", x + 13)
        .attr("y", ({top}) => top + 12).text(({first}) => first);
  }
}
