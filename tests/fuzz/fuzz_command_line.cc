// SPDX-License-Identifier: MIT
// sources: kernel/init/command_line.cc
/// Any text at all as the kernel's command line: what is printed about it is printable.
#include "kernel/init/command_line.h"
#include "kernel/lib/command_line_word.h"

using namespace meridian;

namespace {

class Printable final : public Writer {
 public:
  void write(std::string_view text) override {
    for (const char c : text)
      if (c != '\n' && (c < ' ' || c > '~')) __builtin_trap();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  Printable complaints;
  (void)parse_command_line(line, complaints);
  (void)command_line_value(line, "layout");
  return 0;
}
