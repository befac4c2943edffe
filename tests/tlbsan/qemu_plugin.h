// SPDX-License-Identifier: MIT
/// QEMU 7.2's plugin interface (version 1), as much of it as this plugin uses: the names, types and
/// numbers that the two programs must agree on. Debian does not package QEMU's own header.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct qemu_plugin_tb;
struct qemu_plugin_insn;
using qemu_plugin_id_t = uint64_t;
using qemu_plugin_meminfo_t = uint32_t;

struct qemu_info_t {
  const char* target_name;
  struct {
    int min, cur;
  } version;
  bool system_emulation;
  struct {
    int smp_vcpus, max_vcpus;
  } system;
};

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_MEM_RW };

using qemu_plugin_translate = void (*)(qemu_plugin_id_t, qemu_plugin_tb*);
using qemu_plugin_execute = void (*)(unsigned cpu, void* data);
using qemu_plugin_access = void (*)(unsigned cpu, qemu_plugin_meminfo_t, uint64_t va, void* data);
using qemu_plugin_exit = void (*)(qemu_plugin_id_t, void* data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_translate);
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb*, qemu_plugin_execute,
                                          qemu_plugin_cb_flags, void* data);
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn*, qemu_plugin_execute,
                                            qemu_plugin_cb_flags, void* data);
void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn*, qemu_plugin_access, qemu_plugin_cb_flags,
                                      qemu_plugin_mem_rw, void* data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, qemu_plugin_exit, void* data);

size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb*);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb*, size_t);
const void* qemu_plugin_insn_data(const qemu_plugin_insn*);
uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn*);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);

// QEMU calls and reads these; hidden is everything else.
[[gnu::visibility("default")]] extern int qemu_plugin_version;
[[gnu::visibility("default")]] int qemu_plugin_install(qemu_plugin_id_t, const qemu_info_t*,
                                                       int argc, char** argv);
}
