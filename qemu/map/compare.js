// SPDX-License-Identifier: MIT
// Address spaces as bars, the halves on one ruler and each kernel half cut open, and the other facts as lists.
"use strict";

const DATA = JSON.parse(find("#data").textContent);
const LABEL = 24, HALVES = 18, OPENING = 12, INSIDE = 34, GAP = 26, AXIS = 30;
const ROW = LABEL + HALVES + OPENING + INSIDE + GAP;
const LEAST = 12, MOST = 57;  // bits: a page, and the largest half there is
const TICKS = {12: "4K", 30: "1G", 39: "512G", 48: "256T"};
// What a range is drawn in, and how it is named in the legend.
const COLOURS = {user: ["low", "user half"], kernel: ["high", "kernel half"], "direct map": ["rw", "direct map"],
                 vmalloc: ["vmalloc", "vmalloc"], "frame table": ["ro", "frame table"], pkmap: ["cache", "pkmap"],
                 fixmap: ["dev", "fixmap"], image: ["ink", "image, as linked"]};
const OUTSIDE_KERNEL = ["user", "kernel", "hole"];

const big = (text) => BigInt("0x" + text);
const rangeOf = (space, wanted) => space.ranges.find(({name}) => name === wanted);
const sizeOf = ({first, last}) => big(last) - big(first) + 1n;
const colourOf = ({name}) => COLOURS[name][0];

/** Low addresses from the left, high ones from the right, each by the logarithm of the distance to its end. */
function rulerFor(width) {
  const scale = (from, to) => d3.scaleLinear().domain([LEAST, MOST]).range([from, to]).clamp(true);
  return {low: scale(0, width * .46), high: scale(width, width * .54)};
}

function halfExtents(space, ruler) {
  const user = rangeOf(space, "user"), kernel = rangeOf(space, "kernel");
  const end = 1n << BigInt(4 * kernel.first.length);
  const start = ruler.high(Math.log2(Number(end - big(kernel.first))));
  return [{space, range: user, x: 0, width: ruler.low(Math.log2(Number(big(user.last) + 1n)))},
          {space, range: kernel, x: start, width: ruler.high(LEAST) - start}];
}

/** Where ranges are in the kernel half, which has all of the width. */
function insideExtents(space, width) {
  const kernel = rangeOf(space, "kernel");
  const part = (bytes) => Number(bytes) / Number(sizeOf(kernel)) * width;
  return space.ranges.filter(({name}) => !OUTSIDE_KERNEL.includes(name)).map((range) => {
    const wide = Math.max(2.5, part(sizeOf(range)));
    return {space, range, x: Math.min(width - wide, part(big(range.first) - big(kernel.first))), width: wide};
  });
}

function tipFor({space, range}) {
  const place = range.size ? `${range.first}–${range.last}` : range.first;
  return {title: `${space.name}: ${COLOURS[range.name][1]}`, lines: [place, range.size]};
}

/** Bars that say what they are. */
function drawBars(rows, top, height, extents) {
  const line = add(rows, "g", {transform: `translate(0 ${top})`});
  const bars = add(line.selectAll("g").data(extents).enter(), "g", {class: "item", role: "img"});
  tells(bars, tipFor);
  add(bars, "rect", {class: "frame", x: ({x}) => x, width: ({width}) => width, height,
                     style: ({range}) => `fill: var(--${colourOf(range)})`});
  return bars;
}

function drawSpaces() {
  const parent = find("#spaces"), width = innerWidthOf(parent.parentNode), ruler = rulerFor(width);
  const height = DATA.spaces.length * ROW + AXIS;
  parent.replaceChildren();
  const svg = add(d3.select(parent), "svg", {viewBox: `0 0 ${width} ${height}`, height, role: "group",
                                             "aria-label": "Address spaces on one ruler"});
  addHatch(svg, "hatch");
  drawRuler(svg, ruler, width);
  const rows = add(svg.selectAll("g.space").data(DATA.spaces).enter(), "g", {
    class: "space", transform: (_, number) => `translate(0 ${AXIS + number * ROW})`});
  drawTitles(rows, width);
  drawHalves(rows, ruler, width);
  drawInside(rows, LABEL + HALVES + OPENING, width);
}

function drawTitles(rows, width) {
  const words = ({text, name}) => text + (name === DATA.running ? "; ran when this was made" : "");
  add(rows, "text", {class: "name", y: 15, text: ({name}) => name});
  add(rows, "text", {class: "small", x: 130, y: 15, text: (space) => fitted(words(space), width - 130, 11.5, 400)});
}

/** The halves, and the opening from the kernel's to what is drawn below. */
function drawHalves(rows, ruler, width) {
  const line = {y: LABEL, width, height: HALVES}, top = LABEL + HALVES;
  add(rows, "rect", {...line, class: (space) => rangeOf(space, "hole") ? "hole" : "idle"});
  drawBars(rows, LABEL, HALVES, (space) => halfExtents(space, ruler));
  add(rows, "rect", {...line, class: "edge"});
  add(rows, "path", {class: "kernel", d: (space) =>
    `M${halfExtents(space, ruler)[1].x} ${top}H${width}V${top + OPENING}H0Z`});
}

function drawInside(rows, top, width) {
  const line = {y: top, width, height: INSIDE}, middle = INSIDE / 2 + 4.5;
  add(rows, "rect", {...line, class: "kernel"});
  const bars = drawBars(rows, top, INSIDE, (space) => insideExtents(space, width));
  const words = ({range, width}) => firstThatFits([`${range.name}, ${range.size}`, range.name], width - 14);
  add(bars, "text", {x: ({x}) => x + 9, y: middle, style: ({range}) => `fill: var(--${colourOf(range)}-ink)`,
                     text: words});
  add(rows.filter((space) => insideExtents(space, width).length === 0), "text", {
    x: 9, y: top + middle, text: (space) => `a kernel half of its own, ${rangeOf(space, "kernel").size}`});
  add(rows, "rect", {...line, class: "edge"});
}

/** The first of the texts that fits whole, or none. */
function firstThatFits(texts, width) {
  return texts.find((text) => fitted(text, width, 13, 400) === text) ?? "";
}

function drawRuler(svg, ruler, width) {
  const ticks = Object.entries(TICKS).filter((_, number) => width >= 600 || number !== 2);
  const places = [...ticks.map(([bits, name]) => [ruler.low(bits), name]),
                  ...ticks.map(([bits, name]) => [ruler.high(bits), "−" + name])];
  add(add(svg, "g").selectAll("text").data(places).enter(), "text", {
    class: "address", x: ([x]) => x, y: 14, text: ([, name]) => name,
    "text-anchor": ([x]) => x < 12 ? "start" : x > width - 12 ? "end" : "middle"});
}

function drawFacts() {
  const cards = add(d3.select("#facts").selectAll("div").data(DATA.facts).enter(), "div");
  add(cards, "h3", {text: ({title}) => title});
  const rows = add(add(cards, "dl").selectAll("div").data(({rows}) => rows).enter(), "div");
  add(rows, "dt", {text: ([names]) => names.join(", ")});
  add(rows, "dd", {text: ([, value]) => value});
}

function drawBits([heading, ...lines]) {
  const table = d3.select("#bits"), same = (text) => text;
  add(add(add(table, "thead"), "tr").selectAll("th").data(heading).enter(), "th", {text: same});
  const rows = add(add(table, "tbody").selectAll("tr").data(lines).enter(), "tr");
  add(rows.selectAll("td").data(same).enter(), "td", {text: same});
}

drawFacts();
drawBits(DATA.bits);
find("#note").textContent = DATA.note;
drawLegend(find("#legend"), [{title: "Ranges", entries: Object.fromEntries(Object.values(COLOURS))}]);
new ResizeObserver(drawSpaces).observe(find("main"));
