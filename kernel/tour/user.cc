// SPDX-License-Identifier: MIT
/// Section F of the tour, but for how far a process reaches (x86.cc): what a process has in its
/// half.
#include <arch/paging.h>
#include <arch/translate.h>

#include <array>

#include "kernel/proc/proc_source.h"
#include "kernel/tour/pages.h"
#include "kernel/tour/watch.h"
#include "mm/user/active_user_space.h"

namespace meridian {
namespace {

/// A part of the program, and what it must be allowed.
struct Part {
  std::string_view name;
  bool write, execute;
};
constexpr Part kParts[] = {
    {"text", false, true}, {"data", true, false},   {"bss", true, false},
    {"heap", true, false}, {"mapped", true, false}, {"stack", true, false},
};

/// The VMA around `page`, as a line of maps; nothing if there is none.
std::optional<VmaView> show_vma(Evidence& e, const Stop& stop, UserAddr page) {
  std::optional<VmaView> vma = stop.space->vma_above(page);
  if (!vma || !vma->range.contains(page)) return {};
  BufferWriter<512> name;
  print_mapping_name(name, *stop.process, *stop.space, *vma);
  e.out().write("    ");
  print_maps_line(e.out(), mapping_of(*vma, name.text()));
  return vma;
}

/// Shows the leaf, and asks the MMU: true if tables, VMA and MMU agree that the part has its
/// rights.
bool show_rights(Evidence& e, const Stop& stop, UserAddr page, const Part& part) {
  const auto walk = stop.space->walk(page);
  if (walk.why() != WalkEnd::leaf) return false;
  print(e.out(), "      L{} {:016x} ", number_of(walk.last().level), walk.last().entry.raw());
  walk.last().entry.describe(e.out(), walk.last().level);
  e.out().put('\n');
  const Attributes rights = walk.last().entry.attributes(walk.last().level);
  const ActiveUserSpace active(*stop.space);
  const VirtAddr va(page.value());
  const bool reads = arch::ask_mmu(va, arch::Access::read, arch::El::el0).ok;
  const bool writes = arch::ask_mmu(va, arch::Access::write, arch::El::el0).ok;
  return reads && writes == part.write && rights.user && rights.execute == part.execute;
}

void parts_and_rights(Evidence& e) {
  Watch watch;
  if (!e.require(watch.start("/bin/places").has_value(), "/bin/places runs")) return;
  UserAddr before(0);
  bool in_order = true;
  for (const Part& part : kParts) {
    const std::optional<Stop> stop = require_mark(e, watch, "the next part of the program");
    if (!stop) return;
    const UserAddr page = stop->pages.start();
    e.show("{} at {}", part.name, page);
    const std::optional<VmaView> vma = show_vma(e, *stop, page);
    const Protection wanted{.read = true, .write = part.write, .execute = part.execute};
    const bool agrees =
        vma && vma->traits.protection == wanted && show_rights(e, *stop, page, part);
    BufferWriter<64> sentence;
    print(sentence, "{}: {}, says the VMA, the table and the MMU", part.name,
          part.execute ? "r-x" : "rw-");
    e.require(agrees, sentence.text());
    in_order &= before <= page;
    before = page;
    watch.go_on(*stop);
  }
  e.require(in_order, "from the text at the bottom to the stack at the top");
  require_good_end(e, watch);
}

/// Pages of `range` that have a frame.
u64 pages_with_frame(UserSpace& space, UserRange range) {
  return space.count_pages(range).resident;
}

void frames_on_first_touch(Evidence& e) {
  Watch watch;
  if (!e.require(watch.start("/bin/demand").has_value(), "/bin/demand runs")) return;
  std::optional<Stop> stop = require_mark(e, watch, "it has its pages");
  if (!stop) return;
  UserSpace& space = *stop->space;
  const UserRange range = stop->pages;
  const u64 pages = range.size() >> kPageShift;
  const SpaceStats start = space.stats();
  e.show("{} pages at {}, {} with a frame; resident set {} pages, {} faults so far", pages,
         range.start(), pages_with_frame(space, range), start.resident(), start.minor_faults);
  e.require(pages != 0 && pages_with_frame(space, range) == 0,
            "before the first touch no page has a frame");
  bool one_each = true;
  for (u64 i = 0; i < pages; ++i) {
    const SpaceStats before = space.stats();
    watch.go_on(*stop);
    stop = require_mark(e, watch, "it touched one page more");
    if (!stop) return;
    const SpaceStats after = space.stats();
    const std::optional<Frame> frame = frame_of(space, range.start() + i * kPageSize);
    e.show("page {}: PFN {:x}; resident set {} pages, {} faults", i, frame ? frame->number() : 0,
           after.resident(), after.minor_faults);
    one_each &= frame && pages_with_frame(space, range) == i + 1 &&
                after.resident() == before.resident() + 1 &&
                after.minor_faults == before.minor_faults + 1;
  }
  e.require(one_each, "each touch was one fault, which gave that page a frame, and no other");
  require_good_end(e, watch);
}

/// A page of a process, as F3 looks at it.
struct PageView {
  Frame frame;
  u64 references = 0;
  bool write = false;
};

PageView show_page(Evidence& e, const Stop& stop, std::string_view when) {
  const UserAddr page = stop.pages.start();
  const Result<Translation> found = stop.space->translate(page);
  if (!found.has_value()) {
    e.show("{:<22} process {}: no frame", when, stop.process->pid());
    return {};
  }
  PageView view;
  view.frame = Frame::containing(found.value().pa);
  view.references = frame_info(view.frame).references();
  view.write = found.value().attributes.write;
  e.show("{:<20} process {} has the page at {} in PFN {:x}: references {}, {}", when,
         stop.process->pid(), page, view.frame.number(), view.references,
         view.write ? "writable" : "read-only");
  return view;
}

/// The page at the program's next mark; it goes on afterwards.
std::optional<PageView> next_page(Evidence& e, Watch& watch, std::string_view when) {
  const std::optional<Stop> stop = require_mark(e, watch, when);
  if (!stop) return {};
  const PageView view = show_page(e, *stop, when);
  watch.go_on(*stop);
  return view;
}

void copy_on_write(Evidence& e) {
  Watch watch;
  if (!e.require(watch.start("/bin/cow").has_value(), "/bin/cow runs")) return;
  constexpr std::array<std::string_view, 5> kWhen = {
      "before fork", "in the child", "the child wrote", "the child has ended", "the parent wrote"};
  std::array<PageView, kWhen.size()> views;
  for (usize i = 0; i < kWhen.size(); ++i) {
    const std::optional<PageView> view = next_page(e, watch, kWhen[i]);
    if (!view) return;
    views[i] = *view;
  }
  const auto& [alone, shared, written, back, rewritten] = views;
  e.require(alone.references == 1 && alone.write, "the parent has its frame alone, and may write");
  e.require(shared.frame == alone.frame && shared.references == 2 && !shared.write,
            "after fork the child has the same frame, with two references, read-only");
  e.require(written.frame != alone.frame && written.references == 1 && written.write,
            "the child's write gave it a frame of its own");
  e.require(back.frame == alone.frame && back.references == 1,
            "the parent has the old one still, alone again");
  e.require(rewritten.frame == alone.frame && rewritten.write, "so its next write copies nothing");
  require_good_end(e, watch);
}

constexpr TourStop kStops[] = {
    {"F1", "text, data, bss, heap, mappings and stack: each in its place, with its own rights",
     parts_and_rights},
    {"F2", "A page gets a frame when it is first touched", frames_on_first_touch},
    {"F3", "fork shares frames until one side writes (copy on write)", copy_on_write},
};

}  // namespace

void require_program_reaches(Evidence& e, u64 end) {
  Watch watch;
  if (!e.require(watch.start("/bin/reach").has_value(), "/bin/reach runs")) return;
  const std::optional<Stop> stop =
      require_mark(e, watch, "it has mapped, and written, the highest page that it gets");
  if (!stop) return;
  e.show("the highest mmap that succeeds: {} to {}", stop->pages.start(), stop->pages.last());
  e.require(stop->pages.end().value() == end, "it ends where a process's addresses do");
  require_good_end(e, watch);
}

std::span<const TourStop> user_stops() { return kStops; }

}  // namespace meridian
