// SPDX-License-Identifier: MIT
/// Who the system is, who the caller is to it, and who runs where. (Linux's answers are root's.)
#include "abi.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static void system_names(void) {
  struct utsname names;
  SHOW("uname", SYS_uname, &names);
  SHOW("uname(bad)", SYS_uname, BAD);
  printf("%s %s\n", names.sysname, names.machine);
  SHOW("sethostname(too long)", SYS_sethostname, "x", 65);
  SHOW("sethostname(negative)", SYS_sethostname, "x", -1);
  struct sysinfo info;
  SHOW("sysinfo", SYS_sysinfo, &info);
  HOLDS(info.totalram >= info.freeram && info.freeram > 0 && info.mem_unit > 0 && info.procs > 0);
  SHOW("sysinfo(bad)", SYS_sysinfo, BAD);
}

static void randomness(void) {
  unsigned char bytes[1000] = {0};
  SHOW("getrandom(1000)", SYS_getrandom, bytes, sizeof bytes, 0);
  int seen[256] = {0}, different = 0;
  for (size_t i = 0; i < sizeof bytes; ++i) different += !seen[bytes[i]]++;
  HOLDS(different > 200);
  SHOW("getrandom(0)", SYS_getrandom, bytes, 0, 1);
  SHOW("getrandom(flags 8)", SYS_getrandom, bytes, 1, 8);
  SHOW("getrandom(flags 6)", SYS_getrandom, bytes, 1, 6);
  SHOW("getrandom(bad)", SYS_getrandom, BAD, 1, 0);
}

static void names(void) {
  char name[17] = "0123456789abcdef";
  SHOW("prctl(set_name)", SYS_prctl, PR_SET_NAME, "a name that is too long", 0, 0, 0);
  SHOW("prctl(get_name)", SYS_prctl, PR_GET_NAME, name, 0, 0, 0);
  printf("'%s'\n", name);
  SHOW("prctl(set_name, bad)", SYS_prctl, PR_SET_NAME, BAD, 0, 0, 0);
  SHOW("prctl(get_name, bad)", SYS_prctl, PR_GET_NAME, BAD, 0, 0, 0);
  SHOW("prctl(999)", SYS_prctl, 999, 0, 0, 0, 0);
  SHOW("prctl(set_pdeathsig, 65)", SYS_prctl, PR_SET_PDEATHSIG, 65, 0, 0, 0);
  SHOW("prctl(set_pdeathsig, 9)", SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  int signal = 0;
  SHOW("prctl(get_pdeathsig)", SYS_prctl, PR_GET_PDEATHSIG, &signal, 0, 0, 0);
  printf("signal %d\n", signal);
  SHOW("prctl(set_pdeathsig, 0)", SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
  SHOW("prctl(get_no_new_privs)", SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  SHOW("prctl(set_no_new_privs, 2)", SYS_prctl, PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0);
  SHOW("prctl(get_dumpable)", SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static void identity(void) {
  SHOW("getgroups(-1)", SYS_getgroups, -1, NULL);
  uint32_t id[3];
  SHOW("getresuid", SYS_getresuid, &id[0], &id[1], &id[2]);
  HOLDS(id[0] == getuid() && id[1] == geteuid());
  SHOW("getresuid(bad)", SYS_getresuid, BAD, &id[1], &id[2]);
  SHOW("setresuid(same)", SYS_setresuid, -1, -1, -1);
  SHOW("setregid(same)", SYS_setregid, -1, -1);
  SHOW("personality(query)", SYS_personality, -1);
  SHOW("reboot(odd)", SYS_reboot, 1, 2, 3, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  SHOW("capget", SYS_capget, &header, data);
  SHOW("capget(bad)", SYS_capget, BAD, data);
  header.version = 1;
  SHOW("capget(version 1)", SYS_capget, &header, data);
  HOLDS(header.version == _LINUX_CAPABILITY_VERSION_3);
}

static void scheduling(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  HOLDS(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0 && CPU_COUNT(&set) > 0);
  SHOW("sched_getaffinity(7 bytes)", SYS_sched_getaffinity, 0, 7, &set);
  SHOW("sched_getaffinity(no process)", SYS_sched_getaffinity, 99999, sizeof set, &set);
  SHOW("sched_getaffinity(bad)", SYS_sched_getaffinity, 0, sizeof set, BAD);
  SHOW("sched_yield", SYS_sched_yield);
  unsigned cpu = ~0u, node = ~0u;
  SHOW("getcpu", SYS_getcpu, &cpu, &node, NULL);
  HOLDS(cpu < 1024 && node < 64);
  SHOW("getcpu(bad)", SYS_getcpu, BAD, NULL, NULL);
  SHOW("sched_getscheduler", SYS_sched_getscheduler, 0);
  SHOW("sched_getscheduler(-1)", SYS_sched_getscheduler, -1);
  SHOW("sched_getscheduler(no process)", SYS_sched_getscheduler, 99999);
  struct sched_param parameter = {-1};
  SHOW("sched_getparam", SYS_sched_getparam, 0, &parameter);
  printf("priority %d\n", parameter.sched_priority);
  SHOW("sched_getparam(null)", SYS_sched_getparam, 0, NULL);
  SHOW("sched_get_priority_max(other)", SYS_sched_get_priority_max, SCHED_OTHER);
  SHOW("sched_get_priority_min(other)", SYS_sched_get_priority_min, SCHED_OTHER);
  SHOW("sched_get_priority_max(99)", SYS_sched_get_priority_max, 99);
  SHOW("setpriority(5)", SYS_setpriority, PRIO_PROCESS, 0, 5);
  SHOW("getpriority", SYS_getpriority, PRIO_PROCESS, 0);
  SHOW("setpriority(99)", SYS_setpriority, PRIO_PROCESS, 0, 99);
  SHOW("getpriority", SYS_getpriority, PRIO_PROCESS, 0);
  SHOW("getpriority(kind 3)", SYS_getpriority, 3, 0);
  SHOW("getpriority(no process)", SYS_getpriority, PRIO_PROCESS, 99999);
  SHOW("setpriority(no process)", SYS_setpriority, PRIO_PROCESS, 99999, 0);
}

/// The grandchild asked to be told when its parent ends.
static void parents_death(void) {
  int ends[2];
  if (pipe(ends) != 0) return;
  if (fork() == 0) {
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (write(ends[1], "r", 1) != 1) _exit(1);
      for (;;) pause();
    }
    char ready;
    if (read(ends[0], &ready, 1) != 1) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  char byte;
  wait(NULL);
  printf("the grandchild's end of the pipe is closed: %ld\n", (long)read(ends[0], &byte, 1));
}

int main(void) {
  system_names();
  randomness();
  names();
  identity();
  scheduling();
  parents_death();
  return 0;
}
