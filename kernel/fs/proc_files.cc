// SPDX-License-Identifier: MIT
#include "kernel/fs/proc_files.h"

#include "kernel/fs/memory_files.h"
#include "kernel/fs/system_names.h"
#include "kernel/init/system.h"
#include "kernel/time/clock.h"

namespace meridian {
namespace {

/// A file that always says the same.
template <const char* kText>
void print_text(Writer& out) {
  out.write(kText);
}
#define TEXT_FILE(name, text) constexpr char name[] = text

TEXT_FILE(kPidMax, "32768\n");
TEXT_FILE(kThreadsMax, "32768\n");
TEXT_FILE(kZero, "0\n");
TEXT_FILE(kCorePattern, "core\n");
TEXT_FILE(kMaxMapCount, "65530\n");
TEXT_FILE(kMmapMinAddr, "4096\n");
TEXT_FILE(kOvercommitRatio, "50\n");
TEXT_FILE(kFileSystems, "nodev\ttmpfs\nnodev\tproc\n");
TEXT_FILE(kMounts, "rootfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
/// Nobody counts what waits to run yet.
TEXT_FILE(kLoadAverage, "0.00 0.00 0.00 1/1 1\n");

void print_os_type(Writer& out) { print(out, "{}\n", kSystemName); }
void print_os_release(Writer& out) { print(out, "{}\n", kSystemRelease); }
void print_version(Writer& out) {
  print(out, "{} version {} {}\n", kSystemName, kSystemRelease, kSystemVersion);
}
void print_host_name(Writer& out) {
  print(out, "{}\n", host_names.with([](HostNames& names) { return names.host; }).view());
}

constexpr u64 kNanosecondsPerTick = kNanosecondsPerSecond / 100;

void print_uptime(Writer& out) {
  const u64 ticks = time_since_start() / kNanosecondsPerTick;
  print(out, "{}.{:02} 0.00\n", ticks / 100, ticks % 100);
}

void print_command_line(Writer& out) { print(out, "{}\n", the_system().machine.bootargs); }

void print_cpuinfo(Writer& out) { out.write("processor\t: 0\n\n"); }

/// Times in ticks of 1/100 s; the time that passed is all idle, as far as anybody has counted.
void print_cpu_times(Writer& out) {
  const u64 now = time_since_start(), ticks = now / kNanosecondsPerTick;
  print(out, "cpu  0 0 0 {} 0 0 0 0 0 0\ncpu0 0 0 0 {} 0 0 0 0 0 0\n", ticks, ticks);
  print(out, "intr 0\nctxt 0\nbtime {}\n", (real_time() - now) / kNanosecondsPerSecond);
  out.write("processes 1\nprocs_running 1\nprocs_blocked 0\n");
}

constexpr ProcFile kFiles[] = {
    {"buddyinfo", print_buddyinfo},
    {"cmdline", print_command_line},
    {"cpuinfo", print_cpuinfo},
    {"filesystems", print_text<kFileSystems>},
    {"iomem", print_iomem},
    {"loadavg", print_text<kLoadAverage>},
    {"meminfo", print_meminfo},
    {"mounts", print_text<kMounts>},
    {"slabinfo", print_slabinfo},
    {"stat", print_cpu_times},
    {"sys/kernel/core_pattern", print_text<kCorePattern>},
    {"sys/kernel/hostname", print_host_name},
    {"sys/kernel/osrelease", print_os_release},
    {"sys/kernel/ostype", print_os_type},
    {"sys/kernel/pid_max", print_text<kPidMax>},
    {"sys/kernel/tainted", print_text<kZero>},
    {"sys/kernel/threads-max", print_text<kThreadsMax>},
    {"sys/vm/max_map_count", print_text<kMaxMapCount>},
    {"sys/vm/mmap_min_addr", print_text<kMmapMinAddr>},
    {"sys/vm/overcommit_memory", print_text<kZero>},
    {"sys/vm/overcommit_ratio", print_text<kOvercommitRatio>},
    {"uptime", print_uptime},
    {"version", print_version},
    {"vmallocinfo", print_vmallocinfo},
    {"zoneinfo", print_zoneinfo},
};

}  // namespace

std::span<const ProcFile> proc_files() { return kFiles; }

}  // namespace meridian
