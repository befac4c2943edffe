// SPDX-License-Identifier: MIT
#include "kernel/init/command_line.h"

#include "kernel/lib/command_line_word.h"
#include "kernel/lib/parse.h"
#include "kernel/lib/quoted.h"

namespace meridian {
namespace {

/// One line about one word, and what happens instead.
void complain(Writer& out, std::string_view name, std::string_view what, std::string_view instead) {
  print(out, "command line: {} {}; {}\n", Quoted{name}, what, instead);
}

class Parser {
 public:
  explicit Parser(Writer& complaints) : out_(complaints) {}

  void take(const CommandLineWord& word) {
    if (!word.balanced) return complain(out_, word.name, "has an open quote", "ignored");
    if (word.name == "layout") return take_layout(word);
    if (word.name == "kernel") return take_kernel(word);
    if (word.name == "linear") return take_size(word, line.linear);
    if (word.name == "mem") return take_size(word, line.mem);
    if (word.name == "run") return take_text(word, line.run);
    if (word.name == "init") return take_text(word, line.init);
    if (word.name == "nokaslr") return take_flag(word, line.nokaslr);
    if (word.name == "tour") return take_flag(word, line.tour);
    complain(out_, word.name, "is unknown", "ignored");
  }

  CommandLine line;

 private:
  void take_layout(const CommandLineWord& word) {
    if (const std::optional<LayoutId> id = layout_named(word.value))
      line.layout = *id;
    else
      refuse(word, "is not a layout of this kernel");
  }
  void take_kernel(const CommandLineWord& word) {
    if (word.value == "shared")
      line.kernel = CommandLine::Kernel::shared;
    else if (word.value == "separate")
      line.kernel = CommandLine::Kernel::separate;
    else
      refuse(word, "is neither shared nor separate");
  }
  void take_size(const CommandLineWord& word, std::optional<u64>& slot) {
    const Result<u64> size = parse_size(word.value);
    if (!size.has_value() || size.value() == 0) return refuse(word, "is not a size");
    slot = size.value();
  }
  void take_text(const CommandLineWord& word, std::string_view& slot) {
    if (word.value.empty()) return complain(out_, word.name, "has no value", "ignored");
    slot = word.value;
  }
  void take_flag(const CommandLineWord& word, bool& slot) {
    if (word.has_value) return complain(out_, word.name, "takes no value", "ignored");
    slot = true;
  }

  /// `word`'s value is malformed: what it would have set stays as it was.
  void refuse(const CommandLineWord& word, std::string_view what) {
    print(out_, "command line: {}={} {}; the default is used\n", word.name, Quoted{word.value},
          what);
  }

  Writer& out_;
};

}  // namespace

CommandLine parse_command_line(std::string_view line, Writer& complaints) {
  Parser parser(complaints);
  for (;;) {
    const std::string_view word = next_word(line);
    if (word.empty()) return parser.line;
    parser.take(split_word(word));
  }
}

}  // namespace meridian
