// SPDX-License-Identifier: MIT
/// The initramfs as files, from archives that GNU cpio 2.13 wrote and from damaged ones.
#include "kernel/fs/initramfs.h"

#include <fstream>
#include <iterator>

#include "bad_inputs.h"
#include "fs_world.h"
#include "mm/frames/failure_injection.h"
#include "seed.h"

namespace meridian {
namespace {

/// See cpio_test.cc for how these were made.
std::vector<std::byte> gnu_archive(const char* name) {
  const std::string here = __FILE__;
  std::ifstream file(here.substr(0, here.rfind('/') + 1) + name, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

/// One entry; device numbers are for devices.
std::string entry(const std::string& name, u32 mode, const std::string& data = "", u32 inode = 1,
                  u32 links = 1, u32 major = 0, u32 minor = 0) {
  char header[128];
  std::snprintf(header, sizeof header,
                "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", inode, mode, 0, 0,
                links, 0, data.size(), 0, 0, major, minor, name.size() + 1, 0);
  std::string out = header + name + '\0';
  while (out.size() % 4 != 0) out += '\0';
  out += data;
  while (out.size() % 4 != 0) out += '\0';
  return out;
}

class InitramfsTest : public FsWorld {
 protected:
  int unpack(const std::string& entries) {
    return error_of(unpack_initramfs(bytes_of(entries + entry("TRAILER!!!", 0)), start.root));
  }
};

TEST_F(InitramfsTest, HoldsWhatGnuCpioPacked) {
  ASSERT_EQ(error_of(unpack_initramfs(gnu_archive("gnu_cpio.newc"), start.root)), 0);
  EXPECT_EQ(stat("/bin/a").value().inode, stat("/bin/b").value().inode) << "hard links";
  EXPECT_EQ(stat("/bin/a").value().links, 2u);
  EXPECT_EQ(stat("/bin/c").value().size, 13u);
  EXPECT_EQ(stat("/bin/empty").value().size, 0u);
  EXPECT_NE(stat("/bin/a").value().size, 0u) << "the data came with the last link";
  EXPECT_EQ(stat("/bin/link", FollowLast::no).value().mode >> 12, 10u);
  EXPECT_EQ(stat("/bin/link").value().inode, stat("/bin/a").value().inode);
}

TEST_F(InitramfsTest, MakesEveryKindAndWhatIsMissingAbove) {
  ASSERT_EQ(unpack(entry("a/b/file", 0100640, "text") + entry("a", 0040700) +
                   entry("dev/null", 0020666, "", 1, 1, 1, 3) + entry("pipe", 0010600)),
            0);
  EXPECT_EQ(read_file("/a/b/file"), "text");
  EXPECT_EQ(stat("/a/b/file").value().mode, 0100640u);
  EXPECT_EQ(stat("/a").value().mode, 0040700u) << "told after it was needed";
  EXPECT_EQ(stat("/dev/null").value().special_device, 0x103u);
  EXPECT_EQ(stat("/pipe").value().mode, 0010600u);
}

TEST_F(InitramfsTest, TheLastOfSeveralEntriesCounts) {
  ASSERT_EQ(unpack(entry("f", 0100644, "a longer first text") + entry("f", 0100755, "second")), 0);
  EXPECT_EQ(read_file("/f"), "second");
  EXPECT_EQ(stat("/f").value().mode, 0100755u);
}

TEST_F(InitramfsTest, CannotLeaveItsRoot) {
  ASSERT_EQ(error_of(mkdir("/inner")), 0);
  const Ref<Directory> inner = directory_of(look_up(start, "/inner").take()).take();
  const std::string archive = entry("../../out", 0100644, "x") + entry("TRAILER!!!", 0);
  EXPECT_EQ(error_of(unpack_initramfs(bytes_of(archive), inner)), 0);
  EXPECT_EQ(error_of(stat("/out")), ENOENT);
  EXPECT_EQ(error_of(stat("/inner/out")), 0);
}

TEST_F(InitramfsTest, AKindThatDoesNotExistIsDamage) {
  EXPECT_EQ(unpack(entry("f", 0030644)), EINVAL);
  EXPECT_EQ(unpack(entry("f", 0644)), EINVAL);
}

/// Whatever is wrong with it: an error or files, and all memory comes back.
TEST_F(InitramfsTest, DamagedArchivesEndInAnError) {
  const auto good = gnu_archive("gnu_cpio.newc");
  const auto unpack_into_new = [&](std::span<const std::byte> archive) {
    (void)unpack_initramfs(archive, make_tmpfs(fake_clock).take());
  };
  EXPECT_FALSE(unpack_initramfs(std::span(good).first(200), start.root).has_value());
  for_each_mutation("initramfs", good, 500, test_seed() + 64, unpack_into_new);
}

TEST_F(InitramfsTest, RunningOutOfMemoryAnywhereIsAnErrorAndLeaksNothing) {
  const auto good = gnu_archive("gnu_cpio.newc");
  for (u64 nth = 1;; ++nth) {
    const Ref<Directory> root = make_tmpfs(fake_clock).take();
    FailAllocation fail(nth);
    const Result<void> done = unpack_initramfs(good, root);
    if (!fail.has_fired()) {
      EXPECT_EQ(error_of(done), 0);
      EXPECT_GT(nth, 20u);
      break;
    }
    count_injections("initramfs");
    // ENOSPC: it was the page of a file.
    EXPECT_TRUE(error_of(done) == ENOMEM || error_of(done) == ENOSPC) << error_of(done);
  }
}

}  // namespace
}  // namespace meridian
