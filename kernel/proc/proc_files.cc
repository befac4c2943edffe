// SPDX-License-Identifier: MIT
#include "kernel/proc/proc_files.h"

#include <arch/clock.h>
#include <arch/interrupts.h>
#include <arch/machine.h>

#include "kernel/fs/memory_files.h"
#include "kernel/fs/system_names.h"
#include "kernel/init/system.h"
#include "kernel/proc/proc_source.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/scheduler.h"
#include "kernel/time/clock.h"
#include "mm/user/user_layout.h"

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
TEXT_FILE(kOvercommitRatio, "50\n");
TEXT_FILE(kFileSystems, "nodev\ttmpfs\nnodev\tproc\n");

void print_os_type(Writer& out) { print(out, "{}\n", kSystemName); }
void print_os_release(Writer& out) { print(out, "{}\n", kSystemRelease); }
void print_version(Writer& out) {
  print(out, "{} version {} {}\n", kSystemName, kSystemRelease, kSystemVersion);
}
void print_host_name(Writer& out) {
  print(out, "{}\n", host_names.with([](HostNames& names) { return names.host; }).view());
}

/// What all CPUs have done since they take part, in 1/100 s, and what the threads do now.
struct Activity {
  u64 busy = 0, idle = 0, switches = 0;
  u64 threads = 0, running = 0, blocked = 0;
};

Activity activity() {
  Activity sum;
  for (unsigned cpu = 0; cpu < arch::kMaxCpus; ++cpu) {
    const CpuInfo info = cpu_info(cpu);
    if (!info.runs) continue;
    sum.idle += clock_ticks(info.idle_ticks);
    sum.busy += clock_ticks(info.ticks - info.idle_ticks);
    sum.switches += info.switches;
  }
  for (std::optional<ThreadInfo> thread = next_thread(0); thread;
       thread = next_thread(thread->id)) {
    if (thread->name.view().starts_with("idle/")) continue;
    ++sum.threads;
    if (thread->state == ThreadState::running || thread->state == ThreadState::ready) ++sum.running;
    if (thread->state == ThreadState::sleeping && !thread->interruptible) ++sum.blocked;
  }
  return sum;
}

u64 newest_pid() {
  return processes().with([](ProcessTable& table) { return table.newest(); });
}

/// "12.34"
void print_seconds(Writer& out, u64 ticks) { print(out, "{}.{:02}", ticks / 100, ticks % 100); }

void print_uptime(Writer& out) {
  print_seconds(out, time_since_start() / (kNanosecondsPerSecond / 100));
  out.put(' ');
  print_seconds(out, activity().idle);
  out.put('\n');
}

/// The averages would need somebody who looks every five seconds, and nobody does.
void print_load(Writer& out) {
  const Activity now = activity();
  print(out, "0.00 0.00 0.00 {}/{} {}\n", now.running, now.threads, newest_pid());
}

void print_command_line(Writer& out) { print(out, "{}\n", the_system().machine.bootargs); }

void print_cpuinfo(Writer& out) {
  const arch::CpuId id = arch::cpu_id();  // all are of one kind
  for (unsigned cpu = 0; cpu < arch::kMaxCpus; ++cpu) {
    if (!cpu_info(cpu).runs) continue;
    const u64 frequency = arch::counter_frequency();
    print(out, "processor\t: {}\n", cpu);
    print(out, "BogoMIPS\t: {}.{:02}\n", frequency / 500'000, frequency / 5000 % 100);
    print(out, "Features\t: fp asimd\nCPU implementer\t: 0x{:02x}\nCPU architecture: 8\n",
          id.implementer);
    print(out, "CPU variant\t: {:X}\nCPU part\t: {:X}\nCPU revision\t: {}\n\n", id.variant, id.part,
          id.revision);
  }
}

void print_cpu_line(Writer& out, std::string_view name, u64 busy, u64 idle) {
  print(out, "{} {} 0 0 {} 0 0 0 0 0 0\n", name, busy, idle);
}

/// Times in ticks of 1/100 s. (What is spent in the kernel counts as the programs'.)
void print_cpu_times(Writer& out) {
  const Activity all = activity();
  print_cpu_line(out, "cpu ", all.busy, all.idle);
  u64 interrupts = 0;
  for (unsigned cpu = 0; cpu < arch::kMaxCpus; ++cpu) {
    const CpuInfo info = cpu_info(cpu);
    if (!info.runs) continue;
    BufferWriter<8> name;
    print(name, "cpu{}", cpu);
    print_cpu_line(out, name.text(), clock_ticks(info.ticks - info.idle_ticks),
                   clock_ticks(info.idle_ticks));
    interrupts += arch::irq_counts(cpu).handled;
  }
  print(out, "intr {}\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked {}\n",
        interrupts, all.switches, (real_time() - time_since_start()) / kNanosecondsPerSecond,
        newest_pid(), all.running, all.blocked);
}

void print_lowest_address(Writer& out) { print(out, "{}\n", user_layout().lowest.value()); }

void print_swaps(Writer& out) { out.write("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"); }

constexpr ProcFile kFiles[] = {
    {"buddyinfo", print_buddyinfo},
    {"cmdline", print_command_line},
    {"cpuinfo", print_cpuinfo},
    {"filesystems", print_text<kFileSystems>},
    {"iomem", print_iomem},
    {"loadavg", print_load},
    {"meminfo", print_meminfo},
    {"mounts", print_mounts},
    {"slabinfo", print_slabinfo},
    {"stat", print_cpu_times},
    {"swaps", print_swaps},
    {"sys/kernel/core_pattern", print_text<kCorePattern>},
    {"sys/kernel/hostname", print_host_name},
    {"sys/kernel/osrelease", print_os_release},
    {"sys/kernel/ostype", print_os_type},
    {"sys/kernel/pid_max", print_text<kPidMax>},
    {"sys/kernel/tainted", print_text<kZero>},
    {"sys/kernel/threads-max", print_text<kThreadsMax>},
    {"sys/vm/max_map_count", print_text<kMaxMapCount>},
    {"sys/vm/mmap_min_addr", print_lowest_address},
    {"sys/vm/overcommit_memory", print_text<kZero>},
    {"sys/vm/overcommit_ratio", print_text<kOvercommitRatio>},
    {"uptime", print_uptime},
    {"version", print_version},
    {"vmallocinfo", print_vmallocinfo},
    {"zoneinfo", print_zoneinfo},
};

/// CPUs are numbered from 0 on, without a gap.
void print_cpu_range(Writer& out) {
  const unsigned cpus = running_cpus();
  if (cpus > 1)
    print(out, "0-{}\n", cpus - 1);
  else
    out.write("0\n");
}

constexpr ProcFile kSysFiles[] = {
    {"devices/system/cpu/online", print_cpu_range},
    {"devices/system/cpu/possible", print_cpu_range},
    {"devices/system/cpu/present", print_cpu_range},
};

}  // namespace

std::span<const ProcFile> proc_files() { return kFiles; }
std::span<const ProcFile> sys_files() { return kSysFiles; }

void print_mounts(Writer& out) {
  out.write("rootfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\n");
}

}  // namespace meridian
