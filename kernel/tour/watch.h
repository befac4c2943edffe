// SPDX-License-Identifier: MIT
/// Watch: one guided program (qemu/rootfs), whose processes stand still at each mark that they set,
/// so that the tour can look at them for as long as it likes.
#pragma once

#include "kernel/proc/run_program.h"
#include "kernel/tour/tour.h"

namespace meridian {

/// A process at a mark: inside its system call, which has not been carried out.
struct Stop {
  UserRange pages;           // that it wants looked at
  u64 ttbr0 = 0, ttbr1 = 0;  // of the CPU it came in on, at that moment
  Ref<Process> process;
  Ref<UserSpace> space;
};

/// One at a time.
class [[nodiscard]] Watch {
 public:
  Watch();
  /// Lets everybody go on, and waits for the program's end.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Starts a program. Errors as start_program().
  Result<void> start(std::string_view path);
  /// Waits for the next process that comes to a mark, which then stands there. Errc::not_found if
  /// the program has ended; timed_out.
  Result<Stop> next();
  /// It goes on.
  void go_on(const Stop& stop);
  /// All go on, to the end without a stop.
  ProcessEnd finish();

 private:
  Ref<Process> program_;
};

/// A program's next mark in a stop of the tour, `sentence` being what it takes for granted; nothing
/// if that failed.
std::optional<Stop> require_mark(Evidence& e, Watch& watch, std::string_view sentence);
/// The program, which has been let go, ended with status 0.
void require_good_end(Evidence& e, Watch& watch);

/// The frame of a page of a process; nothing if it has none.
std::optional<Frame> frame_of(UserSpace& space, UserAddr page);

}  // namespace meridian
