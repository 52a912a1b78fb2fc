// SPDX-License-Identifier: Apache-2.0
// Who runs the proxies and the applications of pods.
#pragma once

#include "sockets.h"

enum { PROXY_USER = 1337, USER = 1000 };

static inline void enter(const char *cgroup, unsigned user)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
    set(path, "0");
    check(setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0, "user");
    // Behind the change of user, which clears it.
    check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
}
