// SPDX-License-Identifier: MIT
// Address spaces as bars on one ruler, and the other facts as lists.
"use strict";

const DATA = JSON.parse(find("#data").textContent);
const BAR = 34, LABEL = 24, ROW = BAR + LABEL + 16, AXIS = 34;
const LEAST = 12, MOST = 57;  // bits: a page, and the largest half there is
// What a range is drawn in, and how it is named in the legend.
const COLOURS = {user: ["low", "user half"], kernel: ["high", "kernel half"], "direct map": ["rw", "direct map"],
                 vmalloc: ["vmalloc", "vmalloc"], "frame table": ["ro", "frame table"], pkmap: ["cache", "pkmap"],
                 fixmap: ["dev", "fixmap"], image: ["ink", "image, as linked"]};

const log2 = (value) => Math.log2(Number(value < 1n ? 1n : value));

/** Where the two sides of the ruler are: [from, to] of low and of high addresses, with the hole between. */
function rulerFor(width) {
  const low = d3.scaleLinear().domain([LEAST, MOST]).range([0, width * .3]).clamp(true);
  const high = d3.scaleLinear().domain([MOST, LEAST]).range([width * .36, width]).clamp(true);
  return {low, high, left: width * .3, right: width * .36};
}

/** A range as [x, width]. Of a space of 32 bits the upper half is taken as sign-extended. */
function extentOf(ruler, {name, first, last}) {
  const bits = BigInt(4 * first.length);
  const [start, end] = [BigInt("0x" + first), BigInt("0x" + last)];
  if (name === "user") return [0, ruler.low(log2(end + 1n))];
  const top = 1n << bits;
  const from = ruler.high(log2(top - start)), to = start === end ? from + 3 : ruler.high(log2(top - end - 1n));
  return [from, Math.max(2, to - from)];
}

function tipFor(space, range) {
  const name = COLOURS[range.name][1];
  return {title: `${space.name}: ${name}`, lines: [range.size ? `${range.first}–${range.last}` : range.first, range.size]};
}

function drawSpaces() {
  const parent = find("#spaces"), width = innerWidthOf(parent.parentNode), ruler = rulerFor(width);
  const height = DATA.spaces.length * ROW + AXIS;
  parent.replaceChildren();
  const svg = d3.select(parent).append("svg").attr("viewBox", `0 0 ${width} ${height}`).attr("height", height)
      .attr("role", "group").attr("aria-label", "Address spaces on one ruler");
  addHatch(svg, "hatch");
  drawRuler(svg, ruler, width, height);
  const rows = svg.selectAll("g.space").data(DATA.spaces).enter().append("g").attr("class", "space")
      .attr("transform", (_, number) => `translate(0 ${number * ROW})`);
  rows.append("text").attr("class", "name").attr("y", 15).text(({name}) => name);
  rows.append("text").attr("class", "small").attr("y", 15).attr("x", 124)
      .text(({text, name}) => fitted(text + (name === DATA.running ? "; ran when this was made" : ""), width - 124, 11.5, 400));
  const bars = rows.append("g").attr("transform", `translate(0 ${LABEL})`);
  bars.append("rect").attr("class", "hole").attr("width", width).attr("height", BAR);
  const ranges = bars.selectAll("g").data((space) => space.ranges.filter(({name}) => name !== "hole").map((range) => ({space, range})))
      .enter().append("g").attr("class", "item").attr("tabindex", 0).attr("role", "img")
      .attr("aria-label", ({space, range}) => Object.values(tipFor(space, range)).flat().join(", "))
      .on("mouseenter mousemove focus", ({space, range}) => showTip(tipFor(space, range), d3.event)).on("mouseleave blur", hideTip);
  ranges.append("rect").attr("class", "frame").attr("x", ({range}) => extentOf(ruler, range)[0])
      .attr("width", ({range}) => extentOf(ruler, range)[1]).attr("height", BAR)
      .style("fill", ({range}) => `var(--${COLOURS[range.name][0]})`);
  ranges.append("text").attr("y", BAR / 2 + 4.5).attr("x", ({range}) => extentOf(ruler, range)[0] + 6)
      .style("fill", ({range}) => ["user", "kernel"].includes(range.name) ? "var(--ink)" : `var(--${COLOURS[range.name][0]}-ink)`)
      .text(({range}) => range.name === "kernel" ? "" : fullOrNothing([`${range.name} ${range.size}`, range.name], extentOf(ruler, range)[1] - 10));
  bars.append("rect").attr("class", "edge").attr("width", width).attr("height", BAR).attr("rx", 3);
}

/** The first of the texts that fits whole, or none. */
function fullOrNothing(texts, width) {
  return texts.find((text) => fitted(text, width, 13, 400) === text) ?? "";
}

function drawRuler(svg, ruler, width, height) {
  const names = {12: "4K", 20: "1M", 30: "1G", 40: "1T", 50: "1P"};
  const step = width < 700 ? 2 : 1;
  const ticks = Object.entries(names).filter((_, number) => number % step === 0);
  const places = [...ticks.map(([bits, name]) => [ruler.low(bits), name]), ...ticks.map(([bits, name]) => [ruler.high(bits), "−" + name])];
  const groups = svg.append("g").selectAll("g").data(places).enter().append("g").attr("transform", ([x]) => `translate(${x} 0)`);
  groups.append("line").attr("class", "grid").attr("y1", LABEL).attr("y2", height - AXIS + 4);
  groups.append("text").attr("class", "address").attr("y", height - 12)
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
