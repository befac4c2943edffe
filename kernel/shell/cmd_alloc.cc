// SPDX-License-Identifier: MIT
/// alloc, free: memory by hand. What was allocated by hand is remembered, and only that can be
/// freed.
#include <array>
#include <optional>

#include "kernel/shell/command.h"
#include "kernel/sync/spinlock.h"
#include "mm/frames/frames.h"
#include "mm/kernel/linear_map.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

/// One allocation by hand.
struct Held {
  enum class From : u8 { pages, kmalloc, vmalloc };

  u64 address = 0;  // a pointer; for pages their physical address
  u64 size = 0;
  From from = From::pages;
  u8 order = 0;
};

const char* name_of(Held::From from) {
  switch (from) {
    case Held::From::pages:
      return "pages";
    case Held::From::kmalloc:
      return "kmalloc";
    case Held::From::vmalloc:
      return "vmalloc";
  }
  UNREACHABLE();
}

/// What is held. Slots with size 0 are free.
class Ledger {
 public:
  constexpr Ledger() = default;

  Result<void> add(const Held& held) {
    for (Held& slot : slots_) {
      if (slot.size != 0) continue;
      slot = held;
      return {};
    }
    return Error{Errc::out_of_slots, slots_.size()};
  }
  /// Takes out what starts at `address`.
  std::optional<Held> remove(u64 address) {
    for (Held& slot : slots_)
      if (slot.size != 0 && slot.address == address) return std::exchange(slot, Held());
    return std::nullopt;
  }
  Held at(usize i) const { return slots_[i]; }
  static constexpr usize size() { return kSlots; }

 private:
  static constexpr usize kSlots = 64;
  std::array<Held, kSlots> slots_{};
};

constinit Locked<Ledger> ledger;

void give_back(const Held& held) {
  void* const pointer = reinterpret_cast<void*>(held.address);
  switch (held.from) {
    case Held::From::pages:
      return free_frames(Frame(PhysAddr(held.address)), held.order);
    case Held::From::kmalloc:
      return kfree(pointer);
    case Held::From::vmalloc:
      return vfree(pointer);
  }
}

/// Remembers `held`, or gives it back if there is no room to.
Result<void> hold(const Held& held) {
  const Result<void> kept = ledger.with([&](Ledger& all) { return all.add(held); });
  if (!kept.has_value()) give_back(held);
  return kept;
}

Result<ZoneKind> zone_argument(Args& args) {
  if (!args.more()) return ZoneKind::normal;
  if (args.take("dma")) return ZoneKind::dma;
  if (args.take("normal")) return ZoneKind::normal;
  if (args.take("highmem")) return ZoneKind::highmem;
  TRY(args.word("ZONE"));
  return args.refuse("is none of dma, normal and highmem");
}

Result<void> alloc_by_order(Writer& out, Args& args) {
  const u64 order = TRY(args.number("ORDER", kMaxOrder));
  const ZoneKind zone = TRY(zone_argument(args));
  TRY(args.end());
  const Frame first = TRY(alloc_frames(static_cast<unsigned>(order), FrameOwner::kernel, zone));
  const u64 size = kPageSize << order;
  TRY(hold({first.address().value(), size, Held::From::pages, static_cast<u8>(order)}));
  print(out, "{} frame{} from PFN {:X} on, zone {}: physical {}", u64{1} << order,
        order == 0 ? "" : "s", first.number(), name_of(zone_of(first)), first.address());
  const Result<VirtAddr> linear = linear_map.to_virt(first.address());
  if (linear.has_value()) print(out, ", linear {}", linear.value());
  out.put('\n');
  return {};
}

Result<void> alloc_by_size(Writer& out, Args& args, Held::From from) {
  const u64 size = TRY(args.size("SIZE"));
  TRY(args.end());
  void* const memory = TRY(from == Held::From::kmalloc ? kmalloc(size) : vmalloc(size));
  TRY(hold({VirtAddr::of(memory).value(), size, from}));
  print(out, "{} of {} bytes at {}\n", name_of(from), size, VirtAddr::of(memory));
  return {};
}

Result<void> list_held(Writer& out) {
  bool any = false;
  for (usize i = 0; i < Ledger::size(); ++i) {
    const Held held = ledger.with([i](Ledger& all) { return all.at(i); });
    if (held.size == 0) continue;
    print(out, "{:016x} {:>10} bytes  {}\n", held.address, held.size, name_of(held.from));
    any = true;
  }
  if (!any) out.write("nothing is allocated by hand\n");
  return {};
}

Result<void> cmd_alloc(Writer& out, Args& args) {
  if (!args.more()) return list_held(out);
  if (args.take("pages")) return alloc_by_order(out, args);
  if (args.take("kmalloc")) return alloc_by_size(out, args, Held::From::kmalloc);
  if (args.take("vmalloc")) return alloc_by_size(out, args, Held::From::vmalloc);
  TRY(args.word("KIND"));
  return args.refuse("is none of pages, kmalloc and vmalloc");
}
SHELL_COMMAND("alloc", "alloc [KIND N [ZONE]]",
              "2^N pages, kmalloc or vmalloc of N bytes, by hand; alone: list them", cmd_alloc,
              CommandGroup::memory);

/// A block of pages goes by its physical address, and by its linear one too.
Result<void> cmd_free(Writer& out, Args& args) {
  const VirtAddr typed = TRY(args.address("ADDRESS"));
  TRY(args.end());
  const Result<PhysAddr> physical = linear_map.to_phys(typed);
  std::optional<Held> held = ledger.with([&](Ledger& all) { return all.remove(typed.value()); });
  if (!held && physical.has_value())
    held = ledger.with([&](Ledger& all) { return all.remove(physical.value().value()); });
  if (!held) {
    print(out, "free: nothing that was allocated by hand starts at {}\n", typed);
    return Error{Errc::failed, 1};
  }
  give_back(*held);
  return {};
}
SHELL_COMMAND("free", "free ADDRESS", "give back what alloc gave", cmd_free, CommandGroup::memory);

}  // namespace
}  // namespace meridian
