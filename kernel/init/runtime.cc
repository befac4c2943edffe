// SPDX-License-Identifier: MIT
/// What the compiler and libstdc++'s freestanding headers expect somebody to define, besides what
/// arch/<isa>/cpu/memory.S has. Only reached by name, never called by us.
#include "kernel/lib/check.h"

using namespace meridian;

extern "C" {

/// A virtual function of an object that is not whole yet, or no more.
[[noreturn]] void __cxa_pure_virtual() { UNREACHABLE(); }

}  // extern "C"

namespace std {

// Where a hosted libstdc++ throws: a position outside a string_view, and the like.
[[noreturn]] void __throw_out_of_range_fmt(const char* what, ...) {
  meridian::check_failed(what, "libstdc++", 0);
}
[[noreturn]] void __throw_length_error(const char* what) {
  meridian::check_failed(what, "libstdc++", 0);
}

}  // namespace std
