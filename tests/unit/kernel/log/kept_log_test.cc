// SPDX-License-Identifier: MIT
#include "kernel/log/kept_log.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace meridian {
namespace {

std::string newest(KeptLog& log, usize most = KeptLog::kSize) {
  std::string text(most, '?');
  text.resize(log.read_newest(text));
  return text;
}
std::string next(KeptLog& log, usize most = KeptLog::kSize) {
  std::string text(most, '?');
  text.resize(log.read_next(text));
  return text;
}

TEST(KeptLog, GivesTheNewestAgainAndAgain) {
  const auto log = std::make_unique<KeptLog>();
  EXPECT_EQ(newest(*log), "");
  log->add("one\n");
  log->add("two\n");
  EXPECT_EQ(newest(*log), "one\ntwo\n");
  EXPECT_EQ(newest(*log, 5), "\ntwo\n");
  log->clear();
  EXPECT_EQ(newest(*log), "");
  log->add("three\n");
  EXPECT_EQ(newest(*log), "three\n");
}

TEST(KeptLog, GivesEachByteOnceToWhoReadsOn) {
  const auto log = std::make_unique<KeptLog>();
  log->add("onetwo");
  EXPECT_EQ(log->unread(), 6u);
  EXPECT_EQ(next(*log, 3), "one");
  log->clear();  // is about the other way of reading
  EXPECT_EQ(log->unread(), 3u);
  EXPECT_EQ(next(*log), "two");
  EXPECT_EQ(next(*log), "");
}

/// 8192 bytes are kept; of 10,000 the first 1808 are lost.
TEST(KeptLog, ForgetsTheOldest) {
  const auto log = std::make_unique<KeptLog>();
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = std::to_string(100'000'000 + i) + "\n";
    log->add(line);
    all += line;
  }
  EXPECT_EQ(newest(*log), all.substr(1808));
  EXPECT_EQ(log->unread(), 8192u);
  EXPECT_EQ(next(*log, 10), all.substr(1808, 10));
}

}  // namespace
}  // namespace meridian
