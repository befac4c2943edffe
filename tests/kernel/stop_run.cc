// SPDX-License-Identifier: MIT
#include "tests/kernel/stop_run.h"

#include <cstring>
#include <utility>

namespace meridian::ktest {
namespace {

constinit StopOutput output;

/// What a stop said that should have ended otherwise, as lines that begin with #.
void quote(Writer& out, std::string_view text) {
  while (!text.empty()) {
    const usize end = text.find('\n');
    print(out, "#   {}\n", text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

std::string_view word_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "passed";
    case Verdict::fail:
      return "failed";
    case Verdict::skip:
      return "was skipped";
  }
  UNREACHABLE();
}

}  // namespace

void StopOutput::start(const Meanwhile& meanwhile) {
  size_ = 0;
  meanwhile_ = meanwhile;
}

void StopOutput::write(std::string_view text) {
  CHECK(text.size() <= text_.size() - size_);
  std::memcpy(text_.data() + size_, text.data(), text.size());
  size_ += text.size();
  if (meanwhile_.act == nullptr || this->text().find(meanwhile_.text) == std::string_view::npos)
    return;
  const Meanwhile now = std::exchange(meanwhile_, {});
  now.act(this->text());
}

StopRun::StopRun(std::string_view id, const Meanwhile& meanwhile) {
  const TourStop* stop = find_stop(id);
  CHECK(stop != nullptr);
  output.start(meanwhile);
  verdict_ = run_stop(output, *stop);
}

std::string_view StopRun::text() const { return output.text(); }

u64 number_after(std::string_view text, std::string_view words) {
  const usize found = text.find(words);
  if (found == std::string_view::npos) return 0;
  std::string_view digits = text.substr(found + words.size());
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  u64 number = 0;
  for (const char c : digits) {
    const bool is_letter = 'a' <= c && c <= 'f';
    if (!is_letter && (c < '0' || '9' < c)) break;
    number = number << 4 | static_cast<u64>(is_letter ? c - 'a' + 10 : c - '0');
  }
  return number;
}

void expect_stop_fails(Place place, std::string_view id, std::string_view sentence,
                       const Meanwhile& meanwhile) {
  const StopRun run(id, meanwhile);
  BufferWriter<160> line;
  print(line, "  [NO] {}", sentence);
  if (run.verdict() == Verdict::fail && run.says(line.text())) return;
  Writer& out = begin_failure(place);
  print(out, "{} should fail with \"{}\", but it {}:\n", id, sentence, word_for(run.verdict()));
  quote(out, run.text());
}

void expect_stop_passes(Place place, std::string_view id) {
  const StopRun run(id);
  if (run.verdict() == Verdict::pass) return;
  Writer& out = begin_failure(place);
  print(out, "{} should pass, but it {}:\n", id, word_for(run.verdict()));
  quote(out, run.text());
}

}  // namespace meridian::ktest
