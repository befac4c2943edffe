// SPDX-License-Identifier: MIT
/// What programs are told of errors, as numbers of Linux's <errno.h>.
#include "kernel/syscall/errno.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace meridian {
namespace {

TEST(Errno, EveryErrorOfAFileHasLinuxsNumber) {
  const struct {
    Errc code;
    int number;
  } rows[] = {
      {Errc::not_found, ENOENT},        {Errc::invalid_argument, EINVAL},
      {Errc::exists, EEXIST},           {Errc::not_a_directory, ENOTDIR},
      {Errc::is_a_directory, EISDIR},   {Errc::not_empty, ENOTEMPTY},
      {Errc::too_many_links, ELOOP},    {Errc::name_too_long, ENAMETOOLONG},
      {Errc::other_file_system, EXDEV}, {Errc::busy, EBUSY},
      {Errc::bad_descriptor, EBADF},    {Errc::too_many_files, EMFILE},
      {Errc::file_too_large, EFBIG},    {Errc::no_space, ENOSPC},
      {Errc::not_seekable, ESPIPE},     {Errc::broken_pipe, EPIPE},
      {Errc::no_device, ENXIO},         {Errc::not_a_terminal, ENOTTY},
      {Errc::io_error, EIO},         {Errc::no_process, ESRCH},
      {Errc::try_again, EAGAIN},        {Errc::interrupted, EINTR},
  };
  for (const auto& row : rows)
    EXPECT_EQ(SyscallResult(Error{row.code}).raw(), u64{0} - static_cast<u64>(row.number))
        << name_of(row.code);
}

}  // namespace
}  // namespace meridian
