// SPDX-License-Identifier: MIT
/// What tests.mk compiles once and puts before each source of the unit tests. No header of the
/// project: a source includes what it uses, as if this were not here.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>
