// SPDX-License-Identifier: MIT
#include "kernel/log/log.h"

#include "kernel/console/console.h"
#include "kernel/log/kept_log.h"

namespace meridian {

void log_line(std::string_view topic, std::string_view text) {
  BufferWriter<kLogLineSize + 16> line;
  format_text(line, topic, {.width = 10, .left = true});
  line.write(text);
  line.put('\n');
  console().write(line.text());
  BufferWriter<kLogLineSize + 20> kept;
  print(kept, "<6>{}: {}\n", topic, text);
  kept_log().add(kept.text());
}

}  // namespace meridian
