// SPDX-License-Identifier: MIT
#include "kernel/lib/result.h"

namespace meridian {

const char* name_of(Errc code) {
  switch (code) {
    case Errc::out_of_frames: return "out of frames";
    case Errc::out_of_address_space: return "out of address space";
    case Errc::out_of_slots: return "out of slots";
    case Errc::already_mapped: return "already mapped";
    case Errc::not_mapped: return "not mapped";
    case Errc::not_aligned: return "not aligned";
    case Errc::not_linear: return "not a linear-map address";
    case Errc::not_canonical: return "in the hole between the halves";
    case Errc::not_allocated: return "not allocated";
    case Errc::too_large: return "too large";
    case Errc::bad_range: return "bad range";
    case Errc::write_and_execute: return "writable and executable";
    case Errc::bad_number: return "not a number";
    case Errc::missing_argument: return "missing argument";
    case Errc::unexpected_argument: return "unexpected argument";
    case Errc::bad_format: return "malformed";
    case Errc::truncated: return "truncated";
    case Errc::unsupported: return "not supported";
    case Errc::not_found: return "not found";
    case Errc::not_permitted: return "not permitted";
    case Errc::no_access: return "no access";
    case Errc::over_limit: return "over a limit";
    case Errc::try_again: return "not now";
    case Errc::invalid_argument: return "invalid argument";
    case Errc::exists: return "the name is taken";
    case Errc::not_a_directory: return "not a directory";
    case Errc::is_a_directory: return "is a directory";
    case Errc::not_empty: return "directory not empty";
    case Errc::too_many_links: return "too many symbolic links";
    case Errc::name_too_long: return "name too long";
    case Errc::other_file_system: return "in another file system";
    case Errc::busy: return "in use";
    case Errc::bad_descriptor: return "bad file descriptor";
    case Errc::too_many_files: return "too many open files";
    case Errc::file_too_large: return "file too large";
    case Errc::no_space: return "no space left";
    case Errc::not_seekable: return "not seekable";
    case Errc::broken_pipe: return "broken pipe";
    case Errc::no_device: return "no such device";
    case Errc::not_a_terminal: return "not a terminal";
    case Errc::io_error: return "input or output error";
    case Errc::no_process: return "no such process";
    case Errc::fault: return "the access faulted";
    case Errc::timed_out: return "timed out";
    case Errc::interrupted: return "interrupted";
    case Errc::failed: return "failed";
  }
  return "unknown error";
}

}  // namespace meridian
