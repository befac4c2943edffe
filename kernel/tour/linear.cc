// SPDX-License-Identifier: MIT
/// Section C of the tour: the linear map, what it gives and what it does not.
#include <arch/translate.h>

#include <algorithm>
#include <array>

#include "kernel/init/system.h"
#include "kernel/tour/pages.h"
#include "kernel/tour/watch.h"
#include "mm/frames/frames.h"
#include "mm/image.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/vmalloc.h"
#include "mm/layout/layout.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/address_space.h"

namespace meridian {
namespace {

template <typename T>
bool refused(const Result<T>& result, Errc code) {
  return !result.has_value() && result.error().code == code;
}

/// Three witnesses for one frame: the subtraction, the MMU, and the walk.
bool three_witnesses_agree(Evidence& e, const char* which, Frame frame) {
  const PhysAddr pa = frame.address();
  const Result<VirtAddr> va = linear_map.to_virt(pa);
  if (!e.require_value(va, "__va of a frame of RAM")) return false;
  const Result<PhysAddr> mmu = arch::at_translate(va.value(), arch::Access::read, arch::El::el1);
  const Result<Translation> walk = kernel_space().translate(va.value());
  if (!e.require_value(mmu, "the MMU translates it")) return false;
  if (!e.require_value(walk, "the walk translates it")) return false;
  e.show("{:<6} {} + offset = {}; AT says {}, a walk {}", which, pa, va.value(), mmu.value(),
         walk.value().pa);
  return mmu.value() == pa && walk.value().pa == pa && linear_map.to_phys(va.value()).value() == pa;
}

/// So much of a bank, from its start, is within the linear map; of the rest __va is refused.
u64 linear_bytes(const PhysRange& bank) {
  const u64 end = std::min(bank.end().value(), linear_map.phys().end().value());
  return end > bank.start().value() ? end - bank.start().value() : 0;
}

void constant_offset(Evidence& e) {
  e.show("offset = {:X}, for {} of addresses", linear_map.offset(),
         Bytes{linear_map.virt().size()});
  bool agree = true;
  for (const PhysRange& bank : the_system().memory.banks()) {
    const u64 count = linear_bytes(bank) >> kPageShift;
    if (count == 0) continue;
    const Frame first(bank.start());
    agree &= three_witnesses_agree(e, "first", first);
    agree &= three_witnesses_agree(e, "last", first + (count - 1));
    for (int i = 0; i < 3; ++i)
      agree &= three_witnesses_agree(e, "random", somewhere_in({first, count}));
  }
  e.require(agree, "for each: __va, the MMU (AT S1E1R) and a walk name the same frame");
  for (const PhysRange& bank : the_system().memory.banks())
    if (linear_bytes(bank) != bank.size())
      e.require(refused(linear_map.to_virt(bank.last()), Errc::not_linear),
                "__va of a frame beyond the map (HIGHMEM) is refused");
}

/// Bytes of the linear map by the level that maps them.
struct ByLevel {
  std::array<u64, std::size(kLevels)> bytes{};
  u64 contiguous = 0;
};

ByLevel linear_map_by_level() {
  ByLevel sum;
  kernel_space().dump(linear_map.virt(), Coalesce::rights, [&](const DumpRun& run) {
    if (run.kind != Kind::leaf) return;
    sum.bytes[number_of(run.level)] += run.range.size();
    if (run.attributes.contiguous) sum.contiguous += run.range.size();
  });
  return sum;
}

void walked_all_the_same(Evidence& e) {
  const Result<void*> object = kmalloc(kPageSize);
  if (!e.require_value(object, "kmalloc(4 KiB)")) return;
  const Holding<kfree> holding(object.value());
  const VirtAddr va = VirtAddr::of(object.value());
  PhysAddr walked;
  for (const auto& step : kernel_space().walk(va)) {
    e.show("L{} [{:>3}] {:016x} {}", number_of(step.level), step.index, step.entry.raw(),
           step.kind() == Kind::leaf ? "leaf" : "table");
    if (step.kind() == Kind::leaf)
      walked =
          step.entry.output().address() +
          (va.value() & (kernel_space().tables().mapper().geometry().entry_span(step.level) - 1));
  }
  const Result<PhysAddr> mmu = arch::at_translate(va, arch::Access::write, arch::El::el1);
  if (!e.require_value(mmu, "AT S1E1W of the object")) return;
  e.show("{}: the walk ends at {}, AT S1E1W at {}", va, walked, mmu.value());
  e.require(walked == mmu.value(), "the tables and the MMU agree");

  const ByLevel map = linear_map_by_level();
  for (Level level : {Level::L1, Level::L2, Level::L3})
    e.show("mapped by L{} entries of {:>3}: {:>8}", number_of(level),
           Bytes{kernel_space().tables().mapper().geometry().entry_span(level)},
           Bytes{map.bytes[number_of(level)]});
  e.require(map.bytes[1] + map.bytes[2] > map.bytes[3], "most of it by blocks, not by pages");
}

void only_for_linear_addresses(Evidence& e) {
  const Result<void*> area = vmalloc(kPageSize);
  if (!e.require_value(area, "vmalloc(4 KiB)")) return;
  const Holding<vfree> holding(area.value());
  const VirtAddr va = VirtAddr::of(area.value());
  const VirtAddr user(current_layout().region(RegionKind::user).first + 0x40'0000);
  e.require(refused(linear_map.to_phys(user), Errc::not_linear),
            "__pa of a user address is refused");
  e.require(refused(linear_map.to_phys(va), Errc::not_linear),
            "__pa of a vmalloc address is refused");
  const Result<Translation> walk = kernel_space().translate(va);
  const Result<PhysAddr> mmu = arch::at_translate(va, arch::Access::read, arch::El::el1);
  if (!e.require_value(walk, "a walk of the vmalloc address answers")) return;
  if (!e.require_value(mmu, "so does the MMU")) return;
  const u64 nonsense = va.value() - linear_map.offset();
  e.show("{}: a walk gives {}; the subtraction would have given {:X}", va, walk.value().pa,
         nonsense);
  e.require(walk.value().pa == mmu.value(), "both name the same frame");
  e.require(walk.value().pa.value() != nonsense, "which the subtraction would have missed");
}

/// Something in the image that is read through two addresses.
constinit volatile u64 landmark = 0x4d65'7269'6469'616e;

void image_high_and_low(Evidence& e) {
  const VirtAddr symbol = VirtAddr::of(const_cast<const u64*>(&landmark));
  const VirtRange image = image_range();
  const PhysRange loaded = image_phys();
  e.show("linked at {:X}, runs at {}, loaded at {}", kImageLinkBase, image.start(), loaded.start());
  const Result<PhysAddr> pa = image_to_phys(symbol);
  if (!e.require_value(pa, "the image's offset gives a symbol's physical address")) return;
  const Result<PhysAddr> mmu = arch::at_translate(symbol, arch::Access::read, arch::El::el1);
  if (!e.require_value(mmu, "AT S1E1R of the symbol")) return;
  const Result<VirtAddr> alias = linear_map.to_virt(pa.value());
  if (!e.require_value(alias, "its linear alias")) return;
  e.show("landmark: image {} = load {} = linear {}", symbol, pa.value(), alias.value());
  if (alias.value() == symbol)
    e.show("under this layout the image runs in the linear map: the two are one");
  e.require(symbol - image.start() == pa.value() - loaded.start(),
            "a symbol is as far into the image as into its load address");
  e.require(mmu.value() == pa.value(), "the MMU agrees");
  landmark = landmark + 1;
  const u64 written = landmark;
  const u64 through_alias = *linear_map.pointer<volatile u64>(pa.value());
  e.show("written through the image: {:X}; read through the linear map: {:X}", written,
         through_alias);
  e.require(through_alias == written, "both addresses reach the same memory");
}

constexpr UserRange kBuffer{UserAddr(0x1000'0000), 8 * kPageSize};

UserRange page_of(const UserRange& buffer, u64 i) {
  return {buffer.start() + i * kPageSize, kPageSize};
}

void user_memory_is_scattered(Evidence& e) {
  Watch watch;
  if (!e.require(watch.start("/bin/turns").has_value(), "/bin/turns runs")) return;
  const std::optional<Stop> stop = require_mark(e, watch, "it has touched two buffers in turns");
  if (!stop) return;
  const usize pages = stop->pages.size() >> kPageShift;
  e.show("a user buffer at {}, {} pages", stop->pages.start(), pages);
  const Result<void*> object = kmalloc(stop->pages.size());
  if (!e.require_value(object, "kmalloc of as much")) return;
  const Holding<kfree> holding(object.value());

  ListedFrames user;
  for (usize i = 0; i < pages; ++i) {
    const std::optional<Frame> frame = frame_of(*stop->space, stop->pages.start() + i * kPageSize);
    if (!frame || !user.push(*frame)) break;
  }
  const ListedFrames kernel = frames_behind(object.value(), pages);
  show_frames(e, "user buffer", {user.begin(), user.size()});
  show_frames(e, "kmalloc    ", {kernel.begin(), kernel.size()});
  e.require(user.size() == pages && !are_contiguous({user.begin(), user.size()}),
            "neighbours in the user buffer are frames that are not neighbours");
  e.require(kernel.size() == pages && are_contiguous({kernel.begin(), kernel.size()}),
            "kmalloc's 8 pages are 8 frames in a row");
  require_good_end(e, watch);
}

/// Shows who owns a frame, and returns it.
FrameOwner show_owner(Evidence& e, const char* when, Frame frame) {
  const FrameState state = frame_state(frame);
  e.show("{:<20} PFN {:x}: {}", when, frame.number(), name_of(state.owner));
  return state.owner;
}

bool is_free(FrameOwner owner) { return owner == FrameOwner::free || owner == FrameOwner::cached; }

/// Maps the second page of kBuffer (the first keeps the tables there), to a frame that the linear
/// map has, and says which one it got.
Result<Frame> map_second_page(AddressSpace& space) {
  TRY(space.map_new(page_of(kBuffer, 1), kUserData, ZoneKind::normal));
  return Frame::containing(TRY(space.translate(page_of(kBuffer, 1).start())).pa);
}

void mapped_is_not_allocated(Evidence& e) {
  Result<AddressSpace> created = AddressSpace::create();
  if (!e.require_value(created, "an address space")) return;
  AddressSpace& space = created.value();
  if (!e.require(space.map_new(page_of(kBuffer, 0), kUserData).has_value(), "its first page"))
    return;
  const Result<Frame> taken = map_second_page(space);
  if (!e.require_value(taken, "its second page")) return;
  const Frame frame = taken.value();
  const bool returned = space.unmap(page_of(kBuffer, 1)).has_value();

  const VirtAddr alias = VirtAddr::of(linear_map.pointer(frame));
  const bool was_free = is_free(show_owner(e, "before", frame));
  const Result<PhysAddr> mmu = arch::at_translate(alias, arch::Access::write, arch::El::el1);
  e.require(returned && was_free, "nobody owns the frame");
  e.require(mmu.has_value() && mmu.value() == frame.address(),
            "yet the linear map has it: the MMU would let the kernel write there");

  const Result<Frame> again = map_second_page(space);
  if (!e.require_value(again, "a page for the program")) return;
  const bool is_user = show_owner(e, "while it is mapped", again.value()) == FrameOwner::user;
  e.require(again.value() == frame && is_user, "the program got that very frame");
  const bool unmapped = space.unmap(page_of(kBuffer, 1)).has_value();
  const bool free_again = is_free(show_owner(e, "after unmap", frame));
  e.require(unmapped && free_again, "and it is free again, mapped linearly all the while");
}

constexpr TourStop kStops[] = {
    {"C1",
     "The kernel half maps physical memory at a constant offset: __va and __pa are one subtraction",
     constant_offset},
    {"C2", "The hardware still walks the tables for a linear address", walked_all_the_same},
    {"C3", "__pa is valid for linear addresses only", only_for_linear_addresses},
    {"C4", "User memory is not linear: neighbours in virtual addresses are scattered frames",
     user_memory_is_scattered},
    {"C5", "The kernel image is linked high and loaded low", image_high_and_low},
    {"C6",
     "Mapping in advance reserves nothing: a linear-mapped frame is free until someone takes it",
     mapped_is_not_allocated},
};

}  // namespace

std::span<const TourStop> linear_stops() { return kStops; }

}  // namespace meridian
