// SPDX-License-Identifier: MIT
#include "kernel/fs/line_discipline.h"

namespace meridian {
namespace {

constexpr bool is_control(u8 key) { return key < 0x20 || key == 0x7f; }

}  // namespace

std::optional<LineDiscipline::KeySignal> LineDiscipline::signal_of(u8 key) const {
  if (!has(Termios::kSignals)) return {};
  if (is_key(key, Termios::kInterrupt)) return KeySignal::interrupt;
  if (is_key(key, Termios::kQuit)) return KeySignal::quit;
  if (is_key(key, Termios::kSuspend)) return KeySignal::suspend;
  return {};
}

std::optional<LineDiscipline::KeySignal> LineDiscipline::receive(u8 key, Writer& echo) {
  if (!literal_) {
    if (key == '\r' && has(Termios::kIgnoreCr)) return {};
    if (key == '\r' && has(Termios::kCrToNl))
      key = '\n';
    else if (key == '\n' && has(Termios::kNlToCr))
      key = '\r';
    if (const std::optional<KeySignal> signal = signal_of(key)) {
      if (!has(Termios::kNoFlush)) flush();
      echo_key(key, echo);
      return signal;
    }
  }
  if (has(Termios::kCanonical) && edit(key, echo)) return {};
  literal_ = false;
  // The last place is for the end of a line, so that a full buffer can still be read.
  if (end_ - first_ >= kRoom - 1) return {};
  at(end_++) = key;
  if (!has(Termios::kCanonical)) editing_ = end_;
  echo_key(key, echo);
  return {};
}

/// What a key does to the line, if it does more than being part of it.
bool LineDiscipline::edit(u8 key, Writer& echo) {
  if (literal_) return false;
  if (key == '\n' || is_key(key, Termios::kEndOfLine) || is_key(key, Termios::kEndOfLine2)) {
    if (has(Termios::kEcho) || (key == '\n' && has(Termios::kEchoNl)))
      echo.put(static_cast<char>(key));
    end_line(static_cast<Entry>(key | kLineEnd));
  } else if (is_key(key, Termios::kEndOfFile)) {
    end_line(kLineEnd | kNoKey);
  } else if (is_key(key, Termios::kErase)) {
    erase_key(echo);
  } else if (is_key(key, Termios::kKill)) {
    while (end_ != editing_) erase_key(echo);
  } else if (has(Termios::kExtended) && is_key(key, Termios::kWordErase)) {
    while (end_ != editing_ && at(end_ - 1) == ' ') erase_key(echo);
    while (end_ != editing_ && at(end_ - 1) != ' ') erase_key(echo);
  } else if (has(Termios::kExtended) && is_key(key, Termios::kLiteralNext)) {
    literal_ = true;
    if (has(Termios::kEcho) && has(Termios::kEchoControl)) echo.write("^\b");
  } else {
    return false;
  }
  return true;
}

/// Takes back the last key, and what its echo has left on the screen.
void LineDiscipline::erase_key(Writer& echo) {
  if (end_ == editing_) return;
  const u8 key = static_cast<u8>(at(--end_));
  if (!has(Termios::kEcho)) return;
  const bool two = is_control(key) && key != '\t' && has(Termios::kEchoControl);
  echo.write(two ? "\b \b\b \b" : "\b \b");
}

void LineDiscipline::end_line(Entry entry) {
  if (end_ - first_ >= kRoom) return;
  at(end_++) = entry;
  editing_ = end_;
  ++lines_;
}

void LineDiscipline::echo_key(u8 key, Writer& echo) const {
  if (!has(Termios::kEcho)) return;
  if (!is_control(key) || key == '\t' || key == '\n' || !has(Termios::kEchoControl))
    return echo.put(static_cast<char>(key));
  echo.put('^');
  echo.put(static_cast<char>(key ^ 0x40));
}

bool LineDiscipline::is_ready() const {
  if (has(Termios::kCanonical)) return lines_ != 0;
  const u64 least = termios_.characters[Termios::kMin];
  return end_ - first_ >= least;  // MIN 0 never waits; TIME does not count here
}

usize LineDiscipline::available() const {
  return has(Termios::kCanonical) && lines_ == 0 ? 0 : end_ - first_;
}

usize LineDiscipline::read(std::span<std::byte> to) {
  usize count = 0;
  while (count < to.size() && first_ != end_) {
    const Entry entry = at(first_++);
    if ((entry & kNoKey) == 0) to[count++] = static_cast<std::byte>(entry);
    if ((entry & kLineEnd) == 0) continue;
    --lines_;
    if (has(Termios::kCanonical)) break;
  }
  if (editing_ < first_) editing_ = first_;
  return count;
}

}  // namespace meridian
