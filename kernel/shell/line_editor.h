// SPDX-License-Identifier: MIT
/// A line of text being typed: it takes the terminal's bytes one by one, echoes, moves, deletes,
/// recalls earlier lines and completes command names. It knows no device, and no byte can hurt it.
///
///   left right ^B ^F   one character       ^U ^K ^W   delete to the start, to the end, a word
///   Home End ^A ^E     start and end       ^C         throw the line away
///   Backspace Del ^D   delete one          ^L         clear the screen
///   up down ^P ^N      history             Tab        complete the command, or list what it may be
#pragma once

#include <array>
#include <string_view>

#include "kernel/lib/format.h"
#include "kernel/shell/command.h"
#include "kernel/shell/history.h"

namespace meridian {

class LineEditor {
 public:
  static constexpr usize kLongestLine = 4096;

  constexpr LineEditor() = default;

  /// Starts a new line: prints `prompt`. Both `out` and `prompt` are used until the line is done.
  void start(Writer& out, std::string_view prompt, CommandList commands);

  /// Takes one byte. True when the line is done: line() is what was typed, until start(). A line
  /// that outgrows kLongestLine is cut there, with a bell for each byte lost.
  bool feed(char c);
  std::string_view line() const { return {text_.data(), size_}; }

 private:
  enum class State : u8 { text, escape, sequence, single_shift, after_return };

  bool take_control(char c);
  bool take_deletion(char c);
  void take_movement(char c);
  void take_escape(char c);
  void take_sequence(char c);
  void take_key(char final);
  bool finish();
  void abandon();

  void insert(char c);
  void insert(std::string_view text);
  void erase(usize from, usize to);
  void replace(std::string_view text);
  void move_to(usize position);
  void move_words(int direction);
  void recall_older();
  void recall_newer();
  void complete();
  void list_matches(std::string_view prefix);
  void clear_screen();
  void redraw();
  void bell() { out_->put('\a'); }
  void write_again(usize from);
  usize word_start() const;

  Writer* out_ = nullptr;
  std::string_view prompt_;
  CommandList commands_;
  std::array<char, kLongestLine> text_{};
  usize size_ = 0, cursor_ = 0;
  State state_ = State::text;
  u32 parameter_ = 0;  // the first number in an escape sequence
  bool first_parameter_ = true;

  History<2 * kLongestLine> history_;
  std::array<char, kLongestLine> draft_{};  // the new line, while an old one is looked at
  usize draft_size_ = 0;
  usize recalled_ = 0;  // 0: the new line; n: the nth newest of the history
};

}  // namespace meridian
