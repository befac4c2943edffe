// SPDX-License-Identifier: MIT
/// meminfo zoneinfo buddyinfo slabinfo vmallocinfo iomem ptdump: what Linux has as files, as
/// commands.
#include <arch/paging.h>

#include "kernel/fs/memory_files.h"
#include "kernel/fs/table_dump.h"
#include "kernel/shell/command.h"
#include "kernel/shell/process_arg.h"
#include "mm/kernel/kernel_space.h"

namespace meridian {
namespace {

/// A command without arguments that prints a file.
template <void (*kPrint)(Writer&)>
Result<void> cmd_file(Writer& out, Args& args) {
  TRY(args.end());
  kPrint(out);
  return {};
}

SHELL_COMMAND("meminfo", "meminfo", "how much memory there is, and who has it (/proc/meminfo)",
              cmd_file<print_meminfo>, CommandGroup::memory);
SHELL_COMMAND("zoneinfo", "zoneinfo", "the zones and their frames (/proc/zoneinfo)",
              cmd_file<print_zoneinfo>, CommandGroup::memory);
SHELL_COMMAND("buddyinfo", "buddyinfo", "free blocks of each order (/proc/buddyinfo)",
              cmd_file<print_buddyinfo>, CommandGroup::memory);
SHELL_COMMAND("slabinfo", "slabinfo", "the slab caches and their objects (/proc/slabinfo)",
              cmd_file<print_slabinfo>, CommandGroup::memory);
SHELL_COMMAND("vmallocinfo", "vmallocinfo", "areas of the vmalloc region (/proc/vmallocinfo)",
              cmd_file<print_vmallocinfo>, CommandGroup::memory);
SHELL_COMMAND("iomem", "iomem", "what lies where in physical memory (/proc/iomem)",
              cmd_file<print_iomem>, CommandGroup::memory);

Result<void> cmd_ptdump(Writer& out, Args& args) {
  if (args.take("pid")) {
    const Ref<UserSpace> space = TRY(space_argument(args));
    TRY(args.end());
    return print_user_tables(out, *space);
  }
  const bool user = args.take("user");
  if (!user && !args.take("kernel") && args.more()) {
    TRY(args.word("HALF"));
    return args.refuse("is none of kernel, user and pid");
  }
  const bool raw = !user && args.take("raw");
  TRY(args.end());
  if (user)
    print_user_tables(out, arch::user_root().table);
  else if (raw)
    print_raw_kernel_tables(out);
  else
    print_kernel_tables(out);
  return {};
}
SHELL_COMMAND("ptdump", "ptdump [kernel [raw]|user|pid PID]", "all of a half's page tables, as Linux dumps them",
              cmd_ptdump, CommandGroup::address_space);

}  // namespace
}  // namespace meridian
