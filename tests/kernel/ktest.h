// SPDX-License-Identifier: MIT
/// Tests that run inside the kernel, in the test image only. KERNEL_TEST(suite, WhatHappensWhen)
/// defines one and puts it into a linker section; `selftest` runs them and prints KTAP, which
/// tests/run.py reads.
///
/// EXPECT_... notes a failure and goes on; ASSERT_... leaves the function (which returns void).
/// Both print the expression, and the two values if they can be printed. Tests run one after the
/// other; a test that uses several CPUs may expect on each.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernel/lib/format.h"
#include "kernel/lib/result.h"

namespace meridian {

struct KernelTest {
  std::string_view suite, name;
  void (*run)();
};

/// All tests of this image, sorted by suite and name.
std::span<const KernelTest* const> kernel_tests();

/// Runs the tests whose "suite.Name" begins with `prefix` (all if empty), as KTAP on `out`. Returns
/// how many failed; Errc::not_found if there is none.
Result<u64> run_kernel_tests(Writer& out, std::string_view prefix);

namespace ktest {

struct Place {
  const char* file;
  int line;
};

/// Marks the running test as failed and begins a line "# file:line: " that the caller ends.
Writer& begin_failure(Place place);
/// Marks the running test as skipped.
void skip(std::string_view reason);

template <typename T>
concept Named = requires(T value) {
  { name_of(value) } -> std::convertible_to<std::string_view>;
};
template <typename T>
concept Printable = std::integral<T> || std::convertible_to<T, std::string_view> ||
    requires(Writer& out, const T& value) {
  format_value(out, value, {});
};

template <typename T>
void print_operand(Writer& out, const T& value) {
  if constexpr (Named<T>)
    print(out, "{}", name_of(value));
  else if constexpr (std::is_enum_v<T>)
    print(out, "{}", static_cast<u64>(value));
  else if constexpr (std::same_as<T, bool>)
    print(out, "{}", value);
  else if constexpr (std::integral<T>)
    print(out, "{} ({:X})", value, static_cast<std::make_unsigned_t<T>>(value));
  else if constexpr (std::is_pointer_v<T> && !std::convertible_to<T, std::string_view>)
    print(out, "{:018X}", reinterpret_cast<u64>(value));
  else if constexpr (Printable<T>)
    print(out, "{}", value);
  else
    out.write("a value that does not print");
}

template <typename T>
concept Number = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

/// Comparisons by value: a u64 may be compared with the literal 5.
#define KTEST_COMPARISON_(Name, op, function)   \
  struct Name {                                 \
    template <typename A, typename B>           \
    static bool holds(const A& a, const B& b) { \
      if constexpr (Number<A> && Number<B>)     \
        return std::function(a, b);             \
      else                                      \
        return a op b;                          \
    }                                           \
  };
KTEST_COMPARISON_(Equal, ==, cmp_equal)
KTEST_COMPARISON_(NotEqual, !=, cmp_not_equal)
KTEST_COMPARISON_(Less, <, cmp_less)
KTEST_COMPARISON_(LessOrEqual, <=, cmp_less_equal)
KTEST_COMPARISON_(Greater, >, cmp_greater)
KTEST_COMPARISON_(GreaterOrEqual, >=, cmp_greater_equal)
#undef KTEST_COMPARISON_

template <typename Comparison, typename A, typename B>
bool compare(Place place, const char* text, A a, B b) {
  if (Comparison::holds(a, b)) return true;
  Writer& out = begin_failure(place);
  print(out, "expected {}, but left is ", text);
  print_operand(out, a);
  out.write(", right is ");
  print_operand(out, b);
  out.put('\n');
  return false;
}

inline bool expect(Place place, bool holds, const char* text) {
  if (!holds) print(begin_failure(place), "expected {}\n", text);
  return holds;
}

template <typename T>
bool expect_ok(Place place, const Result<T>& result, const char* text) {
  if (result.has_value()) return true;
  const Error error = result.error();
  print(begin_failure(place), "{}: {} ({:X})\n", text, name_of(error.code), error.about);
  return false;
}

template <typename T>
bool expect_error(Place place, const Result<T>& result, Errc code, const char* text) {
  if (!result.has_value() && result.error().code == code) return true;
  Writer& out = begin_failure(place);
  print(out, "{} should be refused: {}, but ", text, name_of(code));
  if (result.has_value())
    out.write("it succeeded\n");
  else
    print(out, "it is: {} ({:X})\n", name_of(result.error().code), result.error().about);
  return false;
}

}  // namespace ktest
}  // namespace meridian

#define KERNEL_TEST(suite, Name)                                                                \
  static void ktest_##suite##_##Name();                                                         \
  static constexpr ::meridian::KernelTest ktest_entry_##suite##_##Name{#suite, #Name,           \
                                                                       ktest_##suite##_##Name}; \
  [[gnu::section(".ktests." #suite "." #Name),                                                  \
    gnu::used]] static constexpr const ::meridian::KernelTest* ktest_pointer_##suite##_##Name = \
      &ktest_entry_##suite##_##Name;                                                            \
  static void ktest_##suite##_##Name()

#define KTEST_PLACE_ (::meridian::ktest::Place{__FILE__, __LINE__})
#define KTEST_COMPARE_(Comparison, a, op, b)                                                      \
  ::meridian::ktest::compare<::meridian::ktest::Comparison>(KTEST_PLACE_, #a " " #op " " #b, (a), \
                                                            (b))
#define KTEST_OR_RETURN_(holds) \
  do {                          \
    if (!(holds)) return;       \
  } while (false)

#define EXPECT_TRUE(condition) \
  ((void)::meridian::ktest::expect(KTEST_PLACE_, static_cast<bool>(condition), #condition))
#define EXPECT_FALSE(condition) \
  ((void)::meridian::ktest::expect(KTEST_PLACE_, !static_cast<bool>(condition), "not " #condition))
#define EXPECT_EQ(a, b) ((void)KTEST_COMPARE_(Equal, a, ==, b))
#define EXPECT_NE(a, b) ((void)KTEST_COMPARE_(NotEqual, a, !=, b))
#define EXPECT_LT(a, b) ((void)KTEST_COMPARE_(Less, a, <, b))
#define EXPECT_LE(a, b) ((void)KTEST_COMPARE_(LessOrEqual, a, <=, b))
#define EXPECT_GT(a, b) ((void)KTEST_COMPARE_(Greater, a, >, b))
#define EXPECT_GE(a, b) ((void)KTEST_COMPARE_(GreaterOrEqual, a, >=, b))
/// A Result that has a value, or one that has this error.
#define EXPECT_OK(result) ((void)::meridian::ktest::expect_ok(KTEST_PLACE_, (result), #result))
#define EXPECT_ERROR(result, code) \
  ((void)::meridian::ktest::expect_error(KTEST_PLACE_, (result), (code), #result))

#define ASSERT_TRUE(condition) \
  KTEST_OR_RETURN_(            \
      ::meridian::ktest::expect(KTEST_PLACE_, static_cast<bool>(condition), #condition))
#define ASSERT_FALSE(condition) \
  KTEST_OR_RETURN_(             \
      ::meridian::ktest::expect(KTEST_PLACE_, !static_cast<bool>(condition), "not " #condition))
#define ASSERT_EQ(a, b) KTEST_OR_RETURN_(KTEST_COMPARE_(Equal, a, ==, b))
#define ASSERT_NE(a, b) KTEST_OR_RETURN_(KTEST_COMPARE_(NotEqual, a, !=, b))
#define ASSERT_LT(a, b) KTEST_OR_RETURN_(KTEST_COMPARE_(Less, a, <, b))
#define ASSERT_LE(a, b) KTEST_OR_RETURN_(KTEST_COMPARE_(LessOrEqual, a, <=, b))
#define ASSERT_GT(a, b) KTEST_OR_RETURN_(KTEST_COMPARE_(Greater, a, >, b))
#define ASSERT_GE(a, b) KTEST_OR_RETURN_(KTEST_COMPARE_(GreaterOrEqual, a, >=, b))
#define ASSERT_OK(result) \
  KTEST_OR_RETURN_(::meridian::ktest::expect_ok(KTEST_PLACE_, (result), #result))
#define ASSERT_ERROR(result, code) \
  KTEST_OR_RETURN_(::meridian::ktest::expect_error(KTEST_PLACE_, (result), (code), #result))

/// Ends the test: this machine has not what it needs.
#define SKIP_TEST(reason)            \
  do {                               \
    ::meridian::ktest::skip(reason); \
    return;                          \
  } while (false)
