// SPDX-License-Identifier: MIT
#include "kernel/fs/tty.h"

#include <algorithm>

#include "kernel/console/console.h"
#include "kernel/fs/counted.h"
#include "mm/slab/buffer.h"

namespace meridian {
namespace {

/// The requests of ioctl(2), by their names in Linux.
enum Request : u32 {
  kTcGets = 0x5401,
  kTcSets = 0x5402,
  kTcSetsWait = 0x5403,
  kTcSetsFlush = 0x5404,
  kTcFlush = 0x540b,
  kSetControlling = 0x540e,  // TIOCSCTTY
  kGetGroup = 0x540f,        // TIOCGPGRP
  kSetGroup = 0x5410,        // TIOCSPGRP
  kGetSize = 0x5413,         // TIOCGWINSZ
  kSetSize = 0x5414,         // TIOCSWINSZ
  kGetBytes = 0x541b,        // FIONREAD
  kGiveUp = 0x5422,          // TIOCNOTTY
  kGetSession = 0x5429,      // TIOCGSID
};

/// Signals, by Linux's numbers. The last two are for jobs in the background: SIGTTIN, SIGTTOU.
constexpr u8 kHangUp = 1, kContinue = 18, kBackgroundInput = 21, kBackgroundOutput = 22;

template <typename T>
Result<void> give(IoctlArgument& argument, const T& value) {
  return argument.write(std::as_bytes(std::span(&value, 1)));
}
template <typename T>
Result<T> taken(IoctlArgument& argument) {
  T value;
  TRY(argument.read(std::as_writable_bytes(std::span(&value, 1))));
  return value;
}

class TtyFile final : public File {
 public:
  TtyFile(Tty& tty, Ref<Inode> inode, OpenFlags flags) : File(std::move(inode), flags), tty_(tty) {}

  Result<u64> ioctl(u32 request, IoctlArgument& argument) override {
    return tty_.ioctl(request, argument);
  }
  u32 poll() override { return tty_.poll(); }
  PollQueue* poll_queue() override { return &tty_.poll_queue(); }

 private:
  Result<u64> do_read(ByteSink& to) override { return tty_.read(to, is_nonblocking()); }
  Result<u64> do_write(ByteSource& from) override { return tty_.write(from); }
  void destroy_this() override { destroy_counted(this); }

  Tty& tty_;
};

/// The console by its Writer, as a constant initializer needs one: console() is a function.
class ConsoleOutput final : public Writer {
 public:
  void write(std::string_view text) override { console().write(text); }
};
constinit ConsoleOutput console_output;
constinit Tty the_console_tty(console_output);

}  // namespace

void Tty::begin_session(u32 session) {
  state_.with([session](State& state) {
    state.session = state.group = session;
    state.line.reset();
  });
}

void Tty::end_session(u32 session) {
  const u32 group = state_.with([session](State& state) {
    if (state.session != session) return 0u;
    state.session = 0;
    return std::exchange(state.group, 0u);
  });
  if (group == 0 || jobs_ == nullptr) return;
  jobs_->signal_group(group, kHangUp);
  jobs_->signal_group(group, kContinue);
}

Tty::Owner Tty::owner() {
  return state_.with([](const State& s) { return Owner{s.session, s.group}; });
}

void Tty::receive(u8 key) {
  struct Outcome {
    std::optional<LineDiscipline::KeySignal> signal;
    u32 group;
  };
  const Outcome outcome = state_.with([&](State& state) {
    return Outcome{state.line.receive(key, device_), state.group};
  });
  if (outcome.signal && jobs_ != nullptr && outcome.group != 0)
    jobs_->signal_group(outcome.group, static_cast<u8>(*outcome.signal));
  readable_.wake_all();
  poll_queue_.notify();
}

/// A line has at most kRoom bytes.
Result<u64> Tty::read(ByteSink& to, bool nonblocking) {
  TRY(check_foreground(kBackgroundInput));
  if (to.left() == 0) return u64{0};
  const Buffer buffer = TRY(Buffer::make(std::min(to.left(), u64{LineDiscipline::kRoom})));
  u64 count = 0;
  const auto take = [&](State& state) {
    if (!state.line.is_ready()) return false;
    count = state.line.read(buffer.bytes());
    return true;
  };
  if (!nonblocking)
    TRY(readable_.wait(state_, take, {.interruptible = true}));
  else if (!state_.with(take))
    return Error{Errc::try_again};
  to.put(buffer.bytes().first(count));
  return to.result();
}

Result<u64> Tty::write(ByteSource& from) {
  const bool stops =
      state_.with([](State& s) { return (s.line.termios().local & Termios::kStopOutput) != 0; });
  if (stops) TRY(check_foreground(kBackgroundOutput));
  std::array<std::byte, 256> piece;
  while (from.left() != 0 && !from.has_failed()) {
    const u64 count = from.take(piece);
    device_.write({reinterpret_cast<const char*>(piece.data()), count});
  }
  return from.result();
}

u32 Tty::poll() {
  const bool ready = state_.with([](const State& state) { return state.line.is_ready(); });
  return PollEvents::kWritable | (ready ? PollEvents::kReadable : 0);
}

Result<void> Tty::set_termios(IoctlArgument& argument, bool flush) {
  const Termios wanted = TRY(taken<Termios>(argument));
  state_.with([&](State& state) {
    if (flush) state.line.flush();
    state.line.set_termios(wanted);
  });
  readable_.wake_all();  // what is typed already may be enough now
  poll_queue_.notify();
  return {};
}

/// Is this the terminal of the caller's session?
bool Tty::is_controlling(const TtyJobs::Caller& caller) {
  return caller.session != 0 &&
         state_.with([&](const State& s) { return s.session == caller.session; });
}

/// A job in the background may not read, nor change what the one in the foreground relies on: it is
/// stopped by `signal`, and does it again when it goes on. Who does not want to hear of it may, but
/// reads nothing. Errc::interrupted, io_error.
Result<void> Tty::check_foreground(u8 signal) {
  if (jobs_ == nullptr) return {};
  const TtyJobs::Caller caller = jobs_->caller();
  const bool in_background = is_controlling(caller) && state_.with([&](const State& s) {
    return s.group != 0 && s.group != caller.group;
  });
  if (!in_background) return {};
  switch (jobs_->signal_background(signal)) {
    case TtyJobs::Background::signalled:
      return Error{Errc::interrupted};
    case TtyJobs::Background::deaf:
      if (signal == kBackgroundOutput) return {};
      return Error{Errc::io_error};
    case TtyJobs::Background::orphaned:
      return Error{Errc::io_error};
  }
  UNREACHABLE();
}

/// The caller, who leads a session, gets this terminal for it; `by_force` also if another one has it.
Result<void> Tty::take_session(bool by_force) {
  if (jobs_ == nullptr) return Error{Errc::not_permitted};
  const TtyJobs::Caller caller = jobs_->caller();
  return state_.with([&](State& state) -> Result<void> {
    if (!caller.leads_session) return Error{Errc::not_permitted};
    if (state.session == caller.session) return {};
    if (state.session != 0 && !by_force) return Error{Errc::not_permitted};
    state.session = caller.session;
    state.group = caller.group;
    return {};
  });
}

/// Only who leads the session can: then it has no terminal any more.
Result<void> Tty::give_up() {
  if (jobs_ == nullptr) return Error{Errc::not_a_terminal};
  const TtyJobs::Caller caller = jobs_->caller();
  if (!is_controlling(caller)) return Error{Errc::not_a_terminal};
  if (caller.leads_session) end_session(caller.session);
  return {};
}

/// The foreground becomes another group of the same session.
Result<void> Tty::set_group(IoctlArgument& argument) {
  const Result<void> may = check_foreground(kBackgroundOutput);
  if (!may.has_value() && may.error().code == Errc::io_error) return Error{Errc::not_a_terminal};
  TRY(may);
  const i32 group = TRY(taken<i32>(argument));
  if (group < 0) return Error{Errc::invalid_argument};
  const TtyJobs::Caller caller = jobs_ == nullptr ? TtyJobs::Caller{} : jobs_->caller();
  if (!is_controlling(caller)) return Error{Errc::not_a_terminal};
  const u32 session = jobs_->session_of_group(static_cast<u32>(group));
  if (session == 0) return Error{Errc::no_process, static_cast<u64>(group)};
  if (session != caller.session) return Error{Errc::not_permitted, static_cast<u64>(group)};
  state_.with([&](State& s) { s.group = static_cast<u32>(group); });
  return {};
}

/// What only the processes of the session may ask. Errc::not_a_terminal to others.
Result<void> Tty::tell_session(u32 request, IoctlArgument& argument) {
  const TtyJobs::Caller caller = jobs_ == nullptr ? TtyJobs::Caller{} : jobs_->caller();
  if (!is_controlling(caller)) return Error{Errc::not_a_terminal, request};
  return give(argument, request == kGetSession ? caller.session
                                               : state_.with([](State& s) { return s.group; }));
}

Result<u64> Tty::ioctl(u32 request, IoctlArgument& argument) {
  switch (request) {
    case kTcGets:
      TRY(give(argument, state_.with([](const State& s) { return s.line.termios(); })));
      break;
    case kTcSets:
    case kTcSetsWait:
    case kTcSetsFlush:
      TRY(check_foreground(kBackgroundOutput));
      TRY(set_termios(argument, request == kTcSetsFlush));
      break;
    case kTcFlush:
      TRY(check_foreground(kBackgroundOutput));
      state_.with([](State& s) { s.line.flush(); });
      break;
    case kSetControlling:
      TRY(take_session(argument.value() == 1));
      break;
    case kGiveUp:
      TRY(give_up());
      break;
    case kGetGroup:
    case kGetSession:
      TRY(tell_session(request, argument));
      break;
    case kSetGroup:
      TRY(set_group(argument));
      break;
    case kGetSize:
      TRY(give(argument, state_.with([](const State& s) { return s.size; })));
      break;
    case kSetSize: {
      const WindowSize size = TRY(taken<WindowSize>(argument));
      state_.with([&](State& s) { s.size = size; });
      break;
    }
    case kGetBytes:
      TRY(give(argument,
               state_.with([](const State& s) { return static_cast<u32>(s.line.available()); })));
      break;
    default:
      return Error{Errc::not_a_terminal, request};
  }
  return u64{0};
}

Tty& console_tty() { return the_console_tty; }

Result<Ref<File>> open_tty(Tty& tty, Ref<Inode> inode, OpenFlags flags) {
  return Ref<File>(TRY(make_counted<TtyFile>(tty, std::move(inode), flags)));
}

}  // namespace meridian
