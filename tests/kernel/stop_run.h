// SPDX-License-Identifier: MIT
/// One run of a stop of the tour inside a test: what it printed, and how it ended. Something can be
/// done in the middle of the run, when the stop prints a certain text.
#pragma once

#include <array>

#include "kernel/tour/tour.h"
#include "mm/address.h"
#include "tests/kernel/ktest.h"

namespace meridian::ktest {

/// What happens when the stop prints `text`, once; it is told what was printed so far.
struct Meanwhile {
  std::string_view text;
  void (*act)(std::string_view so_far);
};

/// The hexadecimal number that stands in `text` right after `words`; 0 if they are not there.
u64 number_after(std::string_view text, std::string_view words);

/// Keeps what is written, and acts on it.
class StopOutput final : public Writer {
 public:
  void start(const Meanwhile& meanwhile);
  void write(std::string_view text) override;
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 16 << 10> text_{};
  usize size_ = 0;
  Meanwhile meanwhile_{};
};

/// One at a time: the output is kept in one place.
class StopRun {
 public:
  explicit StopRun(std::string_view id, const Meanwhile& meanwhile = {});

  Verdict verdict() const { return verdict_; }
  std::string_view text() const;
  bool says(std::string_view words) const { return text().find(words) != std::string_view::npos; }
  u64 number_after(std::string_view words) const { return ktest::number_after(text(), words); }

 private:
  Verdict verdict_ = Verdict::skip;
};

/// The stop must fail, and say of this sentence that it does not hold.
void expect_stop_fails(Place place, std::string_view id, std::string_view sentence,
                       const Meanwhile& meanwhile = {});
void expect_stop_passes(Place place, std::string_view id);

}  // namespace meridian::ktest

#define EXPECT_STOP_FAILS(...) ::meridian::ktest::expect_stop_fails(KTEST_PLACE_, __VA_ARGS__)
#define EXPECT_STOP_PASSES(id) ::meridian::ktest::expect_stop_passes(KTEST_PLACE_, id)
