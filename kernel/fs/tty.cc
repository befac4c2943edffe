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
  constexpr u8 kHangUp = 1, kContinue = 18;
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

/// The caller's session gets this terminal, unless another one has it.
Result<void> Tty::take_session() {
  if (jobs_ == nullptr) return Error{Errc::not_permitted};
  const u32 mine = static_cast<u32>(jobs_->session_of_caller());
  return state_.with([&](State& state) -> Result<void> {
    if (state.session != 0 && state.session != mine) return Error{Errc::not_permitted};
    if (state.session == 0) state.group = mine;
    state.session = mine;
    return {};
  });
}

Result<u64> Tty::ioctl(u32 request, IoctlArgument& argument) {
  switch (request) {
    case kTcGets:
      TRY(give(argument, state_.with([](const State& s) { return s.line.termios(); })));
      break;
    case kTcSets:
    case kTcSetsWait:
    case kTcSetsFlush:
      TRY(set_termios(argument, request == kTcSetsFlush));
      break;
    case kTcFlush:
      state_.with([](State& s) { s.line.flush(); });
      break;
    case kSetControlling:
      TRY(take_session());
      break;
    case kGiveUp:
      state_.with([](State& s) { s.session = s.group = 0; });
      break;
    case kGetGroup:
      TRY(give(argument, state_.with([](const State& s) { return s.group; })));
      break;
    case kSetGroup: {
      const u32 group = TRY(taken<u32>(argument));
      state_.with([&](State& s) { s.group = group; });
      break;
    }
    case kGetSession:
      TRY(give(argument, state_.with([](const State& s) { return s.session; })));
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
