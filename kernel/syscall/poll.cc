// SPDX-License-Identifier: MIT
/// ppoll and pselect6: two ways to write down which files one waits for.
#include "kernel/syscall/poll.h"

#include <arch/clock.h>

#include "kernel/syscall/file_argument.h"
#include "kernel/syscall/time_spec.h"
#include "kernel/syscall/watches.h"
#include "kernel/time/clock.h"
#include "mm/slab/buffer.h"

namespace meridian {
namespace {

/// How long a call may wait: for ever, unless the program says how long.
class Timeout {
 public:
  /// `where`: of a timespec, or null. Errc::fault, invalid_argument.
  static Result<Timeout> of(UserAddr where) {
    Timeout timeout;
    timeout.where_ = where;
    if (where == UserAddr(0)) return timeout;
    timeout.deadline_ = counter_after(TRY(read_spec(where)));
    return timeout;
  }
  std::optional<u64> deadline() const { return deadline_; }
  /// Tells the program what is left, if it can be told.
  void tell_rest() const {
    if (!deadline_) return;
    const u64 now = arch::counter();
    const u64 ticks = *deadline_ > now ? *deadline_ - now : 0;
    (void)write_user(where_, spec_of(nanoseconds_of(ticks, arch::counter_frequency())));
  }

 private:
  UserAddr where_;
  std::optional<u64> deadline_;
};

/// The signal mask that a call brings for as long as it waits; none if `where` is null.
Result<std::optional<SignalSet>> mask_of(UserAddr where, u64 size) {
  if (where == UserAddr(0)) return std::optional<SignalSet>();
  if (size != sizeof(SignalSet)) return Error{Errc::invalid_argument, size};
  return std::optional(SignalSet(TRY(read_user<u64>(where))));
}

/// Waits with that mask.
Result<u64> wait_with_mask(Process& me, Watches& watches, const Timeout& timeout,
                           std::optional<SignalSet> wanted) {
  std::optional<TemporaryMask> mask;
  if (wanted) mask.emplace(me, *wanted);
  const Result<u64> ready = watches.wait(timeout.deadline());
  if (mask && !ready.has_value()) mask->stay();
  timeout.tell_rest();
  return ready;
}

// poll.

/// struct pollfd.
struct PollFd {
  static constexpr u16 kNotOpen = 0x20;  // POLLNVAL
  i32 fd;
  u16 events, revents;
};

/// Starts watching. A file that is not open is told of at once.
Result<u64> watch_all(FdTable& files, std::span<PollFd> wanted, Watches& watches) {
  u64 not_open = 0;
  for (PollFd& one : wanted) {
    one.revents = 0;
    Ref<File> file;
    if (one.fd >= 0) {
      Result<Ref<File>> found = files.get(static_cast<u32>(one.fd));
      if (found.has_value())
        file = found.take();
      else
        one.revents = PollFd::kNotOpen, ++not_open;
    }
    TRY(watches.add(std::move(file), one.events));
  }
  return not_open;
}

Result<u64> poll_files(const Syscall& call, std::span<PollFd> fds, const Timeout& timeout,
                       std::optional<SignalSet> mask) {
  Watches watches;
  const u64 not_open = TRY(watch_all(call.caller.files(), fds, watches));
  const u64 ready =
      not_open != 0 ? watches.look() : TRY(wait_with_mask(call.caller, watches, timeout, mask));
  usize i = 0;
  watches.for_each([&](const Watch& watch) { fds[i++].revents |= static_cast<u16>(watch.found); });
  for (i = 0; i < fds.size(); ++i)
    TRY(write_user(call.address(0) + i * sizeof(PollFd) + offsetof(PollFd, revents),
                   fds[i].revents));
  return not_open + ready;
}

}  // namespace

SyscallResult sys_ppoll(const Syscall& call) {
  const u32 count = flags_of(call, 1);
  const Timeout timeout = TRY(Timeout::of(call.address(2)));
  const std::optional<SignalSet> mask = TRY(mask_of(call.address(3), call.x[4]));
  if (count > descriptor_limit(call.caller)) return Errno::einval;
  const Buffer buffer = TRY(Buffer::make(std::max(count * sizeof(PollFd), sizeof(PollFd))));
  const std::span fds(reinterpret_cast<PollFd*>(buffer.bytes().data()), count);
  TRY(copy_from_user(std::as_writable_bytes(fds), call.address(0)));
  return poll_files(call, fds, timeout, mask);
}

// select.

namespace {

/// A set of descriptors as fd_set has it, and the three that select() is given.
constexpr u32 kWordBits = 64, kWords = FdTable::kMost / kWordBits;
using FdSet = std::array<u64, kWords>;
using FdSets = std::array<FdSet, 3>;

/// What each of the three stands for: to be read, to be written, something exceptional.
constexpr u32 kUrgent = 0x2;
constexpr u32 kMeanings[] = {PollEvents::kReadable | PollEvents::kHangUp | PollEvents::kError,
                             PollEvents::kWritable | PollEvents::kError, kUrgent};

bool has(const FdSet& set, u32 fd) { return (set[fd / kWordBits] >> fd % kWordBits & 1) != 0; }

u32 wanted_of(const FdSets& sets, u32 fd) {
  u32 wanted = 0;
  for (usize i = 0; i < sets.size(); ++i) wanted |= has(sets[i], fd) ? kMeanings[i] : 0;
  return wanted;
}

std::span<std::byte> bytes_of(FdSet& set, u32 count) {
  return std::as_writable_bytes(std::span(set).first((count + kWordBits - 1) / kWordBits));
}

/// Leaves in each set what is ready; returns how many bits that is.
u64 keep_ready(FdSets& sets, u32 count, Watches& watches) {
  u64 bits = 0;
  u32 fd = 0;
  const auto go_to_next = [&] {
    while (fd < count && wanted_of(sets, fd) == 0) ++fd;
  };
  watches.for_each([&](const Watch& watch) {
    go_to_next();
    for (usize i = 0; i < sets.size(); ++i) {
      if (!has(sets[i], fd)) continue;
      if ((watch.found & kMeanings[i]) != 0)
        ++bits;
      else
        sets[i][fd / kWordBits] &= ~(u64{1} << fd % kWordBits);
    }
    ++fd;
  });
  return bits;
}

Result<u64> select_files(const Syscall& call, FdSets& sets, u32 count, const Timeout& timeout,
                         std::optional<SignalSet> mask) {
  Watches watches;
  for (u32 fd = 0; fd < count; ++fd)
    if (const u32 wanted = wanted_of(sets, fd))
      TRY(watches.add(TRY(call.caller.files().get(fd)), wanted));
  TRY(wait_with_mask(call.caller, watches, timeout, mask));
  const u64 bits = keep_ready(sets, count, watches);
  for (usize i = 0; i < sets.size(); ++i)
    if (call.x[1 + i] != 0) TRY(copy_to_user(call.address(1 + i), bytes_of(sets[i], count)));
  return bits;
}

/// What argument 5 of pselect6 points to.
struct MaskArgument {
  u64 mask, size;
};

}  // namespace

SyscallResult sys_pselect6(const Syscall& call) {
  if (call.integer(0) < 0) return Errno::einval;
  const u32 count = std::min(flags_of(call, 0), FdTable::kMost);
  const Timeout timeout = TRY(Timeout::of(call.address(4)));
  MaskArgument argument{};
  if (call.x[5] != 0) argument = TRY(read_user<MaskArgument>(call.address(5)));
  const std::optional<SignalSet> mask = TRY(mask_of(UserAddr(argument.mask), argument.size));
  const Buffer buffer = TRY(Buffer::make(sizeof(FdSets)));
  FdSets& sets = *new (buffer.bytes().data()) FdSets{};
  for (usize i = 0; i < sets.size(); ++i)
    if (call.x[1 + i] != 0) TRY(copy_from_user(bytes_of(sets[i], count), call.address(1 + i)));
  return select_files(call, sets, count, timeout, mask);
}

}  // namespace meridian
