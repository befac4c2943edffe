// SPDX-License-Identifier: MIT
// What all drawings of a page share: text that fits, the pattern of what no table reaches, and the tip.
"use strict";

const find = (selector) => document.querySelector(selector);

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
  const pattern = svg.append("defs").append("pattern").attr("id", id).attr("width", 9).attr("height", 9)
      .attr("patternUnits", "userSpaceOnUse").attr("patternTransform", "rotate(45)");
  pattern.append("rect").attr("width", 9).attr("height", 9).attr("class", "hatched");
  pattern.append("path").attr("d", "M0 0V9").attr("class", "hatch");
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
  parts.append("b").text(({title}) => title);
  const entries = parts.selectAll("span").data(({entries}) => Object.entries(entries)).enter().append("span");
  entries.append("i").style("background", ([colour]) => `var(--${colour})`);
  entries.append("span").text(([, words]) => words);
}
