// SPDX-License-Identifier: MIT
// Puts the page together: what is chosen, the walk of an address in words, and what an action changed.
"use strict";

const DATA = JSON.parse(find("#data").textContent);
const SIDES = [{id: "before", title: "before"}, {id: "after", title: "after"}];

const chosen = {layout: DATA.models[0].layout, action: null, side: "after", va: null};
const model = () => DATA.models.find((model) => model.layout === chosen.layout);
/** The moments before and after the chosen action. */
function moments() {
  const all = model().moments;
  const after = Math.max(1, all.findIndex((moment) => moment.id === chosen.action));
  return {before: all[after - 1], after: all[after]};
}
const space = () => new Space(model(), moments()[chosen.side]);

// ---- The walk ----

const END_WORDS = {
  outside: () => "No table is read: the top bits alone make the address invalid. Translation fault, level 0.",
  invalid: ({steps}) => `Nothing is mapped there: translation fault, level ${steps[steps.length - 1].level}.`,
  leaf: ({physical}) => `Physical address ${address(physical)}.`,
};

/** A table's entries as a line of so many cells, the one that was read marked. */
function drawTable(parent, space, step, count) {
  const svg = parent.append("svg").attr("viewBox", `0 0 ${count} 10`).attr("preserveAspectRatio", "none").attr("aria-hidden", true);
  for (const [index, {word}] of space.table(step.table))
    svg.append("rect").attr("x", index).attr("width", 1).attr("height", 10)
        .style("fill", word.kind === "table" ? "var(--muted)" : word.kind === "leaf" ? `var(--${word.rights})` : "none");
  const wide = Math.max(1, count / 128);
  svg.append("rect").attr("x", Math.min(count - wide, step.index)).attr("width", wide).attr("height", 10).style("fill", "var(--ink)");
}

/** Walks an address that a person chose. */
function walkTo(va, follow = true) {
  chosen.va = va;
  drawWalk(va);
  if (follow && !strip.visible(va, va + 1n)) strip.go(va & ~0x1fffffn, 0x200000n);
}

function drawWalk(va) {
  const here = space(), found = here.walk(va), region = here.regionOf(va);
  find("#address").value = address(va);
  find("#problem").textContent = "";
  const answer = d3.select("#answer");
  answer.selectAll("*").remove();
  const half = va >> 55n & 1n ? "high" : "low";
  answer.append("p").text(`In “${region.name}”, ${region.kind === "hole" ? "between the halves" : `the ${half} half`}.`);
  const list = answer.append("ol");
  const root = list.append("li");
  root.append("div").attr("class", "at").text(found.end === "outside" ? found.name : `${found.name} → table 0x${found.half.root}`);
  root.append("div").attr("class", "why").text(`Bit 55 is ${va >> 55n & 1n}: the ${half} half, ${found.half.first} to ${found.half.last}` +
                                               `${found.half.asid ? `, ASID ${found.half.asid}` : ""}.`);
  for (const step of found.steps) {
    const item = list.append("li"), shift = Number(shiftOf(step.level));
    const top = step.level === found.half.level ? found.half.bits - 1 : shift + 8;
    item.append("div").attr("class", "at").text(`L${step.level}[${step.index}] `).append("span").attr("class", "mono raw").text(hex(step.raw, 16));
    drawTable(item, here, step, 2 ** (top - shift + 1));
    item.append("div").attr("class", "why").text(`Bits ${top}:${shift} choose the entry: ${wordsOf(step)}`);
  }
  list.append("li").attr("class", "end").append("div").attr("class", "at").attr("id", "end").text(END_WORDS[found.end](found));
  strip.mark(va);
}

function wordsOf({word, raw}) {
  if (word.kind === "invalid") return "invalid.";
  const output = `0x${hex(raw & OUTPUT)}`;
  return word.kind === "table" ? `table ${output}${word.text ? `, ${word.text}` : ""}.` : `${word.what} ${output}, ${word.text}.`;
}

// ---- What an action changed ----

const keyOf = (segment) => `${segment.name} ${segment.first} ${segment.rights}`;

function marksFor({before, after}) {
  const there = new Set((chosen.side === "after" ? before : after).segments.map(keyOf));
  return (segment) => there.has(keyOf(segment)) ? "" : chosen.side === "after" ? "new" : "gone";
}

function describeChanges() {
  const {before, after} = moments();
  const {entries, came, went} = tableChanges(new Space(model(), before), new Space(model(), after));
  const parts = [came.length && `${plural(came.length, "table")} more`, went.length && `${plural(went.length, "table")} fewer`,
                 entries.length && `${plural(entries.length, "entry", "entries")} rewritten in tables that stay`].filter(Boolean);
  const line = d3.select("#changes");
  line.selectAll("*").remove();
  line.append("b").text(`${after.command ?? after.action}: `);
  line.append("span").text(parts.length ? `${parts.join(", ")}. ` : "no table has changed. ");
  if (entries.length > 0 && entries.length <= 3)
    line.append("span").attr("class", "mono said").text(entries.map(({level, index, before, after}) =>
      `L${level}[${index}] ${hex(before, 16)} → ${hex(after, 16)}. `).join(""));
  if (after.said) line.append("span").attr("class", "said").text(`The kernel said: ${after.said}`);
}

// ---- What is chosen ----

/** Radio buttons, one for each of `entries`, that put their id into chosen[name]. */
function choices(parent, name, entries) {
  const labels = d3.select(parent).selectAll("label").data(entries, (entry) => entry.id);
  labels.exit().remove();
  const more = labels.enter().append("label");
  more.append("input").attr("type", "radio").attr("name", name).attr("value", (entry) => entry.id)
      .on("change", (entry) => choose(name, entry.id));
  more.append("span").text((entry) => entry.title);
  d3.select(parent).selectAll("input").property("checked", (entry) => entry.id === chosen[name]);
}

function choose(name, id) {
  chosen[name] = id;
  const actions = model().moments.slice(1);
  if (!actions.some((moment) => moment.id === chosen.action)) chosen.action = DATA.shown;
  drawAll();
}

function drawAll() {
  choices(find("#layouts"), "layout", DATA.models.map(({layout}) => ({id: layout, title: layout})));
  choices(find("#actions"), "action", model().moments.slice(1).map(({id, action}) => ({id, title: action})));
  choices(find("#sides"), "side", SIDES);
  find("#machine").textContent = `Meridian under layout ${model().layout}, ${moments()[chosen.side].title}: ${model().machine}.`;
  describeChanges();
  const here = space();
  glance.draw(here, matchMedia("(min-width: 1560px)").matches ? 1.3 : 1, DATA.colours, marksFor(moments()));
  strip.set(here);
  drawWalk(chosen.va ?? big(model().shown.va));
}

function drawTools() {
  const jump = (kind) => () => {
    const regions = strip.space.regions.filter((region) => region.kind !== "hole");
    const low = regions.filter(({start}) => !(start >> 63n)), high = regions.filter(({start}) => start >> 63n);
    const half = kind === "low" ? low : high;
    strip.go(half[0].start, half[half.length - 1].end - half[0].start);
  };
  const tools = [["+", "Zoom in", () => strip.scale(2)], ["−", "Zoom out", () => strip.scale(.5)],
    ["all", "All 2^64 bytes", () => strip.go(0n, SPACE_END)], ["low half", null, jump("low")], ["high half", null, jump("high")],
    ["the walked page", null, () => strip.go((chosen.va ?? big(model().shown.va)) & ~0xfffn, 4096n)]];
  d3.select(".tools").selectAll("button").data(tools).enter().append("button").attr("type", "button")
      .attr("aria-label", ([, label]) => label).text(([text]) => text).on("click", ([, , act]) => act());
}

const strip = new Strip(find(".strip"), {
  show: showTip, hide: hideTip, walk: (va) => walkTo(va),
  moved: (_, text) => { find("#window").textContent = text; },
});
const glance = new Glance(find(".figure"), {
  show: showTip, hide: hideTip,
  go: (start, size) => { walkTo(start, false); strip.go(start, size); },
});

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const va = parseAddress(find("#address").value);
  if (va === null) find("#problem").textContent = "That is not an address: give up to 16 hexadecimal digits.";
  else walkTo(va);
});
new ResizeObserver(() => drawAll()).observe(find("main"));

drawLegend(find("#legend"), DATA.legend);
drawTools();
choose("action", DATA.shown);
