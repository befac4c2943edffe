// SPDX-License-Identifier: MIT
/// Terminals: a line discipline between a device's keys and those who read. Output goes to the
/// device as it is; the console returns the carriage at each new line by itself.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/fs/line_discipline.h"

namespace meridian {

/// What a terminal needs to know of processes.
class TtyJobs {
 public:
  /// Who calls. (Session 0: no process.)
  struct Caller {
    u32 session = 0, group = 0;
    bool leads_session = false;
  };
  virtual Caller caller() = 0;
  /// Sends `signal` to process group `group`.
  virtual void signal_group(u32 group, u8 signal) = 0;
  /// The session of group `group`; 0: there is no such group.
  virtual u32 session_of_group(u32 group) = 0;

  /// The caller's group, which is in the background, gets `signal`, unless that would not stop the
  /// caller: it ignores or blocks it, or its group is orphaned, with nobody to let it go on.
  enum class Background : u8 { signalled, deaf, orphaned };
  virtual Background signal_background(u8 signal) = 0;

 protected:
  ~TtyJobs() = default;
};

/// struct winsize.
struct WindowSize {
  u16 rows = 24, columns = 80, width = 0, height = 0;
};

class Tty {
 public:
  explicit constexpr Tty(Writer& device) : device_(device) {}

  /// Whom keys like ^C are for. Nobody hears them until this is called.
  void use_jobs(TtyJobs& jobs) { jobs_ = &jobs; }

  /// The terminal is session `session`'s, and in its foreground the group of that number. What was
  /// typed before is forgotten.
  void begin_session(u32 session);
  /// It is nobody's again, if it was that session's; its foreground group hears SIGHUP.
  void end_session(u32 session);

  /// Whose it is: a session, and the group in its foreground; 0: nobody's.
  struct Owner {
    u32 session, group;
  };
  Owner owner();

  /// A key has come. Any context.
  void receive(u8 key);

  /// As File has them.
  Result<u64> read(ByteSink& to, bool nonblocking);
  Result<u64> write(ByteSource& from);
  Result<u64> ioctl(u32 request, IoctlArgument& argument);
  u32 poll();
  PollQueue& poll_queue() { return poll_queue_; }

 private:
  struct State {
    LineDiscipline line;
    WindowSize size;
    u32 group = 0;    // in the foreground
    u32 session = 0;  // whose controlling terminal it is
  };

  bool is_controlling(const TtyJobs::Caller& caller);
  Result<void> check_foreground(u8 signal);
  Result<void> set_termios(IoctlArgument& argument, bool flush);
  Result<void> take_session(bool by_force);
  Result<void> give_up();
  Result<void> set_group(IoctlArgument& argument);
  Result<void> tell_session(u32 request, IoctlArgument& argument);

  Writer& device_;
  TtyJobs* jobs_ = nullptr;
  Locked<State> state_;
  WaitQueue readable_;
  PollQueue poll_queue_;
};

/// The terminal on the kernel's console.
Tty& console_tty();

/// An open terminal, whose inode is `inode`.
Result<Ref<File>> open_tty(Tty& tty, Ref<Inode> inode, OpenFlags flags);

}  // namespace meridian
