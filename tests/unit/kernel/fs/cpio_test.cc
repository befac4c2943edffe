// SPDX-License-Identifier: MIT
/// The initramfs reader, on archives that GNU cpio 2.13 wrote and on damaged ones.
#include "kernel/fs/cpio.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bad_inputs.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

using Archive = std::vector<std::byte>;

Archive bytes_of(const std::string& text) {
  Archive bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

/// Made in a folder with a file (bin/a, also linked as bin/b), a symbolic link to it, a file of 13
/// bytes and an empty one: `find . | sort | cpio -o -H newc`, or crc.
Archive gnu_archive(const char* name) {
  const std::string here = __FILE__;
  std::ifstream file(here.substr(0, here.rfind('/') + 1) + name, std::ios::binary);
  return bytes_of(std::string{std::istreambuf_iterator<char>(file), {}});
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// One entry as the format has it, for what GNU cpio would not write.
std::string entry(const std::string& name, const std::string& data, const char* magic = "070701",
                  u32 mode = 0100644, u32 checksum = 0) {
  char header[128];
  std::snprintf(header, sizeof header, "%s%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
                magic, 1, mode, 0, 0, 1, 0, data.size(), 0, 0, 0, 0, name.size() + 1, checksum);
  std::string out = header + name + '\0';
  while (out.size() % 4 != 0) out += '\0';
  out += data;
  while (out.size() % 4 != 0) out += '\0';
  return out;
}
const std::string kTrailer = entry("TRAILER!!!", "");

/// The names in `archive`, or the error that ended the reading.
struct Listing {
  std::vector<std::string> names;
  Error error{Errc::failed};
};
Listing list(std::span<const std::byte> archive) {
  Listing listing;
  CpioReader reader(archive);
  for (;;) {
    const auto next = reader.next();
    if (!next.has_value()) {
      listing.error = next.error();
      return listing;
    }
    if (!next.value()) return listing;
    listing.names.emplace_back(next.value()->name);
  }
}

TEST(Cpio, ListsWhatGnuCpioWrote) {
  for (const char* name : {"gnu_cpio.newc", "gnu_cpio.crc"}) {
    SCOPED_TRACE(name);
    const Archive archive = gnu_archive(name);
    const std::vector<std::string> expected{".",     "bin",       "bin/a",   "bin/b",
                                            "bin/c", "bin/empty", "bin/link"};
    EXPECT_EQ(list(archive).names, expected);
    EXPECT_EQ(list(archive).error, (Error{Errc::failed}));
  }
}

TEST(Cpio, FindsFilesByPathWithTheirDataAndKind) {
  const Archive archive = gnu_archive("gnu_cpio.newc");
  EXPECT_EQ(text_of(find_in_cpio(archive, "/bin/c").value().data), "0123456789abc");
  EXPECT_EQ(text_of(find_in_cpio(archive, "bin/c").value().data), "0123456789abc");
  EXPECT_EQ(text_of(find_in_cpio(archive, "./bin/c").value().data), "0123456789abc");
  EXPECT_EQ(find_in_cpio(archive, "/bin/c").value().mode, 0100755u);
  EXPECT_TRUE(find_in_cpio(archive, "/bin/empty").value().data.empty());
  EXPECT_TRUE(find_in_cpio(archive, "/bin").value().is_directory());
  EXPECT_TRUE(find_in_cpio(archive, "/bin/link").value().is_symbolic_link());
  EXPECT_EQ(text_of(find_in_cpio(archive, "/bin/link").value().data), "a");
  for (const char* path : {"", "/", "/bin/", "/bin/cc", "/c", "TRAILER!!!"})
    EXPECT_EQ(find_in_cpio(archive, path).error(), (Error{Errc::not_found})) << path;
}

/// newc stores the bytes of a file with several names once, with the last of them.
TEST(Cpio, GivesEveryHardLinkItsData) {
  const Archive archive = gnu_archive("gnu_cpio.newc");
  EXPECT_EQ(text_of(find_in_cpio(archive, "/bin/a").value().data), "hello");
  EXPECT_EQ(text_of(find_in_cpio(archive, "/bin/b").value().data), "hello");
}

TEST(Cpio, ReadsArchivesBehindEachOtherAndTheLastOfOneNameCounts) {
  const Archive archive = bytes_of(entry("a", "old") + kTrailer + std::string(512, '\0') +
                                   entry("a", "new") + kTrailer + std::string(100, '\0'));
  EXPECT_EQ(list(archive).names, (std::vector<std::string>{"a", "a"}));
  EXPECT_EQ(text_of(find_in_cpio(archive, "a").value().data), "new");
}

TEST(Cpio, RefusesDamageWhereItIs) {
  const std::string first = entry("a", "x");
  const auto error = [](const std::string& text) { return list(bytes_of(text)).error; };
  EXPECT_EQ(error(""), (Error{Errc::truncated, 0}));
  EXPECT_EQ(error(std::string(64, '\0')), (Error{Errc::truncated, 64}));
  EXPECT_EQ(error(first), (Error{Errc::truncated, first.size()})) << "no trailer";
  EXPECT_EQ(error("garbage"), (Error{Errc::bad_format, 0}));
  EXPECT_EQ(error(first + "garbage"), (Error{Errc::bad_format, first.size()}));
  EXPECT_EQ(error(first + std::string(4, '\0') + kTrailer),
            (Error{Errc::bad_format, first.size()}));
  EXPECT_EQ(error(first + kTrailer + "garbage").code, Errc::bad_format);
  EXPECT_EQ(error(first + first.substr(0, 50)), (Error{Errc::truncated, first.size()}));

  const auto with = [&](usize at, const std::string& text) {
    std::string damaged = first + first + kTrailer;
    return error(damaged.replace(first.size() + at, text.size(), text));
  };
  EXPECT_EQ(with(14, "0000g000"), (Error{Errc::bad_format, first.size() + 18}));
  EXPECT_EQ(with(54, "ffffffff"), (Error{Errc::truncated, first.size()})) << "file size";
  EXPECT_EQ(with(94, "ffffffff"), (Error{Errc::bad_format, first.size()})) << "name size";
  EXPECT_EQ(with(94, "00000000"), (Error{Errc::bad_format, first.size()}));
  EXPECT_EQ(with(94, "00000001"), (Error{Errc::bad_format, first.size() + 110}))
      << "no NUL at its end";
  EXPECT_EQ(with(110, std::string(1, '\0')), (Error{Errc::bad_format, first.size() + 110}));
}

TEST(Cpio, ChecksTheChecksumOfACrcArchive) {
  EXPECT_EQ(list(bytes_of(entry("a", "\x01\x02", "070702", 0100644, 3) +
                          entry("TRAILER!!!", "", "070702")))
                .names.size(),
            1u);
  EXPECT_EQ(list(bytes_of(entry("a", "\x01\x02", "070702", 0100644, 4))).error,
            (Error{Errc::bad_format, 0}));
}

TEST(Cpio, NamesOtherKindsOfArchive) {
  using namespace std::string_literals;
  const std::pair<std::string, const char*> kinds[] = {{"\x1f\x8b\x08"s, "a gzip file"},
                                                       {"BZh9"s, "a bzip2 file"},
                                                       {"\xfd"
                                                        "7zXZ\0"s,
                                                        "an xz file"},
                                                       {"\x5d\0\0\x80"s, "an lzma file"},
                                                       {"\x02\x21\x4c\x18"s, "an lz4 file"},
                                                       {"\x28\xb5\x2f\xfd"s, "a zstd file"},
                                                       {"\x89LZO\0"s, "an lzop file"},
                                                       {"070707"s, "an old (odc) cpio archive"},
                                                       {"\xc7\x71"s, "an old binary cpio archive"},
                                                       {""s, "empty"},
                                                       {"MZ"s, "no archive that is known here"},
                                                       {"070701"s, "a newc cpio archive"}};
  for (const auto& [text, name] : kinds) EXPECT_STREQ(name_of(archive_kind(bytes_of(text))), name);
  EXPECT_EQ(list(bytes_of("\x1f\x8b\x08"s)).error, (Error{Errc::unsupported, 0}));
  EXPECT_EQ(list(bytes_of(kTrailer + "\x28\xb5\x2f\xfd"s)).error,
            (Error{Errc::unsupported, kTrailer.size()}));
}

void read_all_of(std::span<const std::byte> archive) {
  CpioReader reader(archive);
  usize sum = 0;
  for (;;) {
    const auto next = reader.next();
    if (!next.has_value()) {
      ASSERT_LE(next.error().about, archive.size());
      break;
    }
    if (!next.value()) break;
    for (const char c : next.value()->name) sum += static_cast<u8>(c);
    for (const std::byte b : next.value()->data) sum += static_cast<u8>(b);
  }
  const auto found = find_in_cpio(archive, "/bin/a");
  if (found.has_value())
    for (const std::byte b : found.value().data) sum += static_cast<u8>(b);
  ASSERT_GT(sum + 1, 0u);
}

/// What remains of an archive cut short lists a part of the names, and then an error.
TEST(CpioHostile, TruncationsAreNoticed) {
  const Archive good = gnu_archive("gnu_cpio.newc");
  const usize end = text_of(good).find("TRAILER!!!") + 11;
  for_each_truncation("cpio", good, [&](std::span<const std::byte> archive) {
    const Error error = list(archive).error;
    if (archive.size() < end)
      EXPECT_TRUE(error.code == Errc::truncated || error.code == Errc::bad_format)
          << archive.size();
    else
      EXPECT_EQ(error, (Error{Errc::failed})) << "only the padding is gone";
  });
}

TEST(CpioHostile, EveryHeaderFieldSurvivesEveryEdgeValue) {
  const Archive good = gnu_archive("gnu_cpio.newc");
  for (usize field = 0; field < 13; ++field) {
    for (const char* value :
         {"00000000", "00000001", "00000002", "7fffffff", "80000000", "fffffffc", "fffffffd",
          "ffffffff", "FFFFFF90", "0000000g", "-0000001", "        "}) {
      for (usize start = 0; start < good.size(); start += 4) {
        if (text_of(good).compare(start, 6, "070701") != 0) continue;
        ExactCopy copy(good);
        std::memcpy(&copy[start + 6 + field * 8], value, 8);
        count_bad_input("cpio");
        read_all_of(copy.view());
      }
    }
  }
}

TEST(CpioHostile, RandomChangesDoNoHarm) {
  for_each_mutation("cpio", gnu_archive("gnu_cpio.newc"), 4000, test_seed() + 2, read_all_of);
  for_each_mutation("cpio", gnu_archive("gnu_cpio.crc"), 4000, test_seed() + 3, read_all_of);
}

}  // namespace
}  // namespace meridian
