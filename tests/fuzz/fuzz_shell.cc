// SPDX-License-Identifier: MIT
// sources: kernel/shell/shell.cc kernel/shell/args.cc kernel/shell/line_editor.cc
/// Any bytes at all typed at the shell: the line that results is text, and so is what is said about
/// it.
#include "kernel/shell/line_editor.h"
#include "kernel/shell/shell.h"

using namespace meridian;

namespace {

Result<void> cmd_all(Writer&, Args& args) {
  TRY(args.address("VA"));
  if (args.more()) TRY(args.size("SIZE"));
  if (args.more()) TRY(args.number("N", 10));
  if (args.take("word")) return args.refuse("is a word");
  return args.end();
}
constexpr Command kOne{"a", "a VA", "", cmd_all}, kTwo{"ab", "ab VA", "", cmd_all};
constexpr const Command* kCommands[] = {&kOne, &kTwo};

class Printable final : public Writer {
 public:
  void write(std::string_view text) override {
    for (const char c : text)
      if (c != '\n' && (c < ' ' || c > '~')) __builtin_trap();
  }
};
class Nowhere final : public Writer {
 public:
  void write(std::string_view) override {}
};

LineEditor editor;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
  Printable said;
  Nowhere screen;
  editor.start(screen, "> ", kCommands);
  for (usize i = 0; i < size; ++i) {
    if (!editor.feed(static_cast<char>(data[i]))) continue;
    said.write(editor.line());
    (void)Shell(kCommands, said).run_line(editor.line());
    editor.start(screen, "> ", kCommands);
  }
  (void)Shell(kCommands, said).run_line({reinterpret_cast<const char*>(data), size});
  return 0;
}
