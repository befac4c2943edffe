// SPDX-License-Identifier: MIT
/// A program: an ELF file loaded into an address space of its own, and its one run at EL0 until it
/// ends or is killed. When the object goes, everything it had goes back.
#pragma once

#include <arch/user.h>

#include <span>
#include <string_view>

#include "kernel/proc/elf.h"
#include "kernel/proc/signal.h"
#include "mm/user/user_layout.h"
#include "mm/user/user_space.h"

namespace meridian {

/// How a program's run ended.
struct ProgramEnd {
  enum class How : u8 { exited, killed };
  How how = How::exited;
  int status = 0;     // exited: 0 to 255. killed: the number of the signal that Linux would send
  arch::Fault fault;  // killed: what it did

  /// As a shell sees it: the status, or 128 and the signal.
  int exit_status() const { return how == How::exited ? status : 128 + status; }
};

class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// Loads `file` with its arguments; argv[0] is `name`. Called once. Errors as ElfImage::open()
  /// (and then problem() says why) and UserSpace; Errc::too_large if the arguments are too long.
  Result<void> load(std::span<const std::byte> file, std::string_view name,
                    std::span<const std::string_view> arguments);
  ElfProblem problem() const { return problem_; }

  /// What a fault that ends it does besides: the console gets a report, unless whoever runs the
  /// program expects it to fault.
  enum class OnFault : u8 { report, be_silent };

  /// Runs it in this thread, from its entry to its end. Called once, after load().
  ProgramEnd run(OnFault on_fault = OnFault::report);
  OnFault on_fault() const { return on_fault_; }

  /// Ends the run from inside a system call or a fault: run() returns. No object on the stack may
  /// still need its destructor.
  [[noreturn]] void exit(int status);
  [[noreturn]] void kill(const arch::Fault& fault);

  UserSpace& space() { return *space_; }
  std::string_view name() const { return name_; }
  UserAddr entry() const { return UserAddr(context_.frame.elr); }
  /// The stack pointer it starts with.
  UserAddr stack_pointer() const { return UserAddr(context_.frame.sp); }
  u64 pid() const { return pid_; }

 private:
  Result<void> load_segments(const ElfImage& image, std::span<const std::byte> file, u64 bias);
  Result<void> load_segment(const ElfSegment& segment, std::span<const std::byte> bytes, u64 bias);

  Ref<UserSpace> space_;  // null until it is loaded
  arch::UserContext context_;
  ProgramEnd end_;
  OnFault on_fault_ = OnFault::report;
  ElfProblem problem_ = ElfProblem::none;
  std::string_view name_;
  u64 pid_ = 0;
};

/// The program that runs in this thread; nullptr if there is none.
Program* current_program();

}  // namespace meridian
