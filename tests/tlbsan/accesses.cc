// SPDX-License-Identifier: MIT
/// What a load, a store or a fetch may meet: every entry that the CPU may hold for the address is
/// held against what the tables say now.
#include "tests/tlbsan/model.h"

namespace tlbsan {
namespace {

constexpr uint64_t kPage = 4096;
constexpr unsigned kGroup = 16;  // leaves under one contiguous hint

const char* name_of(Use use) {
  switch (use) {
    case Use::load:
      return "load";
    case Use::store:
      return "store";
    case Use::fetch:
      return "fetch";
  }
  return "";
}

constexpr uint64_t kMemory = 0b111 << 2 | 0b11 << 8;  // AttrIndx and SH

}  // namespace

void Model::access(unsigned number, Access access) {
  Cpu& cpu = cpus_[number];
  if (cpu.el > 1) return;
  ++(access.use == Use::fetch ? reporter_.counts.fetches : reporter_.counts.accesses);
  access.va = cpu.regime.mmu_is_on() ? untagged(cpu.regime, access.va) : access.va;
  const uint64_t left = kPage - access.va % kPage;
  if (access.size <= left) return access_page(cpu, access);
  Access first = access, second = access;
  first.size = static_cast<unsigned>(left);
  second.size = access.size - first.size;
  second.va += left;
  access_page(cpu, first);
  access_page(cpu, second);
}

void Model::access_page(Cpu& cpu, const Access& access) {
  const unsigned el = access.unprivileged ? 0 : cpu.el;
  const unsigned context = el << 1 | cpu.pan;
  const uint64_t page = access.va / kPage;
  Known& known = cpu.known[page % cpu.known.size()];
  const bool same =
      known.page == page && known.generation == cpu.generation && known.context == context;
  if (!same || !known.used[static_cast<unsigned>(access.use)]) {
    const unsigned generation = cpu.generation;
    const std::optional<uint64_t> pa = translate(cpu, access, el);
    if (!pa) return;
    if (!same) known = {page, cpu.generation, context, {}, false, frame_of(*pa)};
    known.is_table = tables_.find(known.frame) != nullptr;
    known.used[static_cast<unsigned>(access.use)] = generation == cpu.generation;
  }
  if (access.use == Use::store && known.is_table)
    store(cpu, known.frame * kPage + access.va % kPage, access.size, access.pc);
}

/// What the access went through. A store is told of when it is done, and it may have changed the
/// very tables that translated it: it is walked through what they said last.
Walk Model::walk_for(const Cpu& cpu, const Access& access) const {
  if (access.use == Use::store) {
    const Walk before = walk(cpu.regime, access.va, read_last_seen_);
    if (before.translates) return before;
  }
  return walk(cpu.regime, access.va, read_);
}

/// The physical address that the tables give, if they allow the access.
std::optional<uint64_t> Model::translate(Cpu& cpu, const Access& access, unsigned el) {
  if (!cpu.regime.mmu_is_on()) return access.va;
  ++reporter_.counts.walks;
  if (const char* problem = cpu.regime.problem(is_high(access.va))) refuse(problem);
  if (!is_high(access.va)) check_asid(cpu, access.pc);
  const Walk w = walk_for(cpu, access);
  learn_tables(w, access.va);
  const Judged judged{cpu, access, el, w};
  const bool stale_table = check_tables(judged), stale_leaf = check_leaves(judged);
  if (!w.translates || !permits(judged, w.el1, w.el0)) {
    // CPUs that run side by side may have changed the tables since.
    if (!stale_table && !stale_leaf && cpus_take_turns())
      reporter_.add({.kind = Kind::untranslated,
                     .cpu = cpu.number,
                     .el = el,
                     .pc = access.pc,
                     .va = access.va,
                     .asid = cpu.regime.asid(),
                     .access = name_of(access.use),
                     .now = w.reached ? w.end().descriptor : 0});
    return std::nullopt;
  }
  check_visible(judged);
  remember(cpu, w, access.va);
  return w.output(access.va);
}

bool Model::permits(const Judged& judged, const Rights& el1, const Rights& el0) const {
  const bool data = judged.access.use != Use::fetch;
  if (judged.el == 1 && data && judged.cpu.pan && el0.read) return false;
  const Rights& rights = judged.el == 0 ? el0 : el1;
  switch (judged.access.use) {
    case Use::load:
      return rights.read;
    case Use::store:
      return rights.write;
    case Use::fetch:
      return rights.execute;
  }
  return false;
}

/// Has the thread that changed the tables had its time to invalidate? Until then others may use
/// what they have, on its own CPU too, where they may have interrupted it; its own accesses come in
/// program order.
bool Model::is_due(const Cpu& cpu, const Entry& entry) const {
  if (entry.changed == nullptr) return true;
  const Change& change = *entry.changed;
  if (change.by == cpu.context || settled_.contains(&change)) return true;
  const auto settled = settled_by_thread_.find(change.by.thread);
  return settled != settled_by_thread_.end() && change.number <= settled->second;
}

/// What using the entry would do that the tables do not say; empty if nothing.
std::string Model::difference(const Judged& judged, const Entry& entry) const {
  const Walk& w = judged.walk;
  const bool allowed = permits(judged, entry.el1, entry.el0);
  if (!w.translates) return allowed ? "not mapped any more" : "";
  if (entry.output(judged.access.va) != w.output(judged.access.va)) return "another output address";
  if ((entry.descriptor() ^ w.end().descriptor) & kMemory) return "another memory type";
  const bool allowed_now = permits(judged, w.el1, w.el0);
  if (allowed && !allowed_now) return "rights that were taken away";
  if (!allowed && allowed_now && !habits_.retries_spurious_faults)
    return "rights that were given since";
  return "";
}

void Model::report_entry(const Judged& judged, Entry& entry, Kind kind, const std::string& what) {
  const Walk& w = judged.walk;
  const bool read_now = w.reached && entry.level >= w.first && entry.level <= w.last;
  entry.reported = true;
  reporter_.add({.kind = kind,
                 .cpu = judged.cpu.number,
                 .el = judged.el,
                 .pc = judged.access.pc,
                 .va = judged.access.va,
                 .asid = judged.cpu.regime.asid(),
                 .access = name_of(judged.access.use),
                 .what = what,
                 .cached = entry.descriptor(),
                 .now = read_now ? w.steps[entry.level].descriptor : 0,
                 .change = entry.changed,
                 .missing = missing_for(entry)});
}

/// True if there is an entry that must not be there any more.
bool Model::check_leaves(const Judged& judged) {
  Cpu& cpu = judged.cpu;
  const uint64_t root = cpu.regime.ttbr(is_high(judged.access.va)) & 0xffff'ffff'fffe;
  bool found = false;
  cpu.tlb.for_each_at(judged.access.va, cpu.regime.asid(), [&](Entry& entry) {
    const bool current = entry.root == root && entry.changed == nullptr;
    if (current || !entry.is_leaf || !entry.matches(cpu.regime.asid())) return;
    found = true;
    if (entry.reported || !is_due(cpu, entry)) return;
    const std::string what = difference(judged, entry);
    if (what.empty()) return;
    Kind kind = Kind::stale_leaf;
    if (entry.root != root)
      kind = entry.global ? Kind::global_conflict : Kind::asid_reuse;
    else if (entry.invalidating & 1u << cpu.number)
      kind = Kind::use_before_completion;
    report_entry(judged, entry, kind, what);
  });
  return found;
}

/// The same for the tables that a walk may be cut short by.
bool Model::check_tables(const Judged& judged) {
  Cpu& cpu = judged.cpu;
  const Walk& w = judged.walk;
  bool found = false;
  cpu.tlb.for_each_at(judged.access.va, cpu.regime.asid(), [&](Entry& entry) {
    if (entry.is_leaf || entry.asid != cpu.regime.asid()) return;
    const bool read_now = w.reached && entry.level >= w.first && entry.level <= w.last;
    if (read_now && w.steps[entry.level].descriptor == entry.descriptor()) return;
    found = true;
    if (entry.reported || !is_due(cpu, entry)) return;
    const bool waits = entry.invalidating & 1u << cpu.number;
    report_entry(judged, entry, waits ? Kind::use_before_completion : Kind::stale_table,
                 "a table that is not linked there any more");
  });
  return found;
}

/// A new entry that no DSB and ISB has made visible may still be read as the old, invalid one. For
/// a program that is one page fault more: its own thread should not have sent it there, but another
/// one may have been interrupted.
void Model::check_visible(const Judged& judged) {
  const Walk& w = judged.walk;
  for (const Pending& pending : judged.cpu.pending) {
    const Change& change = *pending.change;
    const bool of_another = change.by.thread != judged.cpu.context.thread;
    if (judged.el == 0 && (habits_.retries_spurious_faults || of_another)) continue;
    for (unsigned level = w.first; level <= w.last; ++level) {
      if (change.word != w.steps[level].word || change.before & 1) continue;
      reporter_.add({.kind = pending.ordered ? Kind::use_before_isb : Kind::use_before_dsb,
                     .cpu = judged.cpu.number,
                     .el = judged.el,
                     .pc = judged.access.pc,
                     .va = judged.access.va,
                     .asid = judged.cpu.regime.asid(),
                     .access = name_of(judged.access.use),
                     .cached = change.before,
                     .now = w.steps[level].descriptor,
                     .change = &change,
                     .missing = pending.ordered ? "isb" : "dsb ishst"});
    }
  }
}

Entry Model::entry_at(const Cpu& cpu, const Walk& w, uint64_t va, unsigned level) const {
  const bool high = is_high(va);
  Entry entry;
  entry.va = va & ~(span_of(level) - 1);
  entry.level = level;
  entry.is_leaf = level == w.last;
  entry.global = entry.is_leaf && w.is_global();
  entry.asid = cpu.regime.asid();
  entry.root = cpu.regime.ttbr(high) & 0xffff'ffff'fffe;
  entry.first = w.first;
  for (unsigned i = w.first; i <= level; ++i) entry.path[i] = w.steps[i];
  entry.el1 = w.el1;
  entry.el0 = w.el0;
  return entry;
}

void Model::remember(Cpu& cpu, const Walk& w, uint64_t va) {
  for (unsigned level = w.first; level <= w.last; ++level)
    cpu.tlb.insert(entry_at(cpu, w, va, level));
  if (w.is_contiguous()) remember_group(cpu, w, va);
}

/// A contiguous hint lets the TLB hold all leaves of the group after the use of one: as one entry
/// or, which outlives more invalidations, as one each.
void Model::remember_group(Cpu& cpu, const Walk& w, uint64_t va) {
  const uint64_t span = span_of(w.last), start = va & ~(kGroup * span - 1);
  for (unsigned i = 0; i < kGroup; ++i) {
    const Walk sibling = walk(cpu.regime, start + i * span, read_);
    if (sibling.translates && sibling.last == w.last)
      cpu.tlb.insert(entry_at(cpu, sibling, start + i * span, w.last));
  }
}

std::string Model::missing_for(const Entry& entry) {
  char text[64];
  if (entry.global || is_high(entry.va))
    std::snprintf(text, sizeof(text), "tlbi %s, %#lx", entry.is_leaf ? "vaale1is" : "vaae1is",
                  entry.va);
  else
    std::snprintf(text, sizeof(text), "tlbi %s, %#lx of ASID %u",
                  entry.is_leaf ? "vale1is" : "vae1is", entry.va, entry.asid);
  return text;
}

}  // namespace tlbsan
