// SPDX-License-Identifier: MIT
/// The line editor, seen from the other end of the wire: a small terminal shows what a person would
/// see, and random keys are checked against a plain model of a line.
#include "kernel/shell/line_editor.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

/// A terminal with endless lines: the bytes it understands are those a line editor may send.
class Terminal final : public Writer {
 public:
  void write(std::string_view bytes) override {
    for (const char c : bytes) take(c);
  }
  std::string row() const { return rows_.back(); }
  usize column() const { return column_; }
  std::string all() const {
    std::string text;
    for (const std::string& row : rows_) text += row + '\n';
    return text;
  }
  unsigned bells = 0;

 private:
  void take(char c) {
    if (!escape_.empty()) return take_escape(c);
    if (c == '\x1b') {
      escape_ = c;
    } else if (c == '\a') {
      ++bells;
    } else if (c == '\b') {
      ASSERT_NE(column_, 0u) << "the cursor left the line";
      --column_;
    } else if (c == '\n') {
      rows_.emplace_back();
      column_ = 0;
    } else {
      ASSERT_TRUE(c >= ' ' && c <= '~') << "sent byte " << static_cast<int>(c);
      if (column_ == rows_.back().size()) rows_.back() += ' ';
      rows_.back()[column_++] = c;
    }
  }
  void take_escape(char c) {
    escape_ += c;
    if (escape_ == "\x1b[K") {
      rows_.back().resize(column_);
    } else if (escape_ == "\x1b[H") {
      at_top_ = true;
    } else if (escape_ == "\x1b[2J") {
      ASSERT_TRUE(at_top_);
      rows_ = {""};
      column_ = 0;
    } else {
      ASSERT_LT(escape_.size(), 4u) << "an unknown sequence";
      return;
    }
    escape_.clear();
  }

  std::deque<std::string> rows_{""};
  usize column_ = 0;
  std::string escape_;
  bool at_top_ = false;
};

Result<void> no_command(Writer&, Args&) { return {}; }
constexpr Command kAlloc{"alloc", "", "", no_command}, kBench{"bench", "", "", no_command},
    kMeminfo{"meminfo", "", "", no_command}, kMemtest{"memtest", "", "", no_command};
constexpr const Command* kCommands[] = {&kAlloc, &kBench, &kMeminfo, &kMemtest};

class LineEditorTest : public testing::Test {
 protected:
  LineEditorTest() { start(); }
  void start() { editor->start(terminal, "> ", kCommands); }
  /// Types `keys`; true if the last of them ended the line.
  bool type(std::string_view keys) {
    bool done = false;
    for (const char c : keys) done = editor->feed(c);
    return done;
  }
  /// What is on the line that is being edited, the cursor shown as '|'.
  std::string seen() {
    std::string row = terminal.row();
    return row.insert(terminal.column(), "|");
  }

  Terminal terminal;
  std::unique_ptr<LineEditor> editor = std::make_unique<LineEditor>();
};

constexpr const char* kUp = "\x1b[A";
constexpr const char* kDown = "\x1b[B";
constexpr const char* kRight = "\x1b[C";
constexpr const char* kLeft = "\x1b[D";

TEST_F(LineEditorTest, EchoesAndEndsTheLineAtReturnOrNewLine) {
  EXPECT_FALSE(type("walk 0x10"));
  EXPECT_EQ(seen(), "> walk 0x10|");
  EXPECT_TRUE(type("\r"));
  EXPECT_EQ(editor->line(), "walk 0x10");
  start();
  EXPECT_FALSE(type("\n")) << "the rest of a CR LF is no second line";
  EXPECT_TRUE(type("a\n"));
  EXPECT_EQ(editor->line(), "a");
  start();
  EXPECT_TRUE(type("\n"));
  EXPECT_EQ(editor->line(), "");
}

TEST_F(LineEditorTest, MovesAndInsertsAnywhere) {
  type("ac");
  type(kLeft);
  type("b");
  EXPECT_EQ(seen(), "> ab|c");
  type("\x1b[H<\x1b[F>");  // Home, End
  EXPECT_EQ(seen(), "> <abc>|");
  type(
      "\x01"
      "1\x05"
      "2");  // ^A, ^E
  EXPECT_EQ(seen(), "> 1<abc>2|");
  type("\x1b[1~a\x1b[4~b\x1bOHc\x1bOFd\x1b[7~e\x1b[8~f");
  EXPECT_EQ(seen(), "> eca1<abc>2bdf|");
  type("\x02\x02-\x06+");  // ^B ^B ^F
  EXPECT_EQ(seen(), "> eca1<abc>2b-d+|f");
}

TEST_F(LineEditorTest, MovesByWordWithCtrlAndArrow) {
  type("one two\x1b[1;5D_");
  EXPECT_EQ(seen(), "> one _|two");
  type("\x1b[1;5D\x1b[1;5C+");
  EXPECT_EQ(seen(), "> one _two+|");
}

TEST_F(LineEditorTest, DeletesCharactersWordsAndEnds) {
  type("abcdef\x7f\b");
  EXPECT_EQ(seen(), "> abcd|");
  type("\x1b[D\x1b[D\x1b[3~\x04");  // left left Delete ^D
  EXPECT_EQ(seen(), "> ab|");
  type("\x04");
  EXPECT_EQ(seen(), "> ab|") << "nothing is behind the cursor";
  type(" cd  ef\x17");  // ^W
  EXPECT_EQ(seen(), "> ab cd  |");
  type("\x17");
  EXPECT_EQ(seen(), "> ab |");
  type("xyz\x1b[D\x1b[D\x0b");  // ^K
  EXPECT_EQ(seen(), "> ab x|");
  type("yz\x1b[D\x15");  // ^U
  EXPECT_EQ(seen(), "> |z");
  EXPECT_TRUE(type("\r"));
  EXPECT_EQ(editor->line(), "z");
}

TEST_F(LineEditorTest, StopsAtBothEndsOfTheLine) {
  type("\x7f\x17\x15\x0b\x1b[D\x1b[C\x1b[3~ab");
  type(kLeft), type(kLeft), type(kLeft);
  type("\x7f");
  EXPECT_EQ(seen(), "> |ab");
  type(kRight), type(kRight), type(kRight);
  EXPECT_EQ(seen(), "> ab|");
}

TEST_F(LineEditorTest, ThrowsTheLineAwayAtCtrlC) {
  type("some thing\x1b[D\x1b[D\x03");
  EXPECT_EQ(terminal.all(), "> some thing^C\n> \n");
  EXPECT_TRUE(type("b\r"));
  EXPECT_EQ(editor->line(), "b");
}

TEST_F(LineEditorTest, ClearsTheScreenButNotTheLineAtCtrlL) {
  type("abc\x1b[D\x0c");
  EXPECT_EQ(terminal.all(), "> abc\n");
  EXPECT_EQ(seen(), "> ab|c");
}

TEST_F(LineEditorTest, RecallsEarlierLinesAndComesBackToTheNewOne) {
  type("first\r"), start();
  type("second\r"), start();
  type("second\r"), start();
  type("\r"), start();
  type("new");
  type(kUp);
  EXPECT_EQ(seen(), "> second|");
  type("\x10");  // ^P
  EXPECT_EQ(seen(), "> first|") << "a repeated line and an empty one are kept once and not at all";
  type(kUp);
  EXPECT_EQ(terminal.bells, 1u);
  type(kDown);
  EXPECT_EQ(seen(), "> second|");
  type("\x0e");  // ^N
  EXPECT_EQ(seen(), "> new|");
  type(kDown);
  EXPECT_EQ(terminal.bells, 2u);
  type(kUp);
  type(" half\r");
  EXPECT_EQ(editor->line(), "second half");
}

TEST_F(LineEditorTest, ForgetsTheOldestLinesWhenTheHistoryIsFull) {
  for (int i = 0; i < 20; ++i) {
    type(std::string(1000, static_cast<char>('a' + i)) + "\r");
    start();
  }
  int recalled = 0;
  while (terminal.bells == 0 && recalled < 100) type(kUp), ++recalled;
  EXPECT_EQ(recalled, 9) << "eight of 1001 bytes fit into 8192, the ninth key rings";
  EXPECT_EQ(terminal.row(), "> " + std::string(1000, 'm'));
}

TEST_F(LineEditorTest, CompletesCommandNamesOnly) {
  type("a\t");
  EXPECT_EQ(seen(), "> alloc |");
  type("a\t");
  EXPECT_EQ(seen(), "> alloc a|") << "not an argument";
  type("; b\t");
  EXPECT_EQ(seen(), "> alloc a; bench |");
  type("\x15x\t");
  EXPECT_EQ(seen(), "> x|");
  EXPECT_EQ(terminal.bells, 2u);
}

TEST_F(LineEditorTest, CompletesWhatIsCommonAndThenListsTheChoice) {
  type("m\t");
  EXPECT_EQ(seen(), "> mem|");
  type("\t");
  EXPECT_EQ(terminal.all(), "> mem\nmeminfo  memtest  \n> mem\n");
  type("t\t");
  EXPECT_EQ(seen(), "> memtest |");
}

TEST_F(LineEditorTest, CutsALineThatIsTooLongWithABellForEachByteLost) {
  type(std::string(5000, 'x'));
  EXPECT_EQ(terminal.bells, 904u);
  EXPECT_EQ(terminal.row().size(), 2u + 4096u);
  EXPECT_TRUE(type("\r"));
  EXPECT_EQ(editor->line().size(), 4096u);
  start();
  type(kUp);
  EXPECT_EQ(terminal.row().size(), 2u + 4096u) << "even that line is remembered";
}

TEST_F(LineEditorTest, IgnoresBytesWithoutMeaning) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    if ((byte >= ' ' && byte <= '~') || byte == '\r' || byte == '\n' || byte == '\x1b') continue;
    EXPECT_FALSE(editor->feed(byte));
  }
  type("\x1b[99999999999999999999;1;2;3~\x1b[?25h\x1b[M\x1bOZ\x1bz\x1b\x1b[20~ok");
  EXPECT_EQ(editor->line().substr(editor->line().size() - 2), "ok");
}

/// A line as a person thinks of it.
struct Model {
  std::string text;
  usize cursor = 0;

  void take(const std::string& key) {
    if (key.size() == 1 && key[0] >= ' ' && key[0] <= '~') {
      if (text.size() < 4096) text.insert(cursor++, key);
    } else if (key == kLeft) {
      cursor -= cursor != 0;
    } else if (key == kRight) {
      cursor += cursor != text.size();
    } else if (key == "\x01") {
      cursor = 0;
    } else if (key == "\x05") {
      cursor = text.size();
    } else if (key == "\x7f") {
      if (cursor != 0) text.erase(--cursor, 1);
    } else if (key == "\x04") {
      if (cursor != text.size()) text.erase(cursor, 1);
    } else if (key == "\x0b") {
      text.resize(cursor);
    } else if (key == "\x15") {
      text.erase(0, cursor), cursor = 0;
    } else if (key == "\x17") {
      usize from = cursor;
      while (from != 0 && text[from - 1] == ' ') --from;
      while (from != 0 && text[from - 1] != ' ') --from;
      text.erase(from, cursor - from), cursor = from;
    }
  }
};

TEST_F(LineEditorTest, ShowsWhatAPlainModelOfTheLineHolds) {
  const std::string keys[] = {"a",    "b",    " ",    " ",    "c",    "d",    "e",
                              "f",    kLeft,  kLeft,  kLeft,  kRight, "\x01", "\x05",
                              "\x7f", "\x04", "\x0b", "\x15", "\x17"};
  std::mt19937_64 random(test_seed() + 7);
  Model model;
  for (int i = 0; i < 20'000; ++i) {
    // Text mostly, so that there is something to move about in.
    const std::string& key = keys[random() % (random() % 3 ? 8 : std::size(keys))];
    model.take(key);
    type(key);
    ASSERT_EQ(editor->line(), model.text);
    ASSERT_EQ(terminal.row(), "> " + model.text);
    ASSERT_EQ(terminal.column(), 2 + model.cursor);
  }
}

TEST_F(LineEditorTest, AnyBytesAtAllLeaveALineOfTextThatIsShown) {
  std::mt19937_64 random(test_seed() + 8);
  for (int round = 0; round < 3000; ++round) {
    count_bad_input("line editor");
    for (u64 n = random() % 100; n != 0; --n) {
      const bool likely = random() % 4 == 0;
      const char c = likely ? "\x1b[O;\t\r"[random() % 6] : static_cast<char>(random());
      if (editor->feed(c)) start();
    }
    for (const char c : editor->line()) ASSERT_TRUE(c >= ' ' && c <= '~');
    ASSERT_EQ(terminal.row(), "> " + std::string(editor->line()));
  }
}

}  // namespace
}  // namespace meridian
