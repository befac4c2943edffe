// SPDX-License-Identifier: MIT
// What all drawings of a page share: text that fits, the pattern of what no table reaches, and the tip.
"use strict";

const find = (selector) => document.querySelector(selector);

/** Appends an element to each of a selection; `values` are its attributes, or what gives them, and its "text". */
function add(selection, tag, values = {}) {
  const added = selection.append(tag);
  for (const [name, value] of Object.entries(values)) name === "text" ? added.text(value) : added.attr(name, value);
  return added;
}

/** Makes each of a selection say what it is, when it is pointed at or has the keyboard's focus. */
function tells(selection, tipOf) {
  const words = (datum) => [tipOf(datum).title, ...tipOf(datum).lines].filter(Boolean).join(", ");
  return selection.attr("tabindex", 0).attr("aria-label", words)
      .on("mouseenter.tip mousemove.tip focus.tip", (datum) => showTip(tipOf(datum), d3.event))
      .on("mouseleave.tip blur.tip", hideTip);
}

const measure = document.createElement("canvas").getContext("2d");

/** The text, shortened to fit so many pixels. */
function fitted(text, width, size = 13, weight = 600) {
  measure.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  if (measure.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 0 && measure.measureText(text.slice(0, end) + "…").width > width) --end;
  return end ? text.slice(0, end).trimEnd() + "…" : "";
}

/** The pixels that a card has for a drawing; never less than one can be drawn in. */
function innerWidthOf(card) {
  return Math.max(280, card.clientWidth - 2 * parseFloat(getComputedStyle(card).paddingLeft));
}

/** The pattern of what no table can reach. */
function addHatch(svg, id) {
  const pattern = add(add(svg, "defs"), "pattern", {id, width: 9, height: 9, patternUnits: "userSpaceOnUse",
                                                    patternTransform: "rotate(45)"});
  add(pattern, "rect", {class: "hatched", width: 9, height: 9});
  add(pattern, "path", {class: "hatch", d: "M0 0V9"});
}

/** Shows words beside the pointer, or below what has the keyboard's focus. */
function showTip({title, lines}, event) {
  const tip = find("#tip");
  tip.replaceChildren();
  d3.select(tip).append("b").text(title);
  for (const line of lines.filter(Boolean)) d3.select(tip).append("div").text(line);
  tip.hidden = false;
  const box = event.type === "focus" ? event.target.getBoundingClientRect() : null;
  const x = box ? box.right : event.clientX, y = box ? box.bottom : event.clientY;
  const {offsetWidth: width, offsetHeight: height} = tip;
  tip.style.left = Math.max(10, Math.min(innerWidth - width - 10, x + 14)) + "px";
  tip.style.top = Math.max(10, y + 16 + height > innerHeight ? y - height - 12 : y + 16) + "px";
}

function hideTip() {
  find("#tip").hidden = true;
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

/** [{title, entries: {colour: words}}] as a legend. */
function drawLegend(parent, groups) {
  const parts = d3.select(parent).selectAll("div").data(groups).enter().append("div");
  add(parts, "b", {text: ({title}) => title});
  const entries = parts.selectAll("span").data(({entries}) => Object.entries(entries)).enter().append("span");
  add(entries, "i", {style: ([colour]) => `background: var(--${colour})`});
  add(entries, "span", {text: ([, words]) => words});
}
