// SPDX-License-Identifier: MIT
/// The stack that a program has set aside for its handlers: stack_t of sigaltstack(2), and the rules for
/// changing it and for going onto it.
#pragma once

#include "kernel/lib/result.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

struct SignalStack {
  /// SS_ONSTACK, SS_DISABLE; SS_AUTODISARM: whoever goes onto it disables it, until he returns.
  static constexpr u32 kOnStack = 1, kDisable = 2, kAutoDisarm = u32{1} << 31;
  static constexpr u64 kSmallest = 5120;  // MINSIGSTKSZ

  u64 start = 0;
  u32 flags = kDisable;
  u32 padding = 0;
  u64 size = 0;

  constexpr bool is_usable() const { return size != 0; }
  constexpr u64 end() const { return start + size; }
  /// Does who has this stack pointer run on it?
  constexpr bool has(u64 sp) const {
    return (flags & kAutoDisarm) == 0 && sp > start && sp - start <= size;
  }
  /// As sigaltstack() tells it to who has this stack pointer.
  constexpr SignalStack told_to(u64 sp) const {
    SignalStack told = *this;
    told.flags = (flags & kAutoDisarm) | (!is_usable() ? kDisable : has(sp) ? kOnStack : 0);
    return told;
  }
  /// Where a handler's frame goes down from.
  constexpr u64 top_for_handler(bool wanted, u64 sp) const {
    return wanted && is_usable() && !has(sp) ? end() : sp;
  }
  /// What this becomes if who has that stack pointer asks for `wanted`. Errc::not_permitted on the
  /// stack itself (EPERM), invalid_argument (EINVAL), over_limit: too small (ENOMEM).
  constexpr Result<SignalStack> changed_to(const SignalStack& wanted, u64 sp) const {
    if (has(sp)) return Error{Errc::not_permitted, sp};
    const u32 mode = wanted.flags & ~kAutoDisarm;
    if (mode != 0 && mode != kOnStack && mode != kDisable)
      return Error{Errc::invalid_argument, wanted.flags};
    if (mode == kDisable) return SignalStack{.flags = wanted.flags};
    if (wanted.size < kSmallest) return Error{Errc::over_limit, wanted.size};
    return SignalStack{.start = wanted.start, .flags = wanted.flags, .size = wanted.size};
  }
};
static_assert(sizeof(SignalStack) == 24);

}  // namespace meridian::arch
