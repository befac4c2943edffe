// SPDX-License-Identifier: MIT
// Address spaces as bars, the halves on one ruler and each kernel half cut open, and the other facts as lists.
"use strict";

const DATA = JSON.parse(find("#data").textContent);
const LABEL = 24, HALVES = 18, OPENING = 12, INSIDE = 34, GAP = 26, AXIS = 30;
const ROW = LABEL + HALVES + OPENING + INSIDE + GAP;
const LEAST = 12, MOST = 57;  // bits: a page, and the largest half there is
// What a range is drawn in, and how it is named in the legend.
const COLOURS = {user: ["low", "user half"], kernel: ["high", "kernel half"], "direct map": ["rw", "direct map"],
                 vmalloc: ["vmalloc", "vmalloc"], "frame table": ["ro", "frame table"], pkmap: ["cache", "pkmap"],
                 fixmap: ["dev", "fixmap"], image: ["ink", "image, as linked"]};

const big = (text) => BigInt("0x" + text);
const rangeOf = (space, wanted) => space.ranges.find(({name}) => name === wanted);

/** Low addresses from the left, high ones from the right, each by the logarithm of the distance to its end. */
function rulerFor(width) {
  const scale = (from, to) => d3.scaleLinear().domain([LEAST, MOST]).range([from, to]).clamp(true);
  return {low: scale(0, width * .46), high: scale(width, width * .54)};
}

function halfExtents(space, ruler) {
  const user = rangeOf(space, "user"), kernel = rangeOf(space, "kernel");
  const start = ruler.high(Math.log2(Number((1n << BigInt(4 * kernel.first.length)) - big(kernel.first))));
  return [{range: user, x: 0, width: ruler.low(Math.log2(Number(big(user.last) + 1n)))},
          {range: kernel, x: start, width: ruler.high(LEAST) - start}];
}

/** Where a range is in the kernel half, which has all of the width. */
function insideExtents(space, width) {
  const kernel = rangeOf(space, "kernel"), size = Number(big(kernel.last) - big(kernel.first) + 1n);
  return space.ranges.filter(({name}) => !["user", "kernel", "hole"].includes(name)).map((range) => {
    const x = Number(big(range.first) - big(kernel.first)) / size * width;
    return {range, x, width: Math.max(2.5, Number(big(range.last) - big(range.first) + 1n) / size * width)};
  });
}

function tipFor(space, range) {
  return {title: `${space.name}: ${COLOURS[range.name][1]}`, lines: [range.size ? `${range.first}–${range.last}` : range.first, range.size]};
}

/** Bars that say what they are. */
function drawBars(rows, top, height, extents) {
  const bars = rows.append("g").attr("transform", `translate(0 ${top})`).selectAll("g")
      .data((space) => extents(space).map((extent) => ({space, ...extent}))).enter().append("g")
      .attr("class", "item").attr("tabindex", 0).attr("role", "img")
      .attr("aria-label", ({space, range}) => Object.values(tipFor(space, range)).flat().join(", "))
      .on("mouseenter mousemove focus", ({space, range}) => showTip(tipFor(space, range), d3.event)).on("mouseleave blur", hideTip);
  bars.append("rect").attr("class", "frame").attr("x", ({x}) => x).attr("width", ({width}) => width).attr("height", height)
      .style("fill", ({range}) => `var(--${COLOURS[range.name][0]})`);
  return bars;
}

function drawSpaces() {
  const parent = find("#spaces"), width = innerWidthOf(parent.parentNode), ruler = rulerFor(width);
  const height = DATA.spaces.length * ROW + AXIS;
  parent.replaceChildren();
  const svg = d3.select(parent).append("svg").attr("viewBox", `0 0 ${width} ${height}`).attr("height", height)
      .attr("role", "group").attr("aria-label", "Address spaces on one ruler");
  addHatch(svg, "hatch");
  drawRuler(svg, ruler, width);
  const rows = svg.selectAll("g.space").data(DATA.spaces).enter().append("g").attr("class", "space")
      .attr("transform", (_, number) => `translate(0 ${AXIS + number * ROW})`);
  rows.append("text").attr("class", "name").attr("y", 15).text(({name}) => name);
  rows.append("text").attr("class", "small").attr("y", 15).attr("x", 130)
      .text(({text, name}) => fitted(text + (name === DATA.running ? "; ran when this was made" : ""), width - 130, 11.5, 400));
  rows.append("rect").attr("class", (space) => rangeOf(space, "hole") ? "hole" : "idle").attr("y", LABEL).attr("width", width).attr("height", HALVES);
  drawBars(rows, LABEL, HALVES, (space) => halfExtents(space, ruler));
  rows.append("rect").attr("class", "edge").attr("y", LABEL).attr("width", width).attr("height", HALVES);
  const top = LABEL + HALVES, bottom = top + OPENING;
  rows.append("path").attr("class", "kernel").attr("d", (space) => `M${halfExtents(space, ruler)[1].x} ${top}H${width}V${bottom}H0Z`);
  rows.append("rect").attr("class", "kernel").attr("y", bottom).attr("width", width).attr("height", INSIDE);
  const inside = drawBars(rows, bottom, INSIDE, (space) => insideExtents(space, width));
  inside.append("text").attr("y", INSIDE / 2 + 4.5).attr("x", ({x}) => x + 9)
      .style("fill", ({range}) => `var(--${COLOURS[range.name][0]}-ink)`)
      .text(({range, width}) => fullOrNothing([`${range.name}, ${range.size}`, range.name], width - 14));
  rows.filter((space) => insideExtents(space, width).length === 0).append("text").attr("x", 9).attr("y", bottom + INSIDE / 2 + 4.5)
      .text((space) => `a kernel half of its own, ${rangeOf(space, "kernel").size}`);
  rows.append("rect").attr("class", "edge").attr("y", bottom).attr("width", width).attr("height", INSIDE);
}

/** The first of the texts that fits whole, or none. */
function fullOrNothing(texts, width) {
  return texts.find((text) => fitted(text, width, 13, 400) === text) ?? "";
}

function drawRuler(svg, ruler, width) {
  const names = Object.entries({12: "4K", 30: "1G", 39: "512G", 48: "256T"}).filter((_, number) => width >= 600 || number !== 2);
  const places = [...names.map(([bits, name]) => [ruler.low(bits), name]), ...names.map(([bits, name]) => [ruler.high(bits), "−" + name])];
  svg.append("g").selectAll("text").data(places).enter().append("text").attr("class", "address").attr("y", 14).attr("x", ([x]) => x)
      .attr("text-anchor", ([x]) => x < 12 ? "start" : x > width - 12 ? "end" : "middle").text(([, name]) => name);
}

function drawFacts() {
  const cards = d3.select("#facts").selectAll("div").data(DATA.facts).enter().append("div");
  cards.append("h3").text(({title}) => title);
  const rows = cards.append("dl").selectAll("div").data(({rows}) => rows).enter().append("div");
  rows.append("dt").text(([names]) => names.join(", "));
  rows.append("dd").text(([, value]) => value);
  const [heading, ...lines] = DATA.bits;
  d3.select("#bits").append("thead").append("tr").selectAll("th").data(heading).enter().append("th").text(String);
  d3.select("#bits").append("tbody").selectAll("tr").data(lines).enter().append("tr").selectAll("td").data((line) => line)
      .enter().append("td").text(String);
  find("#note").textContent = DATA.note;
}

drawFacts();
drawLegend(find("#legend"), [{title: "Ranges", entries: Object.fromEntries(Object.values(COLOURS))}]);
new ResizeObserver(drawSpaces).observe(find("main"));
