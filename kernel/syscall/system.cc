// SPDX-License-Identifier: MIT
/// The system, and who the caller is to it.
#include "kernel/syscall/system.h"

#include <arch/machine.h>

#include <algorithm>
#include <cstring>

#include "kernel/fs/random.h"
#include "kernel/fs/system_names.h"
#include "kernel/log/kept_log.h"
#include "kernel/proc/process_table.h"
#include "kernel/time/clock.h"
#include "mm/frames/frames.h"
#include "mm/slab/buffer.h"
#include "mm/user/user_copy.h"

namespace meridian {

SyscallResult sys_get_id(const Syscall&) { return u64{0}; }

SyscallResult sys_get_three_ids(const Syscall& call) {
  for (usize i = 0; i < 3; ++i) TRY(write_user(call.address(i), u32{0}));
  return u64{0};
}

namespace {

constexpr u32 kNoChange = ~u32{0};

/// Ids that stay what they are.
SyscallResult set_ids(const Syscall& call, usize count) {
  for (usize i = 0; i < count; ++i)
    if (const u32 id = static_cast<u32>(call.x[i]); id != 0 && id != kNoChange)
      return Errno::einval;
  return u64{0};
}

}  // namespace

SyscallResult sys_set_one_id(const Syscall& call) {
  return static_cast<u32>(call.x[0]) == 0 ? SyscallResult(u64{0}) : Errno::einval;
}
SyscallResult sys_set_two_ids(const Syscall& call) { return set_ids(call, 2); }
SyscallResult sys_set_three_ids(const Syscall& call) { return set_ids(call, 3); }
/// It tells what the id was, and never fails.
SyscallResult sys_set_fs_id(const Syscall&) { return u64{0}; }

/// Nobody has supplementary groups.
SyscallResult sys_getgroups(const Syscall& call) {
  return call.integer(0) < 0 ? Errno::einval : SyscallResult(u64{0});
}
SyscallResult sys_setgroups(const Syscall& call) {
  return call.x[0] == 0 ? SyscallResult(u64{0}) : Errno::eperm;
}

namespace {

/// struct __user_cap_header_struct, and half of what follows it in version 2 and 3, all of it in version 1.
struct CapabilityHeader {
  static constexpr u32 kVersion1 = 0x1998'0330, kVersion2 = 0x2007'1026, kVersion3 = 0x2008'0522;
  u32 version;
  i32 pid;

  bool is_known() const {
    return version == kVersion1 || version == kVersion2 || version == kVersion3;
  }
  usize halves() const { return version == kVersion1 ? 1 : 2; }
};
struct CapabilityHalf {
  u32 effective, permitted, inheritable;
};
using CapabilityHalves = std::array<CapabilityHalf, 2>;

CapabilityHalf half_of(const Capabilities& all, unsigned shift) {
  const auto part = [shift](u64 set) { return static_cast<u32>(set >> shift); };
  return {part(all.effective), part(all.permitted), part(all.inheritable)};
}
Capabilities joined(const CapabilityHalves& halves) {
  const auto join = [&](u32 CapabilityHalf::*part) {
    return (u64{halves[1].*part} << 32 | halves[0].*part) & Capabilities::kAll;
  };
  return {join(&CapabilityHalf::effective), join(&CapabilityHalf::permitted),
          join(&CapabilityHalf::inheritable)};
}

bool is_subset(u64 set, u64 of) { return (set & ~of) == 0; }

}  // namespace

SyscallResult sys_capget(const Syscall& call) {
  const CapabilityHeader header = TRY(read_user<CapabilityHeader>(call.address(0)));
  if (!header.is_known()) {
    TRY(write_user(call.address(0), CapabilityHeader::kVersion3));
    return call.x[1] == 0 ? SyscallResult(u64{0}) : Errno::einval;
  }
  if (header.pid < 0) return Errno::einval;
  const Ref<Process> whose = header.pid == 0 ? Ref<Process>(call.caller)
                                             : find_process(static_cast<u32>(header.pid));
  if (!whose) return Errno::esrch;
  if (call.x[1] == 0) return u64{0};
  const Capabilities all = whose->capabilities();
  const CapabilityHalves halves{half_of(all, 0), half_of(all, 32)};
  return copy_to_user(call.address(1), std::as_bytes(std::span(halves).first(header.halves())));
}

/// Its own only. What is given up does not come back before the next execve().
SyscallResult sys_capset(const Syscall& call) {
  const CapabilityHeader header = TRY(read_user<CapabilityHeader>(call.address(0)));
  if (!header.is_known()) {
    TRY(write_user(call.address(0), CapabilityHeader::kVersion3));
    return Errno::einval;
  }
  if (header.pid != 0 && static_cast<u32>(header.pid) != call.caller.pid()) return Errno::eperm;
  CapabilityHalves halves{};
  TRY(copy_from_user(std::as_writable_bytes(std::span(halves).first(header.halves())),
                     call.address(1)));
  const Capabilities wanted = joined(halves), before = call.caller.capabilities();
  const bool may_inherit = before.has(Capabilities::kSetCapabilities) ||
                           is_subset(wanted.inheritable, before.inheritable | before.permitted);
  if (!may_inherit || !is_subset(wanted.permitted, before.permitted) ||
      !is_subset(wanted.effective, wanted.permitted))
    return Errno::eperm;
  call.caller.set_capabilities(wanted);
  return u64{0};
}

namespace {

/// Copies what `read(span)` gives, piece by piece until it gives none, to the program's `size` bytes.
template <typename Read>
SyscallResult tell_log(UserAddr to, usize size, Read&& read) {
  const Buffer buffer = TRY(Buffer::make(KeptLog::kSize));
  const std::span<char> text(reinterpret_cast<char*>(buffer.bytes().data()),
                             std::min(size, KeptLog::kSize));
  const usize count = read(text);
  TRY(copy_to_user(to, std::as_bytes(text.first(count))));
  return u64{count};
}

}  // namespace

/// syslog(action, buffer, size). The console's level is taken, and without effect: all is printed.
SyscallResult sys_syslog(const Syscall& call) {
  enum : i32 {
    kClose, kOpen, kRead, kReadAll, kReadAndClear, kClear, kConsoleOff, kConsoleOn, kConsoleLevel,
    kUnread, kSize,
  };
  const i32 action = call.integer(0), size = call.integer(2);
  KeptLog& log = kept_log();
  if (action == kRead || action == kReadAll || action == kReadAndClear) {
    if (call.x[1] == 0 || size < 0) return Errno::einval;
    if (size == 0) return u64{0};
    TRY(check_user_range({call.address(1), static_cast<u64>(size)}));
  }
  switch (action) {
    case kRead:
      TRY(log.wait());
      return tell_log(call.address(1), static_cast<usize>(size),
                      [&](std::span<char> to) { return log.read_next(to); });
    case kReadAll:
    case kReadAndClear: {
      const SyscallResult told =
          tell_log(call.address(1), static_cast<usize>(size),
                   [&](std::span<char> to) { return log.read_newest(to); });
      if (action == kReadAndClear && !told.is_error()) log.clear();
      return told;
    }
    case kClear:
      log.clear();
      return u64{0};
    case kConsoleLevel:
      return size < 1 || size > 8 ? Errno::einval : SyscallResult(u64{0});
    case kUnread:
      return u64{log.unread()};
    case kSize:
      return u64{KeptLog::kSize};
    case kClose:
    case kOpen:
    case kConsoleOff:
    case kConsoleOn:
      return u64{0};
    default:
      return Errno::einval;
  }
}

/// There is one, PER_LINUX.
SyscallResult sys_personality(const Syscall& call) {
  constexpr u32 kLinux = 0, kQuery = ~u32{0};
  const u32 wanted = static_cast<u32>(call.x[0]);
  return wanted == kLinux || wanted == kQuery ? SyscallResult(u64{kLinux}) : Errno::einval;
}

namespace {

using NameField = std::array<char, kHostNameMax + 1>;

std::string_view until_nul(std::span<const char> text) {
  const std::string_view all(text.data(), text.size());
  return all.substr(0, all.find('\0'));
}

NameField name_field(std::string_view text) {
  NameField field{};
  std::copy_n(text.begin(), std::min(text.size(), kHostNameMax), field.begin());
  return field;
}

SyscallResult set_name(const Syscall& call, FixedText<kHostNameMax> HostNames::*which) {
  const i32 size = call.integer(1);
  if (size < 0 || static_cast<usize>(size) > kHostNameMax) return Errno::einval;
  NameField text{};
  const auto name = std::span(text).first(static_cast<usize>(size));
  TRY(copy_from_user(std::as_writable_bytes(name), call.address(0)));
  host_names.with([&](HostNames& names) { names.*which = until_nul(name); });
  return u64{0};
}

}  // namespace

SyscallResult sys_uname(const Syscall& call) {
  const HostNames names = host_names.with([](HostNames& n) { return n; });
  const NameField fields[] = {name_field(kSystemName),    name_field(names.host),
                              name_field(kSystemRelease), name_field(kSystemVersion),
                              name_field(kMachineName),   name_field(names.domain)};
  static_assert(sizeof fields == 390);  // struct new_utsname
  return copy_to_user(call.address(0), std::as_bytes(std::span(fields)));
}

SyscallResult sys_sethostname(const Syscall& call) { return set_name(call, &HostNames::host); }
SyscallResult sys_setdomainname(const Syscall& call) { return set_name(call, &HostNames::domain); }

/// Nobody counts what waits to run, so the loads are 0.
SyscallResult sys_sysinfo(const Syscall& call) {
  struct SystemInfo {
    u64 uptime, loads[3];
    u64 total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    u16 processes;
    u64 total_high, free_high;
    u32 unit;
  };
  static_assert(sizeof(SystemInfo) == 112);
  const ZoneStats high = zone_stats(ZoneKind::highmem);
  SystemInfo info;
  std::memset(&info, 0, sizeof info);  // its gaps, too
  info.uptime = time_since_start() / kNanosecondsPerSecond;
  for (const ZoneKind kind : {ZoneKind::dma, ZoneKind::normal, ZoneKind::highmem})
    info.total_ram += zone_stats(kind).managed * kPageSize;
  info.free_ram = free_frame_count() * kPageSize;
  info.processes =
      static_cast<u16>(processes().with([](ProcessTable& table) { return table.count(); }));
  info.total_high = high.managed * kPageSize;
  info.free_high = high.free * kPageSize;
  info.unit = 1;
  return write_user(call.address(0), info);
}

/// Never blocks: the generator is always ready, for what it is worth (kernel/fs/random.h). A signal
/// ends a long one early.
SyscallResult sys_getrandom(const Syscall& call) {
  constexpr u64 kNonBlock = 1, kRandom = 2, kInsecure = 4, kMost = 0x7fff'ffff;
  const u64 flags = static_cast<u32>(call.x[2]);
  if ((flags & ~(kNonBlock | kRandom | kInsecure)) != 0) return Errno::einval;
  if ((flags & (kRandom | kInsecure)) == (kRandom | kInsecure)) return Errno::einval;
  const u64 size = std::min(call.x[1], kMost);
  u64 done = 0;
  while (done < size) {
    std::array<std::byte, 256> bytes;
    const auto chunk = std::span(bytes).first(std::min(size - done, bytes.size()));
    random_bytes().fill(chunk);
    const Result<void> written = copy_to_user(call.address(0) + done, chunk);
    if (!written.has_value()) return done == 0 ? SyscallResult(written.error()) : done;
    done += chunk.size();
    if (current_thread().is_interrupted()) break;
  }
  return done;
}

namespace {

/// PR_ operations, by Linux's numbers.
enum class Prctl : u32 {
  set_parent_death_signal = 1,
  get_parent_death_signal = 2,
  get_dumpable = 3,
  set_name = 15,
  get_name = 16,
  read_bounding_capability = 23,
  set_no_new_privileges = 38,
  get_no_new_privileges = 39,
  get_tid_address = 40,
};

SyscallResult set_process_name(const Syscall& call) {
  std::array<char, 16> text{};
  const Result<usize> size = copy_string_from_user(text, call.address(1));
  if (!size.has_value() && size.error().code != Errc::name_too_long) return size.error();
  call.caller.set_name(until_nul(text));
  return u64{0};
}

SyscallResult get_process_name(const Syscall& call) {
  std::array<char, 16> text{};
  const FixedText<16> name = call.caller.name();
  std::copy_n(name.view().begin(), std::min(name.view().size(), text.size() - 1), text.begin());
  return write_user(call.address(1), text);
}

SyscallResult set_parent_death_signal(const Syscall& call) {
  if (call.x[1] > kMostSignals) return Errno::einval;
  const Signal signal = static_cast<Signal>(call.x[1]);
  processes().with([&](ProcessTable&) { call.caller.family.parent_death_signal = signal; });
  return u64{0};
}

SyscallResult get_parent_death_signal(const Syscall& call) {
  const i32 signal =
      processes().with([&](ProcessTable&) { return call.caller.family.parent_death_signal; });
  return write_user(call.address(1), signal);
}

bool are_zero(const Syscall& call, usize from) {
  return std::all_of(call.x.begin() + from, call.x.begin() + 5, [](u64 x) { return x == 0; });
}

}  // namespace

/// What is not here is EINVAL, as on a Linux that is older or built without it.
SyscallResult sys_prctl(const Syscall& call) {
  constexpr u64 kCapabilities = 41, kDumpable = 1;
  switch (Prctl{static_cast<u32>(call.x[0])}) {
    case Prctl::set_parent_death_signal:
      return set_parent_death_signal(call);
    case Prctl::get_parent_death_signal:
      return get_parent_death_signal(call);
    case Prctl::get_dumpable:
      return kDumpable;
    case Prctl::set_name:
      return set_process_name(call);
    case Prctl::get_name:
      return get_process_name(call);
    case Prctl::read_bounding_capability:
      return call.x[1] < kCapabilities ? SyscallResult(u64{1}) : Errno::einval;
    case Prctl::set_no_new_privileges:
      if (call.x[1] != 1 || !are_zero(call, 2)) return Errno::einval;
      call.caller.may_gain_privileges = false;
      return u64{0};
    case Prctl::get_no_new_privileges:
      if (!are_zero(call, 1)) return Errno::einval;
      return u64{!call.caller.may_gain_privileges};
    case Prctl::get_tid_address:
      return write_user(call.address(1), call.caller.clear_child_tid.value());
  }
  return Errno::einval;
}

/// A machine that was told to start again ends, too: whoever started it may start it again.
SyscallResult sys_reboot(const Syscall& call) {
  constexpr u32 kMagic = 0xfee1'dead;
  constexpr u32 kSecondMagics[] = {672'274'793, 85'072'278, 369'367'448, 537'993'216};
  constexpr u32 kRestart = 0x0123'4567, kHalt = 0xcdef'0123, kPowerOff = 0x4321'fedc;
  constexpr u32 kKeysOn = 0x89ab'cdef, kKeysOff = 0;  // Ctrl-Alt-Del, which nobody can press here
  if (static_cast<u32>(call.x[0]) != kMagic) return Errno::einval;
  const u32 second = static_cast<u32>(call.x[1]);
  if (std::find(std::begin(kSecondMagics), std::end(kSecondMagics), second) ==
      std::end(kSecondMagics))
    return Errno::einval;
  switch (static_cast<u32>(call.x[2])) {
    case kRestart:
    case kHalt:
    case kPowerOff:
      arch::power_off(0);
    case kKeysOn:
    case kKeysOff:
      return u64{0};
  }
  return Errno::einval;
}

}  // namespace meridian
