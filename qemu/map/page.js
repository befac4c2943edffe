// SPDX-License-Identifier: MIT
// Puts the page together: what is chosen, the walk of an address in words, and what an action changed.
"use strict";

const DATA = JSON.parse(find("#data").textContent);
const SIDES = [{id: "before", title: "before"}, {id: "after", title: "after"}];
const MOST_SPELT_OUT = 3;  // entries that an action has changed

/** `va` is the address that a person chose to walk, null before the first. */
const chosen = {layout: DATA.models[0].layout, action: null, side: "after", va: null};
const model = () => DATA.models.find(({layout}) => layout === chosen.layout);
const walked = () => chosen.va ?? big(model().shown.va);

/** The moments before and after the chosen action. */
function moments() {
  const all = model().moments;
  const after = Math.max(1, all.findIndex(({id}) => id === chosen.action));
  return {before: all[after - 1], after: all[after]};
}
const space = () => new Space(model(), moments()[chosen.side]);

// ---- The walk ----

const END_WORDS = {
  outside: () => "No table is read: the top bits alone make the address invalid. Translation fault, level 0.",
  invalid: ({steps}) => `Nothing is mapped there: translation fault, level ${steps[steps.length - 1].level}.`,
  leaf: ({physical}) => `Physical address ${address(physical)}.`,
};

/** Walks an address that a person chose. */
function walkTo(va, follow = true) {
  chosen.va = va;
  drawWalk();
  if (follow && !strip.visible(va, va + 1n)) strip.go(va & ~0x1fffffn, 0x200000n);
}

function drawWalk() {
  const here = space(), found = here.walk(walked()), region = here.regionOf(found.va);
  const half = found.va >> 55n & 1n ? "high" : "low";
  find("#address").value = address(found.va);
  find("#problem").textContent = "";
  const answer = d3.select("#answer");
  answer.selectAll("*").remove();
  const where = region.kind === "hole" ? "between the halves" : `the ${half} half`;
  add(answer, "p", {text: `In “${region.name}”, ${where}.`});
  const list = add(answer, "ol");
  drawRoot(add(list, "li"), found, half);
  for (const step of found.steps) drawStep(add(list, "li"), here, step, found.half);
  add(add(list, "li", {class: "end"}), "div", {class: "at", id: "end", text: END_WORDS[found.end](found)});
  strip.mark(found.va);
}

function drawRoot(item, {va, name, half, end}, side) {
  const range = `${half.first} to ${half.last}${half.asid ? `, ASID ${half.asid}` : ""}`;
  add(item, "div", {class: "at", text: end === "outside" ? name : `${name} → table 0x${half.root}`});
  add(item, "div", {class: "why", text: `Bit 55 is ${va >> 55n & 1n}: the ${side} half, ${range}.`});
}

function drawStep(item, here, step, half) {
  const low = Number(shiftOf(step.level)), high = step.level === half.level ? half.bits - 1 : low + 8;
  const head = add(item, "div", {class: "at", text: `L${step.level}[${step.index}] `});
  add(head, "span", {class: "mono raw", text: hex(step.raw, 16)});
  drawTable(item, here.table(step.table), step.index, 2 ** (high - low + 1));
  add(item, "div", {class: "why", text: `Bits ${high}:${low} choose the entry: ${wordsOf(step)}`});
}

/** A table's entries as a line of `count` cells, the one that was read marked. */
function drawTable(item, entries, read, count) {
  const svg = add(item, "svg", {viewBox: `0 0 ${count} 10`, preserveAspectRatio: "none", "aria-hidden": true});
  for (const [index, {word}] of entries)
    if (word.kind !== "invalid")
      add(svg, "rect", {x: index, width: 1, height: 10, style: fill(word.rights ?? "muted")});
  const width = Math.max(1, count / 128);
  add(svg, "rect", {x: Math.min(count - width, read), width, height: 10, style: fill("ink")});
}

function wordsOf({word, raw}) {
  if (word.kind === "invalid") return "invalid.";
  return `${[`${word.what} 0x${hex(raw & OUTPUT)}`, word.text].filter(Boolean).join(", ")}.`;
}

// ---- What an action changed ----

const keyOf = (segment) => `${segment.name} ${segment.first} ${segment.rights}`;

/** Says of a segment whether the other side of the action does not have it. */
function marksFor({before, after}) {
  const [other, mark] = chosen.side === "after" ? [before, "new"] : [after, "gone"];
  const there = new Set(other.segments.map(keyOf));
  return (segment) => there.has(keyOf(segment)) ? "" : mark;
}

function describeChanges() {
  const {before, after} = moments();
  const {entries, came, went} = tableChanges(new Space(model(), before), new Space(model(), after));
  const parts = [came.length && `${plural(came.length, "table")} more`,
                 went.length && `${plural(went.length, "table")} fewer`,
                 entries.length && `${plural(entries.length, "entry", "entries")} rewritten in tables that stay`];
  const words = parts.filter(Boolean).join(", ") || "no table has changed";
  const line = d3.select("#changes");
  line.selectAll("*").remove();
  add(line, "b", {text: `${after.command ?? after.action}: `});
  add(line, "span", {text: `${words}. `});
  if (entries.length <= MOST_SPELT_OUT)
    for (const {level, index, before, after} of entries)
      add(line, "span", {class: "mono said", text: `L${level}[${index}] ${hex(before, 16)} → ${hex(after, 16)}. `});
  if (after.said) add(line, "span", {class: "said", text: `The kernel said: ${after.said}`});
}

// ---- What is chosen ----

/** Radio buttons, one for each of `entries`, that put their id into chosen[name]. */
function choices(parent, name, entries) {
  const labels = d3.select(parent).selectAll("label").data(entries, ({id}) => id);
  labels.exit().remove();
  const more = add(labels.enter(), "label");
  add(more, "input", {type: "radio", name, value: ({id}) => id}).on("change", ({id}) => choose(name, id));
  add(more, "span", {text: ({title}) => title});
  d3.select(parent).selectAll("input").property("checked", ({id}) => id === chosen[name]);
}

function choose(name, id) {
  chosen[name] = id;
  drawAll();
}

function drawAll() {
  choices(find("#layouts"), "layout", DATA.models.map(({layout}) => ({id: layout, title: layout})));
  choices(find("#actions"), "action", model().moments.slice(1).map(({id, action}) => ({id, title: action})));
  choices(find("#sides"), "side", SIDES);
  const {layout, machine} = model();
  find("#machine").textContent = `Meridian under layout ${layout}, ${moments()[chosen.side].title}: ${machine}.`;
  describeChanges();
  const here = space(), beside = matchMedia("(min-width: 1560px)").matches;
  glance.draw(here, beside ? 1.3 : 1, DATA.colours, marksFor(moments()));
  strip.set(here);
  drawWalk();
}

function goToHalf(high) {
  const regions = strip.space.regions.filter(({kind, start}) => kind !== "hole" && Boolean(start >> 63n) === high);
  strip.go(regions[0].start, regions[regions.length - 1].end - regions[0].start);
}

const TOOLS = [
  {text: "+", label: "Zoom in", act: () => strip.scale(2)},
  {text: "−", label: "Zoom out", act: () => strip.scale(.5)},
  {text: "all", label: "All 2^64 bytes", act: () => strip.go(0n, SPACE_END)},
  {text: "low half", act: () => goToHalf(false)},
  {text: "high half", act: () => goToHalf(true)},
  {text: "the walked page", act: () => strip.go(walked() & ~0xfffn, 4096n)},
];

const strip = new Strip(find(".strip"), walkTo, (words) => { find("#window").textContent = words; });
const glance = new Glance(find(".figure"), (start, size) => {
  walkTo(start, false);
  strip.go(start, size);
});

add(d3.select(".tools").selectAll("button").data(TOOLS).enter(), "button", {
  type: "button", "aria-label": ({label}) => label, text: ({text}) => text}).on("click", ({act}) => act());
drawLegend(find("#legend"), DATA.legend);
find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const va = parseAddress(find("#address").value);
  if (va === null) find("#problem").textContent = "That is not an address: give up to 16 hexadecimal digits.";
  else walkTo(va);
});
new ResizeObserver(drawAll).observe(find("main"));
choose("action", DATA.shown);
