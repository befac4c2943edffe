// SPDX-License-Identifier: MIT
/// Signals without a process: sets of them, what each does by default, what one carries, and the
/// queue in which they wait. Numbers, flags and layouts are Linux's (signal(7), sigaction(2);
/// Linux, include/uapi/asm-generic/signal.h and siginfo.h).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <optional>

#include "kernel/lib/bits.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"

namespace meridian {

/// A signal's number, from 1 to kMostSignals.
using Signal = u8;
inline constexpr Signal kMostSignals = 64;
/// Signals from here on are queued one by one, the others at most once each.
inline constexpr Signal kFirstRealtime = 32;

inline constexpr Signal kSighup = 1, kSigint = 2, kSigquit = 3, kSigill = 4, kSigtrap = 5,
                        kSigabrt = 6, kSigbus = 7, kSigfpe = 8, kSigkill = 9, kSigusr1 = 10,
                        kSigsegv = 11, kSigusr2 = 12, kSigpipe = 13, kSigalrm = 14, kSigterm = 15,
                        kSigstkflt = 16, kSigchld = 17, kSigcont = 18, kSigstop = 19, kSigtstp = 20,
                        kSigttin = 21, kSigttou = 22, kSigurg = 23, kSigxcpu = 24, kSigxfsz = 25,
                        kSigvtalrm = 26, kSigprof = 27, kSigwinch = 28, kSigio = 29, kSigpwr = 30,
                        kSigsys = 31;

/// "SIGSEGV" and the like; "SIGRT" for all real-time ones.
const char* name_of_signal(Signal signal);

/// What a signal does to a process that has not said otherwise.
enum class SignalDefault : u8 { terminate, ignore, stop, resume };
SignalDefault default_of(Signal signal);

/// A set of signals, as programs pass it: signal n is bit n - 1.
class SignalSet {
 public:
  constexpr SignalSet() = default;
  constexpr explicit SignalSet(u64 bits) : bits_(bits) {}
  static constexpr SignalSet of(std::initializer_list<Signal> signals) {
    SignalSet set;
    for (const Signal signal : signals) set.add(signal);
    return set;
  }

  constexpr u64 bits() const { return bits_; }
  constexpr bool is_empty() const { return bits_ == 0; }
  constexpr bool contains(Signal signal) const { return (bits_ & bit(signal)) != 0; }
  constexpr void add(Signal signal) { bits_ |= bit(signal); }
  constexpr void remove(Signal signal) { bits_ &= ~bit(signal); }
  /// The lowest one; the set is not empty.
  constexpr Signal first() const { return static_cast<Signal>(std::countr_zero(bits_) + 1); }

  friend constexpr SignalSet operator|(SignalSet a, SignalSet b) {
    return SignalSet(a.bits_ | b.bits_);
  }
  friend constexpr SignalSet operator&(SignalSet a, SignalSet b) {
    return SignalSet(a.bits_ & b.bits_);
  }
  friend constexpr SignalSet operator-(SignalSet a, SignalSet b) {
    return SignalSet(a.bits_ & ~b.bits_);
  }
  friend constexpr bool operator==(SignalSet, SignalSet) = default;

 private:
  static constexpr u64 bit(Signal signal) {
    CHECK(1 <= signal && signal <= kMostSignals);
    return u64{1} << (signal - 1);
  }
  u64 bits_ = 0;
};

/// What no mask, handler or choice to ignore keeps away.
inline constexpr SignalSet kUnblockable = SignalSet::of({kSigkill, kSigstop});
inline constexpr SignalSet kStopSignals = SignalSet::of({kSigstop, kSigtstp, kSigttin, kSigttou});
/// What an instruction of the program's own raised: taken before what came from outside.
inline constexpr SignalSet kSynchronous =
    SignalSet::of({kSigsegv, kSigbus, kSigill, kSigtrap, kSigfpe, kSigsys});

/// Why a signal was sent (si_code): 0 and below for what processes send, above 0 what the kernel
/// found, by signal.
inline constexpr i32 kSiUser = 0, kSiQueue = -1, kSiTimer = -2, kSiTkill = -6, kSiKernel = 0x80;
inline constexpr i32 kSegvMaperr = 1, kSegvAccerr = 2;
inline constexpr i32 kBusAdraln = 1, kBusAdrerr = 2;
inline constexpr i32 kIllIllopc = 1, kTrapBrkpt = 1;
inline constexpr i32 kCldExited = 1, kCldKilled = 2, kCldStopped = 5, kCldContinued = 6;

/// One signal on its way.
struct SignalInfo {
  Signal signal = 0;
  i32 code = kSiUser;
  i32 error = 0;
  u32 pid = 0, uid = 0;      // who sent it; of SIGCHLD: whose state changed
  u64 address = 0;           // of a fault
  u64 value = 0;             // of sigqueue and timers
  i32 status = 0;            // of SIGCHLD: exit status or signal
  u64 utime = 0, stime = 0;  // of SIGCHLD: in clock ticks

  friend bool operator==(const SignalInfo&, const SignalInfo&) = default;
};

/// siginfo_t, as handlers, waitid and rt_sigtimedwait see it.
inline constexpr usize kSigInfoSize = 128;
std::array<std::byte, kSigInfoSize> to_wire(const SignalInfo& info);
/// What rt_sigqueueinfo was given: code, sender and value of a signal that the caller names apart.
SignalInfo from_wire(Signal signal, const std::array<std::byte, kSigInfoSize>& wire);

/// What a process wants done with a signal: the kernel's struct sigaction, 32 bytes.
struct SignalAction {
  static constexpr u64 kDefault = 0, kIgnore = 1;  // values of `handler`
  static constexpr u64 kNoChildStop = 1, kNoChildWait = 2, kSigInfo = 4, kRestorer = 0x0400'0000,
                       kOnStack = 0x0800'0000, kRestart = 0x1000'0000, kNoDefer = 0x4000'0000,
                       kResetHand = 0x8000'0000;
  /// SA_EXPOSE_TAGBITS: addresses are never without their tags here.
  static constexpr u64 kExposeTagBits = 0x800;
  static constexpr u64 kKnown = kNoChildStop | kNoChildWait | kSigInfo | kExposeTagBits | kRestorer |
                                kOnStack | kRestart | kNoDefer | kResetHand;

  u64 handler = kDefault;
  u64 flags = 0;
  u64 restorer = 0;
  SignalSet mask;

  bool has_handler() const { return handler > kIgnore; }
  /// Does the signal come to nothing?
  bool ignores(Signal signal) const {
    return handler == kIgnore ||
           (handler == kDefault && default_of(signal) == SignalDefault::ignore);
  }
};
static_assert(sizeof(SignalAction) == 32 && offsetof(SignalAction, mask) == 24);

/// The signals that wait, for a thread or for a whole process. Not thread-safe: its owner's lock
/// guards it.
class SignalQueue {
 public:
  constexpr SignalQueue() = default;
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;
  ~SignalQueue() { clear(SignalSet(~u64{0})); }

  SignalSet pending() const { return pending_; }
  /// Real-time signals in it.
  u64 queued() const { return queued_; }

  /// Adds one. A signal below kFirstRealtime that waits already is not added again. Of others at most
  /// `limit` wait, if there is memory: Errc::try_again. But one from kill() or the kernel is never
  /// refused, as on Linux: without room it waits without what it carries.
  Result<void> add(const SignalInfo& info, u64 limit);
  /// Takes the next of `wanted`: synchronous ones first, then by number, then by age.
  std::optional<SignalInfo> take(SignalSet wanted);
  /// Forgets all of `gone`.
  void clear(SignalSet gone);

 private:
  struct Node {
    Node* next;
    SignalInfo info;
  };
  SignalInfo take_realtime(Signal signal);

  SignalSet pending_;
  std::array<SignalInfo, kFirstRealtime> standard_{};  // by number
  Node* oldest_ = nullptr;                             // real-time ones, by age
  u64 queued_ = 0;
};

}  // namespace meridian
