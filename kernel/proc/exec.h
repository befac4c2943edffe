// SPDX-License-Identifier: MIT
/// From a file to a program that can run: an address space of its own with the file's segments mapped,
/// heap and stack in place, and the registers it starts with. Nothing of the caller's changes.
#pragma once

#include <arch/trap.h>

#include "kernel/fs/path.h"
#include "kernel/proc/elf.h"
#include "kernel/proc/exec_strings.h"
#include "kernel/proc/process.h"

namespace meridian {

struct LoadedProgram {
  Ref<UserSpace> space;
  UserAddr entry, stack_pointer;
  Ref<Inode> file;
  FixedText<16> name;
  ProgramPlaces places;
};

/// Loads the program that `path` names; of a script ("#!") its interpreter, with the script's path
/// behind its own arguments. `limits` bound the new space. Errc::not_found and the other errors of
/// paths; no_access (EACCES: no regular file, or not executable); bad_format (ENOEXEC: `problem`, if it
/// is an ELF file, says why); too_large (E2BIG); out_of_frames and the like.
Result<LoadedProgram> load_program(const PathStart& start, std::string_view path,
                                   ExecStrings strings, const Limits& limits, ElfProblem& problem);

/// The process, which is the calling thread's, becomes `program`: execve() after all that can fail.
/// `frame` is what it goes on with.
void become(Process& process, LoadedProgram program, arch::TrapFrame& frame);

}  // namespace meridian
