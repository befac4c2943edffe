// SPDX-License-Identifier: MIT
#include "kernel/fs/proc_format.h"

#include <utility>

#include "mm/page_size.h"

namespace meridian {
namespace {

/// Where a mapping's name stands in its line.
constexpr usize kNameColumn = 73;

u64 major_of(u64 device) { return device >> 8 & 0xfff; }
u64 minor_of(u64 device) { return (device & 0xff) | (device >> 20) << 8; }

void size_line(Writer& out, std::string_view label, u64 bytes) {
  print(out, "{}:\t{:>8} kB\n", label, bytes / 1024);
}
void set_line(Writer& out, std::string_view label, u64 set) {
  print(out, "{}:\t{:016x}\n", label, set);
}

void print_identity(Writer& out, const ProcStatus& p) {
  print(out, "Name:\t{}\n", p.name);
  out.write("Umask:\t0");
  for (unsigned shift = 6; shift <= 6; shift -= 3)
    out.put(static_cast<char>('0' + (p.umask >> shift & 7)));
  print(out, "\nState:\t{} ({})\n", p.state, name_of_state(p.state));
  print(out, "Tgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n", p.process, p.thread,
        p.parent);
  print(out, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t{}\nGroups:\t \n", p.descriptors);
}

void print_sizes(Writer& out, const ProcStatus& p) {
  size_line(out, "VmPeak", p.peak_size);
  size_line(out, "VmSize", p.size);
  size_line(out, "VmLck", p.locked);
  size_line(out, "VmPin", 0);
  size_line(out, "VmHWM", p.peak_resident);
  size_line(out, "VmRSS", p.resident);
  size_line(out, "RssAnon", p.resident_anonymous);
  size_line(out, "RssFile", p.resident_file);
  size_line(out, "RssShmem", p.resident_shared);
  size_line(out, "VmData", p.data);
  size_line(out, "VmStk", p.stack);
  size_line(out, "VmExe", p.text);
  size_line(out, "VmLib", p.library);
  size_line(out, "VmPTE", p.tables);
  size_line(out, "VmSwap", 0);
}

void print_signals(Writer& out, const ProcStatus& p) {
  print(out, "Threads:\t{}\nSigQ:\t{}/{}\n", p.threads, p.queued_signals, p.most_queued_signals);
  set_line(out, "SigPnd", p.pending);
  set_line(out, "ShdPnd", p.shared_pending);
  set_line(out, "SigBlk", p.blocked);
  set_line(out, "SigIgn", p.ignored);
  set_line(out, "SigCgt", p.caught);
}

/// The one user is root, whom every capability is open to (CAP_LAST_CAP is 40).
void print_rights(Writer& out, const ProcStatus& p) {
  constexpr u64 kAll = 0x01ff'ffff'ffff;
  set_line(out, "CapInh", p.inheritable);
  set_line(out, "CapPrm", p.capabilities);
  set_line(out, "CapEff", p.effective);
  set_line(out, "CapBnd", kAll);
  set_line(out, "CapAmb", 0);
  out.write("NoNewPrivs:\t0\n");
}

void usage_line(Writer& out, std::string_view label, u64 bytes) {
  print(out, "{:<16}{:>8} kB\n", label, bytes / 1024);
}
void usage_lines(Writer& out, std::initializer_list<std::string_view> labels) {
  for (const std::string_view label : labels) usage_line(out, label, 0);
}

/// A line of limits, by RLIMIT_ number.
struct LimitName {
  std::string_view name, unit;
};
constexpr LimitName kLimitNames[kProcLimits] = {
    {"Max cpu time", "seconds"},       {"Max file size", "bytes"},
    {"Max data size", "bytes"},        {"Max stack size", "bytes"},
    {"Max core file size", "bytes"},   {"Max resident set", "bytes"},
    {"Max processes", "processes"},    {"Max open files", "files"},
    {"Max locked memory", "bytes"},    {"Max address space", "bytes"},
    {"Max file locks", "locks"},       {"Max pending signals", "signals"},
    {"Max msgqueue size", "bytes"},    {"Max nice priority", ""},
    {"Max realtime priority", ""},     {"Max realtime timeout", "us"},
};

void print_limit(Writer& out, u64 value) {
  if (value == ProcLimit::kNone)
    print(out, "{:<20} ", "unlimited");
  else
    print(out, "{:<20} ", value);
}

/// "0-3", or "0" for a lone CPU.
void print_cpu_list(Writer& out, u64 set) {
  bool first = true;
  for (u64 cpu = 0; cpu < 64; ++cpu) {
    if ((set >> cpu & 1) == 0) continue;
    u64 last = cpu;
    while (last + 1 < 64 && (set >> (last + 1) & 1) != 0) ++last;
    if (!std::exchange(first, false)) out.put(',');
    print(out, "{}", cpu);
    if (last != cpu) print(out, "-{}", last);
    cpu = last;
  }
}

}  // namespace

std::string_view name_of_state(char state) {
  switch (state) {
    case 'R':
      return "running";
    case 'S':
      return "sleeping";
    case 'D':
      return "disk sleep";
    case 'T':
      return "stopped";
    case 'Z':
      return "zombie";
  }
  return "dead";
}

void print_maps_line(Writer& out, const ProcMapping& m) {
  BufferWriter<128> line;
  print(line, "{:08x}-{:08x} ", m.start, m.end);
  line.put(m.read ? 'r' : '-');
  line.put(m.write ? 'w' : '-');
  line.put(m.execute ? 'x' : '-');
  line.put(m.shared ? 's' : 'p');
  print(line, " {:08x} {:02x}:{:02x} {} ", m.offset, major_of(m.device), minor_of(m.device),
        m.inode);
  out.write(line.text());
  if (!m.name.empty()) {
    for (usize at = line.text().size(); at < kNameColumn; ++at) out.put(' ');
    out.write(m.name);
  }
  out.put('\n');
}

void print_usage(Writer& out, const ProcMapping& mapping, const ProcUsage& usage) {
  usage_line(out, "Size:", mapping.end - mapping.start);
  usage_line(out, "KernelPageSize:", kPageSize);
  usage_line(out, "MMUPageSize:", kPageSize);
  usage_line(out, "Rss:", usage.resident);
  usage_line(out, "Pss:", usage.part);
  usage_line(out, "Pss_Dirty:", usage.part);
  usage_line(out, "Shared_Clean:", 0);
  usage_line(out, "Shared_Dirty:", usage.shared);
  usage_line(out, "Private_Clean:", 0);
  usage_line(out, "Private_Dirty:", usage.resident - usage.shared);
  usage_line(out, "Referenced:", usage.resident);
  usage_line(out, "Anonymous:", usage.anonymous);
  usage_lines(out, {"LazyFree:", "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:",
                    "Shared_Hugetlb:", "Private_Hugetlb:", "Swap:", "SwapPss:"});
  usage_line(out, "Locked:", usage.locked);
  print(out, "THPeligible:    0\nVmFlags: {}\n", usage.flags);
}

void print_limits(Writer& out, std::span<const ProcLimit, kProcLimits> limits) {
  print(out, "{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (usize i = 0; i < kProcLimits; ++i) {
    print(out, "{:<25} ", kLimitNames[i].name);
    print_limit(out, limits[i].soft);
    print_limit(out, limits[i].hard);
    if (!kLimitNames[i].unit.empty()) print(out, "{:<10}", kLimitNames[i].unit);
    out.put('\n');
  }
}

void print_status(Writer& out, const ProcStatus& p) {
  print_identity(out, p);
  print_sizes(out, p);
  out.write("CoreDumping:\t0\nTHP_enabled:\t0\n");
  print_signals(out, p);
  print_rights(out, p);
  print(out, "Cpus_allowed:\t{:x}\nCpus_allowed_list:\t", p.allowed_cpus);
  print_cpu_list(out, p.allowed_cpus);
  print(out, "\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
        p.voluntary_switches, p.involuntary_switches);
}

/// proc(5) numbers the fields; here they stand in lines as they belong together.
void print_stat(Writer& out, const ProcStatus& p) {
  print(out, "{} ({}) {} {} {} {} {} {} 4194304", p.process, p.name, p.state, p.parent, p.group,
        p.session, p.terminal, p.terminal_group);
  print(out, " {} 0 {} 0", p.minor_faults, p.major_faults);
  print(out, " {} {} 0 0 20 0 {} 0 {}", p.user_time, p.system_time, p.threads, p.start_time);
  print(out, " {} {} {}", p.size, p.resident / kPageSize, ~u64{0});
  print(out, " {} {} {} 0 0", p.code_start, p.code_end, p.stack_start);
  print(out, " {} {} {} {}", p.pending, p.blocked, p.ignored, p.caught);
  print(out, " 0 0 0 17 {} 0 0 0 0 0", p.processor);
  print(out, " {} {} {} {} {} {} {} {}\n", p.data_start, p.data_end, p.heap_start,
        p.arguments_start, p.arguments_end, p.environment_start, p.environment_end, p.exit_code);
}

void print_statm(Writer& out, const ProcStatus& p) {
  print(out, "{} {} {} {} 0 {} 0\n", p.size / kPageSize, p.resident / kPageSize,
        (p.resident_file + p.resident_shared) / kPageSize, p.text / kPageSize,
        (p.data + p.stack) / kPageSize);
}

}  // namespace meridian
