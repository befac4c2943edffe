// SPDX-License-Identifier: MIT
/// What lies on a program's stack while its signal handler runs: struct rt_sigframe of Linux's
/// arm64 ABI (Linux, arch/arm64/include/uapi/asm/sigcontext.h and ucontext.h). It is written and
/// read in pieces, since it is larger than what a kernel stack should hold.
///
///   0     siginfo                          128 bytes
///   128   ucontext, up to the mcontext     176
///   304   mcontext: registers              288
///   592   mcontext: records                4096    FP and SIMD, the fault's syndrome, a terminator
///   4688  frame record: old x29, old x30   16      not part of rt_sigframe; x29 points to it
#pragma once

#include <array>
#include <cstddef>

#include "arch/aarch64/abi/signal_stack.h"
#include "arch/aarch64/regs/esr.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"

namespace meridian::arch {

/// Where a handler returns to: `mov x8, #139; svc #0`, which is rt_sigreturn. Debuggers and unwinders
/// know a handler's frame by exactly these two words.
inline constexpr std::array<u32, 2> kSigreturnCode = {0xd280'1168, 0xd400'0001};

/// A program's registers as the frame has them: struct user_pt_regs.
struct UserRegisters {
  std::array<u64, 31> x{};
  u64 sp = 0, pc = 0, pstate = 0;
};

/// All of the frame that comes before the records.
struct SignalFrameHead {
  std::array<std::byte, 128> info{};
  u64 flags = 0, link = 0;
  SignalStack stack;
  u64 mask = 0;
  std::array<u64, 15> mask_reserved{};
  u64 padding = 0;
  u64 fault_address = 0;
  UserRegisters registers;
  u64 more_padding = 0;
};
static_assert(offsetof(SignalFrameHead, mask) == 128 + 40);
static_assert(offsetof(SignalFrameHead, fault_address) == 128 + 176);
static_assert(sizeof(SignalFrameHead) == 128 + 176 + 288);

inline constexpr u64 kSignalRecordsSize = 4096;
inline constexpr u64 kSignalFrameSize = sizeof(SignalFrameHead) + kSignalRecordsSize;
static_assert(kSignalFrameSize == 4688);
inline constexpr u64 kFrameRecordSize = 16;

/// A record's first eight bytes; both 0 in the terminator.
struct SignalRecordHeader {
  u32 magic = 0, size = 0;
};

/// The record of the FP and SIMD registers, of which v0 to v31 follow behind this.
struct FpsimdHead {
  static constexpr u32 kMagic = 0x4650'8001;

  SignalRecordHeader header{kMagic, 528};
  u32 fpsr = 0, fpcr = 0;
};
inline constexpr u64 kFpsimdRecordSize = sizeof(FpsimdHead) + 32 * 16;
static_assert(kFpsimdRecordSize == 528);

struct SyndromeRecord {
  static constexpr u32 kMagic = 0x4553'5201;

  SignalRecordHeader header{kMagic, 16};
  u64 esr = 0;
};
static_assert(sizeof(SyndromeRecord) == 16);

/// What a handler may know of the fault before it: an address in the half that is not the program's
/// gets no answer but "nothing is there", whatever the kernel has there (as on Linux).
constexpr u64 told_syndrome(u64 esr, bool is_in_user_half) {
  const Esr syndrome(esr);
  constexpr u64 kAlways = Esr::EC::kMask | Esr::IL::kMask, kNothingThere = 0x04;
  if (is_in_user_half || !syndrome.is_abort()) return esr;
  const u64 kept = syndrome.is_data_abort() ? kAlways | Esr::CM::kMask | Esr::WnR::kMask : kAlways;
  return (esr & kept) | kNothingThere;
}

/// Where the frame goes on a stack that is free below `top`. Errc::fault if addresses end before.
constexpr Result<u64> place_signal_frame(u64 top) {
  constexpr u64 kAlignment = 16, kNeeded = kSignalFrameSize + kFrameRecordSize;
  const u64 aligned = align_down(top, kAlignment);
  if (aligned < kNeeded) return Error{Errc::fault, top};
  return aligned - kNeeded;
}

/// A call of a handler, whose frame is at `frame`.
struct HandlerCall {
  u64 signal, handler, frame, return_to;
};
constexpr void call_handler(UserRegisters& registers, const HandlerCall& call) {
  using Btype = Field<11, 10>;
  using Tco = Bit<25>;
  registers.x[0] = call.signal;
  registers.x[1] = call.frame;  // siginfo
  registers.x[2] = call.frame + offsetof(SignalFrameHead, flags);  // ucontext
  registers.x[29] = call.frame + kSignalFrameSize;
  registers.x[30] = call.return_to;
  registers.sp = call.frame;
  registers.pc = call.handler;
  registers.pstate &= ~(Btype::kMask | Tco::kMask);
}

/// SPSR_EL1 as a handler may ask to go on with: the flags and the modes that only EL0 feels.
/// Errc::bad_format for anything but AArch64 at EL0 with interrupts on.
constexpr Result<u64> checked_pstate(u64 wanted) {
  using Mode = Field<4, 0>;
  using Masks = Field<9, 6>;
  using Ssbs = Bit<12>;
  using Dit = Bit<24>;
  using Tco = Bit<25>;
  using Flags = Field<31, 28>;
  if (Mode::decode(wanted) != 0 || Masks::decode(wanted) != 0)
    return Error{Errc::bad_format, wanted};
  return wanted & (Flags::kMask | Ssbs::kMask | Dit::kMask | Tco::kMask);
}

/// Looks through the records for the one with the FP and SIMD registers, and returns where in them
/// it lies. `read(u64 offset)` gives the header there, or an error, which is passed on.
/// Errc::bad_format unless there is exactly one, and nothing unknown, misaligned or too large
/// before the terminator.
template <typename Read>
Result<u64> find_fpsimd_record(Read&& read) {
  u64 found = kSignalRecordsSize;
  for (u64 at = 0; at + sizeof(SignalRecordHeader) <= kSignalRecordsSize;) {
    const SignalRecordHeader header = TRY(read(at));
    const Error bad{Errc::bad_format, at};
    if (header.magic == 0) {
      if (header.size != 0 || found == kSignalRecordsSize) return bad;
      return found;
    }
    if (header.size % 16 != 0 || header.size > kSignalRecordsSize - at) return bad;
    if (header.magic == FpsimdHead::kMagic) {
      if (header.size != kFpsimdRecordSize || found != kSignalRecordsSize) return bad;
      found = at;
    } else if (header.magic != SyndromeRecord::kMagic || header.size != sizeof(SyndromeRecord)) {
      return bad;
    }
    at += header.size;
  }
  return Error{Errc::bad_format, kSignalRecordsSize};
}

}  // namespace meridian::arch
