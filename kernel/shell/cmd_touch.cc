// SPDX-License-Identifier: MIT
/// peek, poke, probe: touching memory, with the fault as the answer where there is one.
#include <arch/probe.h>

#include "kernel/shell/command.h"

namespace meridian {
namespace {

using arch::ProbeKind;

constexpr u64 kMostPeeked = 4096, kBytesALine = 16;

/// A line of a dump: up to kBytesALine bytes from `va` on, as numbers and as text.
Result<void> peek_line(Writer& out, VirtAddr va, u64 count) {
  BufferWriter<kBytesALine> text;
  print(out, "{} ", va);
  for (u64 i = 0; i < kBytesALine; ++i) {
    if (i >= count) {
      out.write("   ");
      continue;
    }
    const arch::ProbeResult byte = arch::probe(va + i, ProbeKind::load8);
    if (!byte.ok) {
      print(out, " {}\n", byte.fault);
      return Error{Errc::failed, 1};
    }
    print(out, " {:02x}", byte.value);
    const char c = static_cast<char>(byte.value);
    text.put(c >= ' ' && c <= '~' ? c : '.');
  }
  print(out, "  {}\n", text.text());
  return {};
}

Result<void> cmd_peek(Writer& out, Args& args) {
  const VirtAddr va = TRY(args.address("VA"));
  const u64 bytes = args.more() ? TRY(args.number("BYTES", kMostPeeked)) : 64;
  TRY(args.end());
  for (u64 done = 0; done < bytes; done += kBytesALine)
    TRY(peek_line(out, va + done, bytes - done));
  return {};
}
SHELL_COMMAND("peek", "peek VA [BYTES]", "show memory, up to the first byte that faults", cmd_peek,
              CommandGroup::access);

Result<void> cmd_poke(Writer& out, Args& args) {
  const VirtAddr va = TRY(args.address("VA"));
  const u64 value = TRY(args.number("VALUE"));
  const u64 bytes = args.more() ? TRY(args.number("BYTES", 8)) : 8;
  if (!is_power_of_two(bytes)) return args.refuse("is none of 1, 2, 4 and 8");
  TRY(args.end());
  if (bytes < 8 && value >> (8 * bytes) != 0) {
    print(out, "poke: {:X} does not fit into {} bytes\n", value, bytes);
    return Error{Errc::failed, 1};
  }
  const arch::ProbeResult result = arch::probe_store(va, static_cast<unsigned>(bytes), value);
  if (result.ok) return {};
  print(out, "{}\n", result.fault);
  return Error{Errc::failed, 1};
}
SHELL_COMMAND("poke", "poke VA VALUE [1|2|4|8]", "write a number of so many bytes (8)", cmd_poke,
              CommandGroup::access);

/// The access that the words after the address ask for: load, store or exec, by EL1 or EL0.
Result<ProbeKind> probe_kind(Args& args) {
  const bool store = args.take("store");
  const bool execute = !store && args.take("exec");
  if (!store && !execute) args.take("load");
  const bool user = args.take("el0");
  if (args.more()) {
    TRY(args.word("ACCESS"));
    return args.refuse("is out of place");
  }
  if (execute && user) return args.refuse("cannot be tried by exec: run a program (attack jump)");
  if (execute) return ProbeKind::execute;
  if (user) return store ? ProbeKind::user_store : ProbeKind::user_load;
  return store ? ProbeKind::store : ProbeKind::load8;
}

Result<void> cmd_probe(Writer& out, Args& args) {
  const VirtAddr va = TRY(args.address("VA"));
  const ProbeKind kind = TRY(probe_kind(args));
  TRY(args.end());
  const arch::ProbeResult result = arch::probe(va, kind);
  if (result.ok)
    print(out, "{}: the access went through\n", va);
  else if (result.refused)
    print(out, "{}: not tried: it would run code that is not a plain return\n", va);
  else
    print(out, "{}\n  ESR {:X}, level {}\n", result.fault, result.fault.esr, result.fault.level());
  return {};
}
SHELL_COMMAND("probe", "probe VA [load|store|exec] [el0]",
              "try an access and say what the MMU answered", cmd_probe, CommandGroup::access);

}  // namespace
}  // namespace meridian
