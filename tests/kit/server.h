/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIT_SERVER_H
#define KIT_SERVER_H
/*
 * A kurierd of one's own, as a child process over a temporary directory: for
 * tests, benchmarks and the demo. It dies with its parent, and kit_server_stop
 * removes what it left behind.
 */
#include <stdbool.h>
#include <sys/types.h>

struct kit_server {
    char dir[64];       /* temporary; the log directory is below it */
    char bootstrap[32]; /* "127.0.0.1:PORT", the same after a restart */
    int port;
    int startup_ms;             /* as kurierd itself says */
    pid_t pid;                  /* 0: not running */
    const char *const *options; /* KEY=VALUE, NULL at the end; may be NULL */
    char words[256];            /* why something failed */
};

/* The path of kurierd: $KURIERD, or bin/kurierd beside the build. */
const char *kit_server_path(void);
/* Starts it on a free port and waits until it is ready. False: see words. */
bool kit_server_start(struct kit_server *server, const char *const *options);
/* Again on the same port and directory. */
bool kit_server_restart(struct kit_server *server);
/* SIGKILL or another signal; waits until the process is gone. Answers its wait status. */
int kit_server_kill(struct kit_server *server, int signal);
/* SIGTERM, then the directory is removed. False: it did not end cleanly. */
bool kit_server_stop(struct kit_server *server);

#endif
