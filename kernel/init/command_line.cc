// SPDX-License-Identifier: MIT
#include "kernel/init/command_line.h"

#include "kernel/lib/parse.h"
#include "kernel/lib/quoted.h"

namespace meridian {
namespace {

struct Word {
  std::string_view name, value;
  bool has_value = false, balanced = true;
};

/// Both name="a b" and "name=a b" are in use; what is between the quotes counts.
Word split(std::string_view word) {
  Word result;
  const bool all_quoted = word.starts_with('"');
  if (all_quoted) {
    word.remove_prefix(1);
    result.balanced = word.ends_with('"');
    if (result.balanced) word.remove_suffix(1);
  }
  const usize equals = word.find('=');
  result.name = word.substr(0, equals);
  if (equals == std::string_view::npos) return result;
  result.has_value = true;
  result.value = word.substr(equals + 1);
  if (!all_quoted && result.value.starts_with('"')) {
    result.value.remove_prefix(1);
    result.balanced = result.value.ends_with('"');
    if (result.balanced) result.value.remove_suffix(1);
  }
  return result;
}

/// One line about one word, and what happens instead.
void complain(Writer& out, std::string_view name, std::string_view what, std::string_view instead) {
  print(out, "command line: {} {}; {}\n", Quoted{name}, what, instead);
}

class Parser {
 public:
  explicit Parser(Writer& complaints) : out_(complaints) {}

  void take(const Word& word) {
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
  void take_layout(const Word& word) {
    if (word.value == "arm64")
      line.layout = word.value;
    else
      refuse(word, "is not a layout of this kernel");
  }
  void take_kernel(const Word& word) {
    if (word.value == "shared")
      line.kernel = CommandLine::Kernel::shared;
    else if (word.value == "separate")
      line.kernel = CommandLine::Kernel::separate;
    else
      refuse(word, "is neither shared nor separate");
  }
  void take_size(const Word& word, std::optional<u64>& slot) {
    const Result<u64> size = parse_size(word.value);
    if (!size.has_value() || size.value() == 0) return refuse(word, "is not a size");
    slot = size.value();
  }
  void take_text(const Word& word, std::string_view& slot) {
    if (word.value.empty()) return complain(out_, word.name, "has no value", "ignored");
    slot = word.value;
  }
  void take_flag(const Word& word, bool& slot) {
    if (word.has_value) return complain(out_, word.name, "takes no value", "ignored");
    slot = true;
  }

  /// `word`'s value is malformed: what it would have set stays as it was.
  void refuse(const Word& word, std::string_view what) {
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
    parser.take(split(word));
  }
}

std::optional<std::string_view> command_line_value(std::string_view line, std::string_view name) {
  std::optional<std::string_view> value;
  for (;;) {
    const std::string_view text = next_word(line);
    if (text.empty()) return value;
    const Word word = split(text);
    if (word.balanced && word.has_value && word.name == name) value = word.value;
  }
}

}  // namespace meridian
