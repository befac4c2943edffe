// SPDX-License-Identifier: MIT
/// A failed CHECK on the host: an exception, so that a test can expect it (EXPECT_THROW) and an
/// unexpected one fails its test by name. In a destructor it ends the program, which a death test
/// sees.
#include <stdexcept>
#include <string>

#include "kernel/lib/check.h"

namespace meridian {

void check_failed(const char* condition, const char* file, int line) {
  std::string what =
      std::string("CHECK: ") + condition + " at " + file + ":" + std::to_string(line);
  throw std::logic_error(what);
}

}  // namespace meridian
