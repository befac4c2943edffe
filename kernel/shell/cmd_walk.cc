// SPDX-License-Identifier: MIT
/// walk, translate, layout: where an address lies and leads.
#include <arch/paging.h>
#include <arch/translate.h>

#include <optional>

#include "kernel/shell/command.h"
#include "kernel/shell/process_arg.h"
#include "mm/image.h"
#include "mm/kernel/kernel_space.h"
#include "mm/layout/layout.h"
#include "mm/user/active_user_space.h"

namespace meridian {
namespace {

/// While it lives, this thread translates with `space`, if there is one.
class [[nodiscard]] MaybeActive {
 public:
  explicit MaybeActive(UserSpace* space) {
    if (space != nullptr) active_.emplace(*space);
  }

 private:
  std::optional<ActiveUserSpace> active_;
};

/// The half that an address belongs to, as this CPU translates it now.
struct LiveHalf {
  const char* root_name;
  Frame root;
  arch::Geometry geometry;
};

/// [pid PID]: whose low half it is about.
Result<Ref<UserSpace>> optional_space(Args& args) {
  if (!args.take("pid")) return Ref<UserSpace>();
  return space_argument(args);
}

LiveHalf half_for(VirtAddr va) {
  if (arch::half_of(va) == arch::Half::high)
    return {"TTBR1", arch::kernel_root(), arch::kernel_geometry()};
  return {"TTBR0", arch::user_root().table, arch::user_geometry()};
}

void print_place(Writer& out, VirtAddr va) {
  print(out, "{} in \"{}\"", va, current_layout().region_of(va).name);
}

const char* yes_no(bool yes) { return yes ? "yes" : "no"; }

/// A process's tables change while it runs: the space walks them with its lock held.
UserSpace::Mapper::Walk walk_of(const LiveHalf& half, VirtAddr va, UserSpace* space) {
  KernelTableStore store;
  if (space != nullptr && arch::half_of(va) == arch::Half::low)
    return space->walk(UserAddr(va.value()));
  return walk_tables<arch::Format>(half.geometry, store, half.root, va);
}

/// walk VA: each descriptor that the MMU would read for VA, from the root to the last one.
Result<void> cmd_walk(Writer& out, Args& args) {
  const VirtAddr va = TRY(args.address("VA"));
  const Ref<UserSpace> space = TRY(optional_space(args));
  TRY(args.end());
  print_place(out, va);
  out.put('\n');
  const MaybeActive active(space.get());
  const LiveHalf half = half_for(va);
  const auto walk = walk_of(half, va, space.get());
  if (walk.why() == WalkEnd::outside_half) {
    out.write("no table is read: the top bits alone make it invalid\n");
    return {};
  }
  print(out, "{} {}\n", half.root_name, half.root.address());
  for (const auto& step : walk) {
    print(out, "L{}[{:>3}] {:016x} ", number_of(step.level), step.index, step.entry.raw());
    step.entry.describe(out, step.level);
    out.put('\n');
  }
  if (walk.why() == WalkEnd::invalid) out.write("not mapped\n");
  return {};
}
SHELL_COMMAND("walk", "walk VA [pid PID]", "each descriptor that leads to VA, from the root down", cmd_walk,
              CommandGroup::address_space);

/// What one kind of access by one exception level meets, says the MMU.
void print_verdict(Writer& out, VirtAddr va, arch::Access access, arch::El el) {
  const arch::MmuAnswer answer = arch::ask_mmu(va, access, el);
  print(out, "  AT S1E{}{}  ", el == arch::El::el0 ? 0u : 1u,
        access == arch::Access::read ? 'R' : 'W');
  if (answer.ok)
    print(out, "{}\n", answer.pa);
  else
    print(out, "{} at level {}\n", name_of(answer.fault.status),
          static_cast<i32>(answer.fault.level));
}

/// translate VA: where the tables lead, and what the MMU says of each way to access it.
Result<void> cmd_translate(Writer& out, Args& args) {
  const VirtAddr va = TRY(args.address("VA"));
  const Ref<UserSpace> space = TRY(optional_space(args));
  TRY(args.end());
  print_place(out, va);
  const MaybeActive active(space.get());
  const LiveHalf half = half_for(va);
  const auto walk = walk_of(half, va, space.get());
  if (walk.why() == WalkEnd::leaf) {
    const Level level = walk.last().level;
    const u64 size = half.geometry.entry_span(level);
    const PhysAddr pa = walk.last().entry.output().address() + (va.value() & (size - 1));
    const Attributes a = walk.last().entry.attributes(level);
    print(out, "\n  tables    {}  ({} leaf; write {}, execute {}, user {})\n", pa, Bytes{size},
          yes_no(a.write), yes_no(a.execute), yes_no(a.user));
  } else {
    out.write("\n  tables    not mapped\n");
  }
  for (const arch::El el : {arch::El::el1, arch::El::el0})
    for (const arch::Access access : {arch::Access::read, arch::Access::write})
      print_verdict(out, va, access, el);
  return {};
}
SHELL_COMMAND("translate", "translate VA [pid PID]", "where VA leads: by the tables, and by the MMU (AT)",
              cmd_translate, CommandGroup::address_space);

/// The size in the largest unit it has one of, rounded and marked with ~ if it is no whole number
/// of them.
void print_size(Writer& out, const Region& region) {
  constexpr std::string_view kUnits = "KMGTPE";
  const u64 size = region.size();
  usize unit = 0;
  while (unit + 1 < kUnits.size() && size >> (10 * (unit + 2)) != 0) ++unit;
  const u64 whole = u64{1} << (10 * (unit + 1));
  const u64 rounded = size / whole + (size % whole >= whole / 2 ? 1 : 0);
  BufferWriter<24> text;
  print(text, "{}{}{}", size % whole == 0 ? "" : "~", rounded, kUnits[unit]);
  print(out, "{:>6}", text.text());
}

Result<void> cmd_layout(Writer& out, Args& args) {
  TRY(args.end());
  const Layout& layout = current_layout();
  print(out, "layout {}: {} bits of user addresses, {} of kernel addresses\n", layout.name,
        layout.user_bits, layout.kernel_bits);
  for (const Region& region : layout.regions) {
    print(out, "{:016x}-{:016x} ", region.first, region.last);
    print_size(out, region);
    print(out, "  {}\n", region.name);
  }
  const VirtRange linear = linear_map.virt(), image = image_range();
  print(out, "linear map in use  {}-{}: physical {} on\n", linear.start(), linear.last(),
        linear_map.phys().start());
  print(out, "kernel image       {}-{}: physical {} on\n", image.start(), image.last(),
        image_phys().start());
  return {};
}
SHELL_COMMAND("layout", "layout", "what lies where in the 64-bit address space", cmd_layout,
              CommandGroup::address_space);

}  // namespace
}  // namespace meridian
