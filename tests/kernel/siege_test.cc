// SPDX-License-Identifier: MIT
/// Processes that change their memory at random, side by side (tests/user/siege_mappings.c), while the kernel looks
/// at their tables again and again: no moment may show what the invariants forbid, and in the end nothing is left.
///
///   siege [SECONDS [WORKERS [SEED]]]    the same from the shell, for as long as one likes
#include <arch/clock.h>

#include <array>

#include "kernel/console/console.h"
#include "kernel/init/system.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/run_program.h"
#include "kernel/shell/command.h"
#include "mm/frames/frames.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/settle.h"

namespace meridian {
namespace {

/// What a siege came to.
struct Siege {
  int status = -1;      // the program's
  u64 spaces = 0;       // that were looked at
  u64 findings = 0;     // in them
  u64 held_pages = 0;   // of files, that somebody but the file holds in the end
  Holdings before, after;

  bool is_well() const {
    return status == 0 && spaces != 0 && findings == 0 && held_pages == 0 && before == after;
  }
};

void audit_spaces(Siege& siege) {
  u32 next = 0;
  for (Ref<Process> process = process_from(next); process; process = process_from(next)) {
    next = process->pid() + 1;
    const Ref<UserSpace> space = process->share_space();
    if (!space) continue;
    ++siege.spaces;
    const std::optional<UserSpace::Finding> finding = space->audit();
    if (!finding) continue;
    ++siege.findings;
    print(console(), "# process {}: {}: {:X}\n", process->pid(), finding->what,
          finding->where.value());
  }
}

u64 held_file_pages() {
  u64 held = 0;
  for (const PhysRange& bank : the_system().memory.banks())
    for (Frame frame = Frame::containing(bank.start()); frame.address() < bank.end();
         frame = frame + 1) {
      const FrameState state = frame_state(frame);
      if (state.owner == FrameOwner::page_cache && state.references != 1) ++held;
    }
  return held;
}

/// Runs the program and looks at all spaces, a millisecond apart, until it ends.
void besiege(std::span<const std::string_view> arguments, Siege& siege) {
  ElfProblem problem;
  const RunOptions options{.arguments = arguments, .on_fault = Process::OnFault::be_silent};
  const Result<Ref<Process>> program =
      start_program("/bin/siege_mappings", options, problem);
  if (!program.has_value()) return;
  Process& process = *program.value();
  const auto has_ended = [&](ProcessTable&) { return process.family.state == ProcessState::ended; };
  while (!processes().with(has_ended)) {
    audit_spaces(siege);
    sleep_until(arch::counter() + arch::counter_frequency() / 1000);
  }
  siege.status = wait_for_end(process).exit_status();
}

Siege measured_siege(std::span<const std::string_view> arguments) {
  Siege siege;
  siege.before = settled_holdings();
  besiege(arguments, siege);
  siege.after = settled_holdings();
  siege.held_pages = held_file_pages();
  print(console(), "# {} spaces audited, {} findings; before: {}; after: {}\n", siege.spaces,
        siege.findings, siege.before, siege.after);
  return siege;
}

Result<void> cmd_siege(Writer&, Args& args) {
  std::array<std::string_view, 3> words;
  usize count = 0;
  while (count < words.size() && args.more()) words[count++] = TRY(args.word("ARGUMENT"));
  TRY(args.end());
  if (measured_siege(std::span(words).first(count)).is_well()) return {};
  return Error{Errc::failed, 1};
}

}  // namespace

SHELL_COMMAND("siege", "siege [SECONDS [WORKERS [SEED]]]",
              "programs that change their memory at random, looked at meanwhile", cmd_siege,
              CommandGroup::checks);

KERNEL_TEST(siege, ProcessesThatChangeTheirMemoryAtRandomSeeWhatTheyShould) {
  if (the_system().initramfs.empty()) SKIP_TEST("no initramfs");
  static constexpr std::string_view kArguments[] = {"2", "6"};
  const Siege siege = measured_siege(kArguments);
  EXPECT_EQ(siege.status, 0);
  EXPECT_GT(siege.spaces, 0u);
  EXPECT_EQ(siege.findings, 0u);
  EXPECT_EQ(siege.held_pages, 0u);
  EXPECT_EQ(siege.after, siege.before);
}

}  // namespace meridian
