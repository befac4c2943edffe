// SPDX-License-Identifier: MIT
/// Programs that the kernel itself starts: for the shell, for `init=`, for the tour and the tests.
#pragma once

#include <span>

#include "kernel/proc/elf.h"
#include "kernel/proc/exec_strings.h"
#include "kernel/proc/process.h"

namespace meridian {

/// What programs find in their environment unless somebody says otherwise.
inline constexpr std::string_view kUsualEnvironment[] = {"HOME=/", "PATH=/bin", "TERM=vt100"};

struct RunOptions {
  std::span<const std::string_view> arguments{};  // behind the name
  std::span<const std::string_view> environment{};
  Process::OnFault on_fault = Process::OnFault::report;
  bool is_init = false;  // process 1
  bool in_background = false;  // without the terminal's keys, and nobody waits for its end
};

/// A process that runs the program at `path`, leader of a session and a group of its own, with the
/// terminal as its files 0 to 2. Errors as load_program().
Result<Ref<Process>> start_program(std::string_view path, const RunOptions& options,
                                   ElfProblem& problem);
/// Waits until `process`, which start_program() gave (not one in the background), has ended, and everything it had is back.
ProcessEnd wait_for_end(Process& process);

/// Both. (While it runs the terminal's keys are its session's.)
Result<ProcessEnd> run_program(std::string_view path, const RunOptions& options,
                               ElfProblem& problem);

}  // namespace meridian
