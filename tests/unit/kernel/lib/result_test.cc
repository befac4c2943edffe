// SPDX-License-Identifier: MIT
#include "kernel/lib/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace meridian {
namespace {

// A Result of one word is two words in registers, as trivial as its value.
static_assert(sizeof(Result<u64>) == 16 && std::is_trivially_copyable_v<Result<u64>>);
static_assert(std::is_trivially_copyable_v<Result<void>>);
static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
// Both kinds work in constant expressions.
static_assert(Result<int>(7).value() == 7);
static_assert(Result<int>(Error{Errc::not_found, 3}).error() == Error{Errc::not_found, 3});

Result<int> half_of_even(int n) {
  if (n % 2 != 0) return Error{Errc::not_aligned, static_cast<u64>(n)};
  return n / 2;
}
Result<int> quarter(int n) { return TRY(half_of_even(TRY(half_of_even(n)))); }
Result<void> must_be_even(int n) {
  TRY(half_of_even(n));
  return {};
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = half_of_even(10), bad = half_of_even(7);
  EXPECT_TRUE(good.has_value());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(good.value(), 5);
  EXPECT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error(), (Error{Errc::not_aligned, 7}));
  EXPECT_EQ(bad.value_or(-1), -1);
  EXPECT_EQ(good.value_or(-1), 5);
}

/// The first error arrives unchanged, whichever call it came from, and nothing after it runs.
TEST(Result, TryPassesErrorsOnUnchanged) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(9).error(), (Error{Errc::not_aligned, 9}));
  EXPECT_EQ(quarter(14).error(), (Error{Errc::not_aligned, 7}));
  EXPECT_TRUE(must_be_even(2).has_value());
  EXPECT_EQ(must_be_even(3).error(), (Error{Errc::not_aligned, 3}));
}

TEST(Result, AskingForWhatIsNotThereFailsACheck) {
  Result<int> bad = Error{Errc::fault, 1};
  Result<void> bad_void = Error{Errc::fault, 1};
  const Result<int> good = 1;
  EXPECT_THROW(bad.value(), std::logic_error);
  EXPECT_THROW(bad.take(), std::logic_error);
  EXPECT_THROW(bad_void.value(), std::logic_error);
  EXPECT_THROW(bad_void.take(), std::logic_error);
  EXPECT_THROW((void)good.error(), std::logic_error);
  EXPECT_THROW((void)Result<void>().error(), std::logic_error);
}

/// The first error code is not mistaken for success, and an error about 0 is still an error.
TEST(Result, EveryErrorIsAnError) {
  const Result<u64> first = Error{static_cast<Errc>(0), 0};
  EXPECT_FALSE(first.has_value());
  EXPECT_EQ(first.error(), (Error{Errc::out_of_frames, 0}));
  EXPECT_FALSE(Result<void>(Error{static_cast<Errc>(0), 0}).has_value());
  EXPECT_TRUE(Result<u64>(u64{0}).has_value());
}

TEST(Result, OwnsWhatItHolds) {
  auto make = [](bool good) -> Result<std::unique_ptr<int>> {
    if (!good) return Error{Errc::out_of_frames, 4};
    return std::make_unique<int>(9);
  };
  Result<std::unique_ptr<int>> held = make(true);
  EXPECT_EQ(*held.value(), 9);
  Result<std::unique_ptr<int>> moved = std::move(held);
  EXPECT_EQ(*moved.value(), 9);
  const std::unique_ptr<int> taken = moved.take();
  EXPECT_EQ(*taken, 9);
  // From a value to an error and back; the address sanitizer counts.
  moved = make(false);
  EXPECT_EQ(moved.error().about, 4u);
  moved = make(true);
  EXPECT_EQ(*moved.value(), 9);
  Result<std::string> text = std::string(100, 'x');
  Result<std::string>& same = text;
  text = std::move(same);
  EXPECT_EQ(text.value().size(), 100u);
}

/// Each error has a phrase of its own: lower case, no full stop.
TEST(Result, EveryErrorHasAPhrase) {
  std::vector<std::string> phrases;
  for (int code = 0; code <= static_cast<int>(Errc::failed); ++code) {
    const std::string phrase = name_of(static_cast<Errc>(code));
    EXPECT_FALSE(phrase.empty());
    EXPECT_EQ(phrase.find('.'), std::string::npos);
    EXPECT_NE(phrase, "unknown error");
    for (const std::string& other : phrases) EXPECT_NE(phrase, other);
    phrases.push_back(phrase);
  }
}

}  // namespace
}  // namespace meridian
