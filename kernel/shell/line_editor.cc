// SPDX-License-Identifier: MIT
#include "kernel/shell/line_editor.h"

#include <cstring>
#include <utility>

namespace meridian {
namespace {

constexpr char kEscape = 0x1b, kDelete = 0x7f;
/// The byte that Ctrl and a letter make.
constexpr char ctrl(char letter) { return static_cast<char>(letter & 0x1f); }

bool is_printable(char c) { return c >= ' ' && c <= '~'; }
bool is_blank(char c) { return c == ' '; }

/// How many first characters `a` and `b` share.
usize common_prefix(std::string_view a, std::string_view b) {
  usize n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return n;
}

}  // namespace

void LineEditor::start(Writer& out, std::string_view prompt, CommandList commands) {
  out_ = &out;
  prompt_ = prompt;
  commands_ = commands;
  size_ = cursor_ = 0;
  recalled_ = draft_size_ = 0;
  out_->write(prompt_);
}

bool LineEditor::feed(char c) {
  switch (state_) {
    case State::after_return:
      state_ = State::text;
      if (c == '\n') return false;  // the second half of a CR LF
      break;
    case State::escape:
      take_escape(c);
      return false;
    case State::sequence:
      take_sequence(c);
      return false;
    case State::single_shift:
      state_ = State::text;
      take_key(c);
      return false;
    case State::text:
      break;
  }
  if (!is_printable(c)) return take_control(c);
  insert(c);
  return false;
}

/// Everything that is not a character of the line. True if it ends the line.
bool LineEditor::take_control(char c) {
  if (c == '\r') state_ = State::after_return;
  if (c == '\r' || c == '\n') return finish();
  if (c == kEscape)
    state_ = State::escape;
  else if (c == ctrl('I'))
    complete();
  else if (c == ctrl('C'))
    abandon();
  else if (c == ctrl('L'))
    clear_screen();
  else if (!take_deletion(c))
    take_movement(c);  // or it has no meaning here
  return false;
}

bool LineEditor::take_deletion(char c) {
  switch (c) {
    case ctrl('D'):
      erase(cursor_, cursor_ + 1);
      return true;
    case ctrl('H'):
    case kDelete:
      if (cursor_ != 0) erase(cursor_ - 1, cursor_);
      return true;
    case ctrl('K'):
      erase(cursor_, size_);
      return true;
    case ctrl('U'):
      erase(0, cursor_);
      return true;
    case ctrl('W'):
      erase(word_start(), cursor_);
      return true;
    default:
      return false;
  }
}

/// Ctrl and a letter, for what also has a key of its own.
void LineEditor::take_movement(char c) {
  constexpr std::pair<char, char> kSame[] = {{ctrl('A'), 'H'}, {ctrl('B'), 'D'}, {ctrl('E'), 'F'},
                                             {ctrl('F'), 'C'}, {ctrl('N'), 'B'}, {ctrl('P'), 'A'}};
  for (const auto& [control, key] : kSame)
    if (c == control) return take_key(key);
}

void LineEditor::take_escape(char c) {
  state_ = State::text;
  if (c == '[') {
    state_ = State::sequence;
    parameter_ = 0;
    first_parameter_ = true;
  } else if (c == 'O') {
    state_ = State::single_shift;
  } else if (c == kEscape) {
    state_ = State::escape;
  }
}

/// Inside ESC [: numbers, then one byte that says what it was.
void LineEditor::take_sequence(char c) {
  if (c >= '0' && c <= '9') {
    if (first_parameter_ && parameter_ < 1000)
      parameter_ = parameter_ * 10 + static_cast<u32>(c - '0');
    return;
  }
  if (c == ';') {
    first_parameter_ = false;
    return;
  }
  if (c >= ' ' && c < '@') return;  // an intermediate byte
  state_ = c == kEscape ? State::escape : State::text;
  if (c == '~') {
    if (parameter_ == 1 || parameter_ == 7) take_key('H');
    if (parameter_ == 4 || parameter_ == 8) take_key('F');
    if (parameter_ == 3) erase(cursor_, cursor_ + 1);
  } else if (first_parameter_) {
    take_key(c);
  } else {  // with Ctrl, Shift or Alt
    if (c == 'C') move_words(+1);
    if (c == 'D') move_words(-1);
  }
}

/// A cursor key, by the last byte of its sequence.
void LineEditor::take_key(char final) {
  switch (final) {
    case 'A':
      recall_older();
      break;
    case 'B':
      recall_newer();
      break;
    case 'C':
      move_to(cursor_ + 1);
      break;
    case 'D':
      move_to(cursor_ == 0 ? 0 : cursor_ - 1);
      break;
    case 'H':
      move_to(0);
      break;
    case 'F':
      move_to(size_);
      break;
    default:
      break;
  }
}

bool LineEditor::finish() {
  move_to(size_);
  out_->put('\n');
  history_.add(line());
  return true;
}

void LineEditor::abandon() {
  move_to(size_);
  out_->write("^C\n");
  start(*out_, prompt_, commands_);
}

void LineEditor::insert(char c) { insert(std::string_view(&c, 1)); }

void LineEditor::insert(std::string_view text) {
  if (text.size() > kLongestLine - size_) return bell();
  std::memmove(&text_[cursor_] + text.size(), &text_[cursor_], size_ - cursor_);
  std::memcpy(&text_[cursor_], text.data(), text.size());
  size_ += text.size();
  cursor_ += text.size();
  write_again(cursor_ - text.size());
}

/// Removes [from, to) as far as there is such a thing; the cursor goes to `from`.
void LineEditor::erase(usize from, usize to) {
  if (to > size_) to = size_;
  if (from >= to) return;
  move_to(from);
  std::memmove(&text_[from], &text_[from] + (to - from), size_ - to);
  size_ -= to - from;
  out_->write("\x1b[K");  // before the rest is written: its end is where the line now ends
  write_again(from);
}

/// The whole line becomes `text`.
void LineEditor::replace(std::string_view text) {
  erase(0, size_);
  insert(text);
}

/// Writes what is from `from` (where the terminal's cursor is) on, then goes back to our cursor.
void LineEditor::write_again(usize from) {
  out_->write(line().substr(from));
  for (usize i = size_; i != cursor_; --i) out_->put('\b');
}

void LineEditor::move_to(usize position) {
  if (position > size_) position = size_;
  for (; cursor_ > position; --cursor_) out_->put('\b');
  out_->write(line().substr(cursor_, position - cursor_));
  cursor_ = position;
}

void LineEditor::move_words(int direction) {
  if (direction < 0) return move_to(word_start());
  usize to = cursor_;
  while (to < size_ && is_blank(text_[to])) ++to;
  while (to < size_ && !is_blank(text_[to])) ++to;
  move_to(to);
}

/// Where the word before the cursor starts.
usize LineEditor::word_start() const {
  usize at = cursor_;
  while (at != 0 && is_blank(text_[at - 1])) --at;
  while (at != 0 && !is_blank(text_[at - 1])) --at;
  return at;
}

void LineEditor::recall_older() {
  const std::string_view older = history_.newest(recalled_ + 1);
  if (older.empty()) return bell();
  if (recalled_ == 0) {
    std::memcpy(draft_.data(), text_.data(), size_);
    draft_size_ = size_;
  }
  ++recalled_;
  replace(older);
}

void LineEditor::recall_newer() {
  if (recalled_ == 0) return bell();
  --recalled_;
  replace(recalled_ == 0 ? std::string_view(draft_.data(), draft_size_)
                         : history_.newest(recalled_));
}

/// Completes the name of the command that the cursor stands behind.
void LineEditor::complete() {
  const std::string_view before = line().substr(0, cursor_);
  const usize separator = before.rfind(';');
  std::string_view prefix =
      separator == std::string_view::npos ? before : before.substr(separator + 1);
  while (!prefix.empty() && is_blank(prefix[0])) prefix.remove_prefix(1);
  if (prefix.find(' ') != std::string_view::npos) return bell();

  const Command* first = nullptr;
  usize matches = 0, shared = 0;
  for (const Command* command : commands_) {
    if (!command->name.starts_with(prefix)) continue;
    shared = matches++ == 0 ? command->name.size()
                            : common_prefix(first->name.substr(0, shared), command->name);
    if (matches == 1) first = command;
  }
  if (matches == 0) return bell();
  const std::string_view missing = first->name.substr(prefix.size(), shared - prefix.size());
  if (matches > 1 && missing.empty()) return list_matches(prefix);
  insert(missing);
  if (matches == 1) insert(' ');
}

void LineEditor::list_matches(std::string_view prefix) {
  out_->put('\n');
  for (const Command* command : commands_)
    if (command->name.starts_with(prefix)) print(*out_, "{}  ", command->name);
  out_->put('\n');
  redraw();
}

void LineEditor::clear_screen() {
  out_->write("\x1b[H\x1b[2J");
  redraw();
}

void LineEditor::redraw() {
  out_->write(prompt_);
  write_again(0);
}

}  // namespace meridian
