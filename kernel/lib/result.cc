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
    case Errc::fault: return "the access faulted";
    case Errc::timed_out: return "timed out";
    case Errc::interrupted: return "interrupted";
    case Errc::failed: return "failed";
  }
  return "unknown error";
}

}  // namespace meridian
