// SPDX-License-Identifier: MIT
/// The most hostile machine that the architecture allows: what each CPU may have cached, which
/// stores walkers may not see yet, which invalidations are not complete. README.md tells the rules.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <unordered_set>
#include <vector>

#include "tests/tlbsan/machine.h"
#include "tests/tlbsan/report.h"
#include "tests/tlbsan/tables.h"
#include "tests/tlbsan/tlb.h"

namespace tlbsan {

enum class Use : uint8_t { load, store, fetch };

/// One access of a running CPU.
struct Access {
  uint64_t va;
  Use use;
  uint64_t pc;
  unsigned size;  // bytes
  bool unprivileged = false;
};

/// What differs from kernel to kernel.
struct Habits {
  /// It retries an access that faults though the tables allow it.
  bool retries_spurious_faults = false;
  /// Which register tells its threads apart: tpidr_el1 or sp_el0.
  Register names_thread = Register::tpidr_el1;
};

class Model {
 public:
  Model(Machine& machine, Reporter& reporter, unsigned cpus, const Habits& habits);

  /// The CPU is about to execute instructions at `pc`: whatever it executed before is complete.
  void begin_block(unsigned cpu, uint64_t pc);
  /// It executes one that the model must see.
  void execute(unsigned cpu, const Instruction& instruction, uint64_t pc);
  /// It has loaded or stored, or fetches.
  void access(unsigned cpu, Access access);

  uint64_t vectors() const { return cpus_[0].vectors; }
  /// Does one CPU run at a time?
  bool cpus_take_turns() const { return cpus_.size() == 1 || machine_.cpus_take_turns(); }

 private:
  /// A store to a table that this CPU's own next accesses may not see yet.
  struct Pending {
    const Change* change;
    uint64_t va;
    bool was_global;  // a leaf that no TLBI by ASID names
    bool ordered;     // a DSB came after it, but no ISB
  };
  /// An instruction whose operand can be read when its block has ended.
  struct Executed {
    Instruction instruction;
    uint64_t pc;
  };
  /// An access that was found to be fine; it is, again, until something changes.
  struct Known {
    uint64_t page = ~uint64_t{0};
    unsigned generation = 0, context = 0;
    bool used[3] = {};  // by Use
    bool is_table = false;
    uint64_t frame = 0;
  };
  struct Cpu {
    unsigned number = 0;
    Regime regime;
    uint64_t vectors = 0;
    unsigned el = 1;
    Context context;
    bool asid_is_new = false;  // TTBR0 was written, and nothing translated with it yet
    bool pan = false;
    Tlb tlb;
    std::vector<Pending> pending;
    std::vector<Invalidation> open;  // no DSB came after them yet
    std::optional<Executed> executed;
    std::unordered_map<uint16_t, uint64_t> root_of_asid;
    std::array<Known, 1024> known;
    unsigned generation = 1;
  };
  /// An access on its way through the checks.
  struct Judged {
    Cpu& cpu;
    const Access& access;
    unsigned el;
    const Walk& walk;
  };

  // registers.cc: what an instruction does to the state.
  void complete(Cpu& cpu, const Executed& done);
  void write_register(Cpu& cpu, const Executed& done, uint64_t value);
  void switch_thread(Cpu& cpu, uint64_t thread);
  void take_exception(Cpu& cpu, uint64_t vector);
  void return_from_exception(Cpu& cpu, uint64_t pc);
  void check_asid(Cpu& cpu, uint64_t pc);  // before the first use of a new TTBR0
  void invalidate(Cpu& cpu, const Executed& done, uint64_t operand);
  static bool is_meant(const Invalidation& invalidation, const Pending& pending);
  void barrier(Cpu& cpu, const Dsb& dsb);
  void complete_invalidation(const Invalidation& invalidation);
  bool comes_back(const Cpu& cpu, const Entry& entry) const;
  void synchronize(Cpu& cpu);

  // accesses.cc: what an access may meet.
  void access_page(Cpu& cpu, const Access& access);
  Walk walk_for(const Cpu& cpu, const Access& access) const;
  std::optional<uint64_t> translate(Cpu& cpu, const Access& access, unsigned el);
  bool check_leaves(const Judged& judged);
  bool check_tables(const Judged& judged);
  void check_visible(const Judged& judged);
  std::string difference(const Judged& judged, const Entry& entry) const;
  void report_entry(const Judged& judged, Entry& entry, Kind kind, const std::string& what);
  bool is_due(const Cpu& cpu, const Entry& entry) const;
  bool permits(const Judged& judged, const Rights& el1, const Rights& el0) const;
  void remember(Cpu& cpu, const Walk& walk, uint64_t va);
  void remember_group(Cpu& cpu, const Walk& walk, uint64_t va);

  // stores.cc: what a store to a table does.
  void store(Cpu& cpu, uint64_t pa, unsigned size, uint64_t pc);
  void learn_tables(const Walk& walk, uint64_t va);
  void change(Cpu* cpu, uint64_t pc, Table& table, unsigned index, uint64_t before);
  bool update_entries(const Table& table, const Change& change);
  void update_entry(Entry& entry, const Change& change);
  void check_break(const Table& table, unsigned index, const Change& change);
  void check_freed(const Table& table, unsigned index, const Change& change);
  bool is_reachable(const Table& table) const;
  void forget_known();

  Entry entry_at(const Cpu& cpu, const Walk& walk, uint64_t va, unsigned level) const;
  static std::string missing_for(const Entry& entry);

  Machine& machine_;
  Reporter& reporter_;
  Habits habits_;
  ReadWord read_;            // of memory
  ReadWord read_last_seen_;  // of the tables as they are known, and of memory where none is
  Tables tables_;
  std::vector<Cpu> cpus_;
  std::deque<Change> changes_;
  std::unordered_set<const Change*> settled_;  // invalidated somewhere, though not everywhere
  std::unordered_map<uint64_t, uint64_t> settled_by_thread_;  // its changes up to this number
  std::unordered_map<uint64_t, unsigned> depth_of_thread_;    // of those that do not run
  std::unordered_set<uint64_t> unlinked_;  // frames of tables that a cached walk may still reach
};

}  // namespace tlbsan
