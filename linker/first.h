// SPDX-License-Identifier: MIT
/// What kernel.mk compiles once and puts before each source. Headers of the C++ library only: a source
/// includes what it uses, as if this were not here.

#include "linker/hidden.h"  // for what is declared here

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
