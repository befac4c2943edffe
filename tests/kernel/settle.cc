// SPDX-License-Identifier: MIT
#include "tests/kernel/settle.h"

#include <arch/clock.h>

#include "kernel/fs/root.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/scheduler.h"
#include "kernel/proc/thread.h"
#include "kernel/shell/command.h"
#include "mm/frames/frames.h"
#include "mm/kernel/kernel_space.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/slab.h"
#include "mm/user/zero_frame.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

/// Is a thread on its way that is no CPU's own? (What the kernel keeps for itself sleeps.)
bool is_any_on_its_way() {
  for (std::optional<ThreadInfo> thread = next_thread(0); thread; thread = next_thread(thread->id))
    if (!thread->bound && thread->state != ThreadState::sleeping) return true;
  return false;
}

/// Those whose parents are gone end when they get a CPU; then their threads give back their stacks.
void wait_for_processes() {
  const u64 millisecond = arch::counter_frequency() / 1000;
  const u64 deadline = arch::counter() + 20'000 * millisecond;
  const auto count = [] {
    return processes().with([](ProcessTable& table) { return table.count(); });
  };
  while ((count() != 0 || is_any_on_its_way()) && arch::counter() < deadline)
    sleep_until(arch::counter() + millisecond);
  EXPECT_EQ(count(), 0u);
  sleep_until(arch::counter() + millisecond);  // the last one's CPU frees what it left
}

/// Tables that `count` entries of a table lead to, and those below, as far as the frame allocator gave them.
u64 tables_behind(const arch::Entry* entries, u64 count, Level level) {
  u64 tables = 0;
  for (u64 i = 0; i < count; ++i) {
    const arch::Entry entry = load_entry(entries[i]);
    if (level == Level::L3 || entry.kind(level) != Kind::table) continue;
    const Frame table = entry.output();
    if (frame_state(table).owner == FrameOwner::table) ++tables;
    tables += tables_behind(linear_map.pointer<arch::Entry>(table), kPageSize / sizeof(entry),
                            next_level(level));
  }
  return tables;
}

u64 kernel_tables() {
  KernelSpace::Tables& tables = kernel_space().tables();
  const Level first = tables.geometry().first_level();
  const VirtRange half = tables.mapper().half();
  return tables_behind(linear_map.pointer<arch::Entry>(tables.root()) +
                           tables.geometry().index(first, half.start()),
                       half.size() / tables.geometry().entry_span(first), first);
}

u64 held_objects() {
  u64 objects = 0;
  for (usize id = 0; id < SlabCache::kMaxCaches; ++id)
    if (SlabCache* const cache = slab_cache(id)) objects += cache->stats().active;
  return objects - vmalloc_stats().blocks;
}

/// Made when they are first wanted: the files, and the frame of zeros.
void make_what_stays() {
  EXPECT_OK(root_start());
  EXPECT_OK(zero_frame());
}

}  // namespace

Holdings settled_holdings() {
  make_what_stays();
  wait_for_processes();
  vmalloc_flush();
  const FrameStats stats = frame_stats();
  Holdings held{.objects = held_objects()};
  for (const FrameOwner owner : {FrameOwner::table, FrameOwner::kmalloc, FrameOwner::kernel,
                                 FrameOwner::vmalloc, FrameOwner::user, FrameOwner::page_cache})
    held.frames += stats.by_owner[static_cast<usize>(owner)];
  held.frames -= kernel_tables();
  return held;
}

namespace {

Result<void> cmd_holdings(Writer& out, Args& args) {
  TRY(args.end());
  print(out, "held: {}\n", settled_holdings());
  return {};
}

}  // namespace

SHELL_COMMAND("holdings", "holdings", "what is in use once everything has settled: to compare", cmd_holdings,
              CommandGroup::checks);

}  // namespace meridian
