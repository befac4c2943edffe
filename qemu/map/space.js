// SPDX-License-Identifier: MIT
// One recorded moment of one machine: its regions, and the walk that the MMU makes through its tables. Addresses are
// BigInt throughout, since a number holds 53 bits only.
"use strict";

const SPACE_END = 1n << 64n;
const LAST_LEVEL = 3;
const OUTPUT = 0x0000fffffffff000n;

const hex = (value, digits = 1) => value.toString(16).padStart(digits, "0");
const address = (va) => "0x" + hex(va, 16);
const big = (text) => BigInt("0x" + text);
const shiftOf = (level) => BigInt(12 + 9 * (LAST_LEVEL - level));

/** A size in the largest unit that it has at least one of, "~" before it if it is rounded. */
function sizeText(size) {
  let unit = 0;
  while (unit < 6 && size >> BigInt(10 * (unit + 1))) ++unit;
  const one = 1n << BigInt(10 * unit);
  const value = Number(size) / Number(one);
  return (size % one ? "~" : "") + Number(value.toPrecision(value < 100 ? 2 : 3)) + "BKMGTPE"[unit];
}

class Space {
  constructor(model, moment) {
    this.model = model;
    this.moment = moment;
    this.regions = model.regions.map((region) => ({...region, start: big(region.first), end: big(region.last) + 1n}));
  }

  regionOf(va) {
    return this.regions.find((region) => region.start <= va && va < region.end);
  }

  /** Bit 55 chooses the half. */
  halfOf(va) {
    return this.moment.halves[(va >> 55n) & 1n ? "high" : "low"];
  }

  /** The recorded entries of the table at a physical address (hexadecimal): a Map from index to entry. */
  table(at) {
    const table = this.model.tables[this.moment.tables[at]];
    table.map ??= new Map(table.entries.map(([index, raw, word]) =>
        [index, {raw: big(raw), word: this.model.words[word]}]));
    return table.map;
  }

  /** What the MMU reads for an address, and how it ends: "leaf", "invalid", or "outside", when no table is read. */
  walk(va) {
    const half = this.halfOf(va);
    const name = half === this.moment.halves.high ? "TTBR1" : "TTBR0";
    const found = {va, half, name, steps: [], end: "outside", physical: null};
    if (va < big(half.first) || va > big(half.last)) return found;
    let table = half.root;
    for (let level = half.level; ; ++level) {
      const shift = shiftOf(level);
      const index = Number((va - big(half.first)) >> shift & (level === half.level ? SPACE_END - 1n : 511n));
      const entry = this.table(table).get(index) ?? {raw: 0n, word: {kind: "invalid", what: "invalid", text: ""}};
      found.steps.push({level, table, index, ...entry});
      if (entry.word.kind !== "table") {
        found.end = entry.word.kind;
        if (found.end === "leaf") found.physical = (entry.raw & OUTPUT) + (va & ((1n << shift) - 1n));
        return found;
      }
      table = hex(entry.raw & OUTPUT);
    }
  }

  /** Valid entries that meet start to end: leaves, and of tables whose entry spans less than `least` bytes only that
   *  there is something below. */
  *entries(start, end, least) {
    for (const half of Object.values(this.moment.halves))
      yield* this.entriesBelow(half.root, half.level, big(half.first), start, end, least);
  }

  *entriesBelow(table, level, base, start, end, least) {
    const span = 1n << shiftOf(level);
    for (const [index, entry] of this.table(table)) {
      const va = base + BigInt(index) * span;
      if (va >= end || va + span <= start) continue;
      if (entry.word.kind === "table" && span >= least)
        yield* this.entriesBelow(hex(entry.raw & OUTPUT), level + 1, va, start, end, least);
      else if (entry.word.kind !== "invalid")
        yield {va, span, level, index, table, ...entry};
    }
  }
}

/** The address that a person typed: hexadecimal with 0x, or as the shell prints it; null if it is none. */
function parseAddress(text) {
  const digits = text.trim().toLowerCase().replace(/^0x/, "").replace(/_/g, "");
  return /^[0-9a-f]{1,16}$/.test(digits) ? big(digits) : null;
}

/** What of the tables differs between two moments: entries, and tables that came or went. */
function tableChanges(before, after) {
  const changes = {entries: [], came: [], went: []};
  for (const at of new Set([...Object.keys(before.moment.tables), ...Object.keys(after.moment.tables)])) {
    const [old, now] = [before.moment.tables[at], after.moment.tables[at]];
    if (old === undefined) changes.came.push(at);
    else if (now === undefined) changes.went.push(at);
    else if (old !== now) {
      const [oldMap, newMap] = [before.table(at), after.table(at)];
      for (const index of new Set([...oldMap.keys(), ...newMap.keys()])) {
        const [was, is] = [oldMap.get(index)?.raw ?? 0n, newMap.get(index)?.raw ?? 0n];
        if (was !== is) changes.entries.push({level: after.model.tables[now].level, index, before: was, after: is});
      }
    }
  }
  return changes;
}
