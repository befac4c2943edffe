// SPDX-License-Identifier: MIT
#include "tests/kernel/arch/sabotage.h"

#include <arch/irq.h>
#include <arch/memory.h>
#include <arch/registers.h>
#include <arch/tlb.h>

#include <cstring>

#include "arch/aarch64/hw/sysreg.h"
#include "mm/kernel/linear_map.h"

namespace meridian::sabotage {
namespace {

using arch::Entry;

constexpr usize kEntries = kPageSize / sizeof(Entry);

Entry* entries(Frame table) { return linear_map.pointer<Entry>(table); }
Entry without_contiguous(Entry entry) { return Entry(entry.raw() & ~Entry::Contiguous::kSet); }

/// Where the walk for `va` ends: the first of the entries that a TLB may hold as one, how many
/// these are, and which of them is the one for `va`.
struct Unit {
  Entry* slots;
  usize count, index;
  Level level;

  Entry entry() const { return slots[index]; }
};

Unit unit_at(VirtAddr va) {
  const KernelSpace::Tables::Place place = kernel_space().tables().find(va);
  const bool in_group =
      place.slots->kind(place.level) == Kind::leaf && Entry::Contiguous::is_set(place.slots->raw());
  const usize count = in_group ? arch::contiguous_group(place.level) : 1;
  const usize index = VirtAddr::of(place.slots).value() / sizeof(Entry) % count;
  return {place.slots - index, count, index, place.level};
}

/// An entry for a table that maps what `block` maps, but for the page at `va`: that is `wanted`.
Entry table_for(Entry block, Level level, VirtAddr va, Entry wanted, OwnTables& tables) {
  const Frame table = tables.take();
  const Level below = next_level(level);
  Attributes attributes = block.attributes(level);
  attributes.contiguous = false;
  const u64 frames = arch::entry_span(below) >> kPageShift;
  for (usize i = 0; i < kEntries; ++i)
    entries(table)[i] = Entry::leaf(below, block.output() + i * frames, attributes);
  Entry& slot = entries(table)[arch::kernel_geometry().index(below, va)];
  slot = below == Level::L3 ? wanted : table_for(slot, below, va, wanted, tables);
  return Entry::table(table);
}

/// The unit as single entries, with `wanted` for the page at `va`.
void change(const Unit& unit, VirtAddr va, Entry wanted, OwnTables& tables, Entry* changed) {
  for (usize i = 0; i < unit.count; ++i) changed[i] = without_contiguous(unit.slots[i]);
  changed[unit.index] =
      unit.level == Level::L3 ? wanted : table_for(unit.entry(), unit.level, va, wanted, tables);
}

/// Break before make. In between, the addresses of these entries lead nowhere: the tables, this
/// code and its stack must lie elsewhere.
void rewrite(Entry* slots, usize count, const Entry* wanted) {
  const arch::IrqGuard guard;
  for (usize i = 0; i < count; ++i) store_entry(slots[i], Entry());
  arch::flush_all_tlbs();
  for (usize i = 0; i < count; ++i) store_entry(slots[i], wanted[i]);
  arch::flush_all_tlbs();
}

void set_tcr(u64 raw) {
  const arch::IrqGuard guard;
  hw::write_tcr_el1(raw);
  hw::isb();
  arch::flush_all_tlbs();
}

void set_kernel_root(u64 ttbr) {
  const arch::IrqGuard guard;
  hw::write_ttbr1_el1(ttbr);
  hw::isb();
  arch::flush_all_tlbs();
}

Frame frame_at(VirtAddr va) { return Frame::containing(linear_map.to_phys(va).value()); }

void copy(Frame to, Frame from) {
  arch::copy_page(linear_map.pointer(to), linear_map.pointer(from));
}

}  // namespace

ChangedTcr::ChangedTcr(u64 raw) : saved_(arch::tcr().raw()) {
  CHECK((raw & arch::Tcr::T1SZ::kMask) == (saved_ & arch::Tcr::T1SZ::kMask));
  set_tcr(raw);
}
ChangedTcr::~ChangedTcr() { set_tcr(saved_); }

Frame OwnTables::take() {
  CHECK(count_ < frames_.size());
  return frames_[count_++] = alloc_frame(FrameOwner::table).value();
}

Entry BrokenPage::entry_of(VirtAddr va) {
  const Unit unit = unit_at(va);
  if (unit.level == Level::L3) return without_contiguous(unit.entry());
  Attributes attributes = unit.entry().attributes(unit.level);
  attributes.contiguous = false;
  const u64 offset = va.value() & (arch::entry_span(unit.level) - 1);
  return Entry::leaf(Level::L3, unit.entry().output() + (offset >> kPageShift), attributes);
}

usize BrokenPage::tables_for(VirtAddr va) {
  return number_of(Level::L3) - number_of(unit_at(va).level);
}

BrokenPage::BrokenPage(VirtAddr va, Entry wanted) {
  const Unit unit = unit_at(va);
  slots_ = unit.slots;
  count_ = unit.count;
  CHECK(count_ <= saved_.size());
  for (usize i = 0; i < count_; ++i) saved_[i] = slots_[i];
  const u64 span = count_ * arch::entry_span(unit.level);
  CHECK(VirtAddr::of(slots_).align_down(span) != va.align_down(span));  // rewrite() needs them
  std::array<Entry, kMostEntries> changed;
  change(unit, va, wanted, tables_, changed.data());
  rewrite(slots_, count_, changed.data());
}

BrokenPage::~BrokenPage() { rewrite(slots_, count_, saved_.data()); }

SpareFrame::SpareFrame(Frame contents) : frame_(alloc_frame(FrameOwner::kernel).value()) {
  copy(frame_, contents);
}

RedirectedPage::RedirectedPage(VirtAddr va, Frame to) : own_(frame_at(va)), other_(to) {
  page_.emplace(va, BrokenPage::entry_of(va).with_output(to));
}
RedirectedPage::~RedirectedPage() {
  page_.reset();
  copy(own_, other_);
}

MovedPage::MovedPage(VirtAddr va) : spare_(frame_at(va)), page_(va, spare_.frame()) {}

StrangeKernelTables::StrangeKernelTables(VirtAddr va)
    : spare_(frame_at(va)), own_(frame_at(va)), saved_root_(arch::ttbr1().raw()) {
  const Unit unit = unit_at(va);
  const Entry page = BrokenPage::entry_of(va).with_output(spare_.frame());
  std::array<Entry, BrokenPage::kMostEntries> changed;
  change(unit, va, page, tables_, changed.data());

  const auto walk = kernel_space().walk(va);
  Frame root;
  usize first = walk.last().index - unit.index, count = unit.count;
  for (usize i = walk.size(); i-- != 0;) {
    const auto& step = walk.begin()[i];
    if (i + 1 != walk.size()) first = step.index;
    const Frame table = tables_.take();
    copy(table, step.table);
    for (usize k = 0; k < count; ++k) entries(table)[first + k] = changed[k];
    changed[0] = Entry::table(table);
    count = 1;
    root = table;
  }
  set_kernel_root(arch::Ttbr(root, 0).raw());
}

StrangeKernelTables::~StrangeKernelTables() {
  set_kernel_root(saved_root_);
  copy(own_, spare_.frame());
}

}  // namespace meridian::sabotage
