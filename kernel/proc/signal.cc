// SPDX-License-Identifier: MIT
#include "kernel/proc/signal.h"

#include <cstring>
#include <new>

#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

/// siginfo_t's fields, in bytes from its start.
constexpr usize kSigno = 0, kErrno = 4, kCode = 8;
constexpr usize kPid = 16, kUid = 20, kValue = 24;       // kill, sigqueue
constexpr usize kStatus = 24, kUtime = 32, kStime = 40;  // SIGCHLD, after pid and uid
constexpr usize kAddress = 16;                           // faults

template <typename T>
void put(std::array<std::byte, kSigInfoSize>& wire, usize at, T value) {
  std::memcpy(wire.data() + at, &value, sizeof value);
}
template <typename T>
T get(const std::array<std::byte, kSigInfoSize>& wire, usize at) {
  T value;
  std::memcpy(&value, wire.data() + at, sizeof value);
  return value;
}

bool is_fault(const SignalInfo& info) {
  return kSynchronous.contains(info.signal) && info.code > kSiUser && info.code != kSiKernel;
}

}  // namespace

const char* name_of_signal(Signal signal) {
  static constexpr const char* kNames[] = {
      "no signal", "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
      "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
      "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
      "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
  return signal < std::size(kNames) ? kNames[signal] : "SIGRT";
}

SignalDefault default_of(Signal signal) {
  if (signal == kSigcont) return SignalDefault::resume;
  if (kStopSignals.contains(signal)) return SignalDefault::stop;
  constexpr SignalSet kIgnored = SignalSet::of({kSigchld, kSigurg, kSigwinch});
  return kIgnored.contains(signal) ? SignalDefault::ignore : SignalDefault::terminate;
}

std::array<std::byte, kSigInfoSize> to_wire(const SignalInfo& info) {
  std::array<std::byte, kSigInfoSize> wire{};
  put(wire, kSigno, i32{info.signal});
  put(wire, kErrno, info.error);
  put(wire, kCode, info.code);
  if (is_fault(info)) {
    put(wire, kAddress, info.address);
    return wire;
  }
  put(wire, kPid, info.pid);
  put(wire, kUid, info.uid);
  if (info.signal == kSigchld && info.code > kSiUser) {
    put(wire, kStatus, info.status);
    put(wire, kUtime, info.utime);
    put(wire, kStime, info.stime);
  } else {
    put(wire, kValue, info.value);
  }
  return wire;
}

SignalInfo from_wire(Signal signal, const std::array<std::byte, kSigInfoSize>& wire) {
  return {.signal = signal,
          .code = get<i32>(wire, kCode),
          .error = get<i32>(wire, kErrno),
          .pid = get<u32>(wire, kPid),
          .uid = get<u32>(wire, kUid),
          .value = get<u64>(wire, kValue)};
}

Result<void> SignalQueue::add(const SignalInfo& info, u64 limit) {
  if (info.signal < kFirstRealtime) {
    if (!pending_.contains(info.signal)) standard_[info.signal] = info;
    pending_.add(info.signal);
    return {};
  }
  const bool is_refusable = info.code != kSiUser && info.code != kSiKernel;
  void* const room = queued_ < limit ? kmalloc(sizeof(Node)).value_or(nullptr) : nullptr;
  if (room == nullptr && is_refusable) return Error{Errc::try_again, limit};
  pending_.add(info.signal);
  if (room == nullptr) return {};
  Node* const node = new (room) Node{nullptr, info};
  Node** last = &oldest_;
  while (*last != nullptr) last = &(*last)->next;
  *last = node;
  ++queued_;
  return {};
}

std::optional<SignalInfo> SignalQueue::take(SignalSet wanted) {
  SignalSet ready = pending_ & wanted;
  if (ready.is_empty()) return std::nullopt;
  if (!(ready & kSynchronous).is_empty()) ready = ready & kSynchronous;
  const Signal signal = ready.first();
  if (signal >= kFirstRealtime) return take_realtime(signal);
  pending_.remove(signal);
  return standard_[signal];
}

/// The oldest one of this number; if there was no room for any, what is known without.
SignalInfo SignalQueue::take_realtime(Signal signal) {
  const auto find = [signal](Node** link) {
    while (*link != nullptr && (*link)->info.signal != signal) link = &(*link)->next;
    return link;
  };
  Node** const link = find(&oldest_);
  Node* const node = *link;
  if (node == nullptr) {
    pending_.remove(signal);
    return {.signal = signal};
  }
  *link = node->next;
  const SignalInfo info = node->info;
  kfree(node);
  --queued_;
  if (*find(link) == nullptr) pending_.remove(signal);
  return info;
}

void SignalQueue::clear(SignalSet gone) {
  while (take(gone).has_value()) {
  }
}

}  // namespace meridian
