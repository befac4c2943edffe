// SPDX-License-Identifier: MIT
/// Visits part of an address space in order of address, as runs: neighbours of the same level and
/// the same bits are one. For page-table dumps, maps, and audits (W^X, aliases), which decide for
/// themselves what a run means.
#pragma once

#include "mm/paging/cursor.h"

namespace meridian {

/// Neighbouring entries that agree in everything but where they lead.
struct DumpRun {
  VirtRange range;
  Level level = Level::L0;
  Kind kind = Kind::invalid;  // leaf or invalid; a table is shown by what is below it
  u64 bits = 0;               // of a leaf: its entry without the output address
  Attributes attributes{};    // of a leaf
  Frame first{};              // of a leaf: what the first address of the run is mapped to

  bool same_rights(const DumpRun& other) const {
    return level == other.level && kind == other.kind && bits == other.bits;
  }
};

enum class Coalesce : u8 {
  rights,             // as in Linux's page-table dumps
  rights_and_frames,  // also start a new run where the frames are not consecutive
};

/// Joins what it is given to the newest run, and hands each finished run to `visit`.
template <typename Visit>
class RunJoiner {
 public:
  RunJoiner(Coalesce rule, Visit& visit) : rule_(rule), visit_(visit) {}
  void add(const DumpRun& next) {
    if (joins(next)) {
      newest_.range = {newest_.range.start(), newest_.range.size() + next.range.size()};
      return;
    }
    finish();
    newest_ = next;
  }
  void finish() {
    if (!newest_.range.is_empty()) visit_(newest_);
  }

 private:
  bool joins(const DumpRun& next) const {
    if (newest_.range.is_empty() || !newest_.same_rights(next)) return false;
    if (rule_ == Coalesce::rights || next.kind != Kind::leaf) return true;
    return newest_.first + (newest_.range.size() >> kPageShift) == next.first;
  }

  Coalesce rule_;
  Visit& visit_;
  DumpRun newest_;
};

/// The run that the entry `i` slots after the cursor makes on its own, without what lies out of
/// `part`.
template <PagingFormat F, typename Store>
DumpRun run_of_entry(const Cursor<F, Store>& cursor, usize i, typename F::Entry entry,
                     VirtRange part) {
  const VirtAddr start = cursor.start() + i * cursor.span();
  const VirtAddr first = start < part.start() ? part.start() : start;
  const VirtAddr entry_last = start + (cursor.span() - 1);
  const VirtAddr last = entry_last < part.last() ? entry_last : part.last();

  DumpRun run{.range = {first, last - first + 1}, .level = cursor.level()};
  run.kind = entry.kind(cursor.level());
  if (run.kind == Kind::leaf) {
    run.bits = entry.with_output(Frame()).raw();
    run.attributes = entry.attributes(cursor.level());
    run.first = entry.output() + ((first - start) >> kPageShift);
  }
  return run;
}

/// Calls `visit(const DumpRun&)` for each run of `part`, mapped or not, cut to `part`. The part is
/// page aligned and within the half.
template <PagingFormat F, typename Store, typename Visit>
void dump_tables(const typename F::Geometry& geometry, Store& store, Frame root, VirtRange part,
                 Coalesce rule, Visit&& visit) {
  RunJoiner<std::remove_reference_t<Visit>> runs(rule, visit);
  for_each_run<F>(geometry, store, root, part, [&](const auto& cursor, usize count) {
    for (usize i = 0; i < count; ++i) {
      const typename F::Entry entry = load_entry(cursor.slots()[i]);
      if (entry.kind(cursor.level()) == Kind::table) return i;
      runs.add(run_of_entry<F>(cursor, i, entry, part));
    }
    return count;
  });
  runs.finish();
}

}  // namespace meridian
