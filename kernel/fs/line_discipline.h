// SPDX-License-Identifier: MIT
/// A terminal's line discipline: turns keys into lines that can be edited until they are done,
/// echoes them, and finds those that are signals. It knows neither devices nor processes.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "kernel/lib/format.h"

namespace meridian {

/// struct termios as the system calls have it (36 bytes); asm-generic numbers.
struct Termios {
  enum Input : u32 { kIgnoreCr = 0200, kCrToNl = 0400, kNlToCr = 0100, kStartStop = 02000 };
  enum Output : u32 { kPostProcess = 01, kNlToCrNl = 04 };
  enum Local : u32 {
    kSignals = 01,
    kCanonical = 02,
    kEcho = 010,
    kEchoErase = 020,
    kEchoKill = 040,
    kEchoNl = 0100,
    kNoFlush = 0200,
    kStopOutput = 0400,  // TOSTOP: of jobs in the background
    kEchoControl = 01000,
    kEchoKillErase = 04000,
    kExtended = 0100000,
  };
  enum Character : u8 {
    kInterrupt,
    kQuit,
    kErase,
    kKill,
    kEndOfFile,
    kTime,
    kMin,
    kSwitch,
    kStart,
    kStop,
    kSuspend,
    kEndOfLine,
    kReprint,
    kDiscard,
    kWordErase,
    kLiteralNext,
    kEndOfLine2,
    kCharacters = 19,
  };

  /// What Linux starts a terminal with.
  u32 input = kCrToNl | kStartStop;
  u32 output = kPostProcess | kNlToCrNl;
  u32 control = 0x4bf;  // 38400 baud, 8 bits, enabled, hang up on close
  u32 local = kSignals | kCanonical | kEcho | kEchoErase | kEchoKill | kEchoControl |
              kEchoKillErase | kExtended;
  u8 line = 0;
  std::array<u8, kCharacters> characters{0x03, 0x1c, 0x7f, 0x15, 0x04, 0x00, 0x01, 0x00, 0x11, 0x13,
                                         0x1a, 0x00, 0x12, 0x0f, 0x17, 0x16, 0x00, 0x00, 0x00};
};
static_assert(sizeof(Termios) == 36);

class LineDiscipline {
 public:
  /// Linux's MAX_CANON is 255, its buffer 4096.
  static constexpr usize kRoom = 4096;

  constexpr LineDiscipline() = default;

  const Termios& termios() const { return termios_; }
  void set_termios(const Termios& termios) { termios_ = termios; }

  /// Signals by Linux's numbers, for the foreground process group.
  enum class KeySignal : u8 { interrupt = 2, quit = 3, suspend = 20 };
  /// A key has come: echoes it to `echo`, and returns the signal that it stands for.
  std::optional<KeySignal> receive(u8 key, Writer& echo);

  /// True if read() has something to say: a line, the end of the file, or enough raw keys.
  bool is_ready() const;
  /// Takes a line, or what of it fits; raw, what there is. 0 is the end of the file (^D at the
  /// start of a line). Only when is_ready().
  usize read(std::span<std::byte> to);
  /// Bytes that can be read.
  usize available() const;
  /// As at the start.
  void reset() {
    flush();
    termios_ = Termios();
    literal_ = false;
  }
  /// Forgets all that was typed and not read.
  void flush() { first_ = end_ = editing_ = 0, lines_ = 0; }

 private:
  /// A key, and whether a line ends here; an end of file is a line's end without a key.
  using Entry = u16;
  static constexpr Entry kLineEnd = 0x100, kNoKey = 0x200;

  bool has(Termios::Local flag) const { return (termios_.local & flag) != 0; }
  bool has(Termios::Input flag) const { return (termios_.input & flag) != 0; }
  bool is_key(u8 key, Termios::Character which) const {
    return key != 0 && termios_.characters[which] == key;
  }
  Entry& at(u64 position) { return keys_[position % kRoom]; }
  const Entry& at(u64 position) const { return keys_[position % kRoom]; }

  std::optional<KeySignal> signal_of(u8 key) const;
  bool edit(u8 key, Writer& echo);
  void erase_key(Writer& echo);
  void end_line(Entry entry);
  void echo_key(u8 key, Writer& echo) const;

  Termios termios_;
  std::array<Entry, kRoom> keys_{};
  // Positions only grow. What is from editing_ on can still be edited.
  u64 first_ = 0, editing_ = 0, end_ = 0;
  u64 lines_ = 0;         // line ends between first_ and end_
  bool literal_ = false;  // the next key stands for itself (^V)
};

}  // namespace meridian
