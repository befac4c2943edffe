// SPDX-License-Identifier: MIT
/// The way that the code came: the chain of frame records, from x29 on (AAPCS64, "The Frame
/// Pointer"). Each is read by a probe, because the chain may be what is broken.
#include <arch/probe.h>
#include <arch/trap.h>

#include "kernel/log/symbols.h"

namespace meridian::arch {
namespace {

/// More than any chain that is right, fewer than a chain that goes round could print.
constexpr unsigned kMostFrames = 512, kMostLines = 32;

/// Prints return addresses, one a line; the same one many times over (a recursion) is one line.
class Lines {
 public:
  explicit Lines(Writer& out) : out_(out) {}
  ~Lines() { finish(); }

  void add(u64 address) {
    if (address != address_ || times_ == 0) {
      finish();
      address_ = address;
      times_ = 0;
    }
    ++times_;
  }
  bool is_full() const { return printed_ == kMostLines; }

 private:
  void finish() {
    if (times_ == 0 || is_full()) return;
    print(out_, "    {}", ReturnAddress{address_});
    if (times_ > 1) print(out_, " ({} times)", times_);
    out_.put('\n');
    ++printed_;
  }

  Writer& out_;
  u64 address_ = 0;
  unsigned times_ = 0, printed_ = 0;
};

/// The return addresses from the record at `fp` on, until one of 0 or a record that cannot be read.
void print_chain(Writer& out, u64 fp) {
  Lines lines(out);
  for (unsigned i = 0; i < kMostFrames && fp != 0 && !lines.is_full(); ++i) {
    const ProbeResult above = probe(VirtAddr(fp), ProbeKind::load64);
    const ProbeResult back = probe(VirtAddr(fp) + sizeof(u64), ProbeKind::load64);
    if (!above.ok || !back.ok || back.value == 0) return;
    lines.add(back.value);
    fp = above.value;
  }
}

/// The first byte of the function that `address` lies in.
u64 function_of(u64 address) {
  const std::optional<SymbolPlace> place = find_symbol(address);
  return place.has_value() ? address - place->offset : 0;
}

/// Is x30 still the way back, and in no frame record? So it is in a function that has made none (a
/// leaf, or one that was just entered) and after a jump to what is no function. Once a function has
/// called another, its x30 points into itself.
bool x30_is_the_only_way_back(const TrapFrame& frame) {
  const u64 back = frame.x[30];
  const ProbeResult recorded = probe(VirtAddr(frame.x[29]) + sizeof(u64), ProbeKind::load64);
  if (recorded.ok && recorded.value == back) return false;
  const u64 caller = function_of(back - 1);
  return caller != 0 && caller != function_of(frame.elr);
}

}  // namespace

/// Not hw::read_fp(): that would not make the compiler give this function a frame of its own.
[[gnu::noinline]] void print_backtrace(Writer& out) {
  print_chain(out, reinterpret_cast<u64>(__builtin_frame_address(0)));
}

void print_backtrace(Writer& out, const TrapFrame& frame) {
  if (frame.from_user()) return;
  print(out, "    {}\n", CodeAddress{frame.elr});
  if (x30_is_the_only_way_back(frame)) print(out, "    {}\n", ReturnAddress{frame.x[30]});
  print_chain(out, frame.x[29]);
}

}  // namespace meridian::arch
