// SPDX-License-Identifier: MIT
/// The tour: one stop for each statement about virtual memory that this kernel exists to show. A
/// stop does the thing on the running machine, prints what it read there, and requires what must
/// hold. It passes only if it required something and every requirement held; one that cannot be
/// shown here says why and is skipped.
#pragma once

#include <span>
#include <string_view>

#include "kernel/lib/format.h"
#include "kernel/lib/result.h"

namespace meridian {

enum class Verdict : u8 { pass, fail, skip };

/// What a stop prints and requires while it runs.
class Evidence {
 public:
  explicit Evidence(Writer& out) : out_(out) {}

  /// One line of evidence: values read from the machine.
  template <typename... Args>
  void show(FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
    out_.write("    ");
    print<Args...>(out_, format, args...);
    out_.put('\n');
  }

  /// States that `holds` must be true; prints the sentence with its verdict. Returns `holds`.
  bool require(bool holds, std::string_view sentence);

  /// The value, or a failed requirement that names the error. The stop ends early on a null return.
  template <typename T>
  const T* require_value(const Result<T>& result, std::string_view sentence) {
    if (result.has_value()) return &result.value();
    require_no_error(result.error(), sentence);
    return nullptr;
  }

  /// Says that the statement cannot be shown on this machine or under this layout, and why.
  void does_not_apply(std::string_view reason);

  Writer& out() { return out_; }
  Verdict verdict() const;

 private:
  void require_no_error(Error error, std::string_view sentence);

  Writer& out_;
  unsigned held_ = 0, failed_ = 0;
  bool applies_ = true;
};

/// One statement and how it is shown.
struct TourStop {
  std::string_view id;         // as in the mission: "A1"
  std::string_view statement;  // one sentence
  void (*run)(Evidence&);
};

/// The stops of each section, in order; one file each.
std::span<const TourStop> halves_stops();     // A
std::span<const TourStop> crossing_stops();   // B
std::span<const TourStop> linear_stops();     // C
std::span<const TourStop> allocator_stops();  // D
std::span<const TourStop> highmem_stops();    // E
std::span<const TourStop> user_stops();       // F
std::span<const TourStop> x86_stops();        // F4, G

/// Runs one stop, with its heading and verdict.
Verdict run_stop(Writer& out, const TourStop& stop);

/// The stop called `id` (either case), or nullptr.
const TourStop* find_stop(std::string_view id);

/// Runs every stop and prints the tally. True if none failed.
bool run_tour(Writer& out);

}  // namespace meridian
